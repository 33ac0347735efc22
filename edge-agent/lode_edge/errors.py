"""What can go wrong at the edge.

EdgeError
└── DriverError          a device gave no usable reading; the poller counts it and says so
    ├── Unreachable      nothing came back
    │   ├── TimedOut     ... in time
    │   └── Refused      ... because the connection was refused or broke
    ├── BadAnswer        something came back and made no sense
    │   └── NotNow       ... because the device has nothing to say on this at present
    ├── Busy             it was not asked: an order to it was under way
    └── Unsupported      the device does not offer, or does not allow, what was asked
        └── Denied       ... because it refused the login, or our rights do not reach so far
"""

from typing import ClassVar

from lode_wire.records import Quality


class EdgeError(Exception):
    """Anything that goes wrong in the agent; the message says where, what, and what to do."""


class DriverError(EdgeError):
    """A device gave no usable reading; `quality` says so in the record that stands in for it."""

    quality: ClassVar[Quality] = Quality.BAD_ANSWER


class Unreachable(DriverError):  # noqa: N818 -- reads as what happened
    """No answer came from the device."""

    quality = Quality.REFUSED


class TimedOut(Unreachable):
    """No answer came in time."""

    quality = Quality.TIMED_OUT


class Refused(Unreachable):
    """The device, or the network, refused or broke the connection."""


class BadAnswer(DriverError):  # noqa: N818
    """An answer came and made no sense."""


class NotNow(BadAnswer):
    """The device offers what was asked, but not in its present state."""


class Busy(DriverError):  # noqa: N818
    """The device was not asked, because an order to it was under way until it was too late."""

    quality = Quality.TIMED_OUT


class Unsupported(DriverError):  # noqa: N818
    """The device does not offer, or does not allow, what was asked of it."""

    quality = Quality.REFUSED


class Denied(Unsupported):
    """The device refused the login, or allows its bearer less; only a person can mend that."""
