"""The database of these tests."""

from tests.hub.sites.stage import store

__all__ = ["store"]
