"""What can go wrong between edge and hub.

WireError
├── DecodeError   what came in breaks the contract: quarantine it
└── EncodeError   what was to go out breaks the contract: a bug at the sender
"""


class WireError(Exception):
    """Any breach of the contract; the message says where, what, and what was expected."""


class DecodeError(WireError):
    """Incoming bytes that are no valid message; the message names the place."""


class EncodeError(WireError):
    """Records that cannot be put on the wire; the message names the field."""
