"""A home for programs, and a store."""

from tests.hub.app.opened import home, store

__all__ = ["home", "store"]
