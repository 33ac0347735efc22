"""A migrated store of each test's own."""

from tests.hub.app.opened import store

__all__ = ["store"]
