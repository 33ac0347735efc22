"""Detection over files, for anyone to score: one series, or rigs against their peers."""
