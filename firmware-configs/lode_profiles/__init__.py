"""What each device speaks, measures and tolerates, as data."""
