"""What goes wrong between an agent and its hub's door."""

from lode_edge.errors import EdgeError


class TrustError(EdgeError):
    """The agent has no identity, or cannot get one: the message says why and what to do."""


class RefusedByHub(TrustError):  # noqa: N818 -- reads as what happened
    """The hub has understood, and said no."""
