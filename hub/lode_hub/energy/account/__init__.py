"""What came of it, in energy and money, from counters: provable, and the same when made again."""
