"""The database of these tests."""

from tests.hub.sites.stage import cluster, postgres, store

__all__ = ["cluster", "postgres", "store"]
