"""Data quality: every reading gets a verdict before a detector sees it."""
