"""Why a delivery failed.

HubError
└── DeliveryError
    ├── UnavailableError  the channel cannot take it now        the notifier tries again
    └── RefusedError      the channel will never take this one  the notifier gives it up
"""

from lode_hub.errors import HubError


class DeliveryError(HubError):
    """A channel did not take a message."""


# The notifier handles both.


class UnavailableError(DeliveryError):
    """It cannot take it now; not before `after_s` seconds, if it said so."""

    def __init__(self, message: str, *, after_s: float | None = None) -> None:
        super().__init__(message)
        self.after_s = after_s


class RefusedError(DeliveryError):
    """It will never take this message, however often it is sent."""
