"""What can go wrong at the hub.

HubError
├── SettingsError      a setting is missing or wrong       ┐
├── DatabaseError      no database that can be used        │ the hub says it and ends
│   └── InUseError     another hub has it                  │
├── BrokerError        the hub's own broker does not start │
├── TrustError         a key cannot be used, or is not safe ┘
├── UnauthorizedError  nobody is logged in                 ┐
├── ForbiddenError     this person may not do that         │
├── NotFoundError      there is no such thing              │ the API answers with it
├── InvalidError       the request cannot be understood    │
├── ConflictError      it is not in a state for that       │
├── TooManyError       too many attempts; come back later  │
└── UnavailableError   the database does not answer now    ┘
"""


class HubError(Exception):
    """Anything that goes wrong at the hub: `where: what, with values; what to do`."""


# Nobody handles these: the hub says what is wrong and ends.


class SettingsError(HubError):
    """A setting is missing or wrong."""


class DatabaseError(HubError):
    """There is no database that can be used."""


class InUseError(DatabaseError):
    """Another hub runs the embedded database in this folder."""


class BrokerError(HubError):
    """The hub's own broker does not start."""


class TrustError(HubError):
    """A key of the hub's cannot be used, or others may read it."""


# These are answers to a person or a machine that asked.


class UnauthorizedError(HubError):
    """Nobody is logged in."""


class ForbiddenError(HubError):
    """This person may not do that."""


class NotFoundError(HubError):
    """There is no such thing."""


class InvalidError(HubError):
    """The request cannot be understood."""


class ConflictError(HubError):
    """The thing is not in a state in which this can be done."""


class TooManyError(HubError):
    """Too many attempts: come back after `retry_s` seconds."""

    def __init__(self, message: str, *, retry_s: float) -> None:
        super().__init__(message)
        self.retry_s = retry_s


class UnavailableError(HubError):
    """The database does not answer now: try again in a moment."""
