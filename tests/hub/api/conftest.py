"""A migrated store of each test's own, and the doors in front of it."""

from tests.hub.api.doors import doors
from tests.hub.app.opened import store

__all__ = ["doors", "store"]
