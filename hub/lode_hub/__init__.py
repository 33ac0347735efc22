"""The hub: ingests, stores, detects, alerts."""
