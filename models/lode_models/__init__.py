"""Features and trained models."""
