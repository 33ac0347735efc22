"""Time zones by their names, also on a machine that has no table of them."""

import datetime
import zoneinfo

from lode_hub.errors import InvalidError

_SAMPLE = "Europe/Berlin"


def known(name: str) -> datetime.tzinfo | None:
    """Give the zone of a name; None when this machine knows none, as slim images do."""
    if name == "UTC":
        return datetime.UTC
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return None


def named(name: str) -> datetime.tzinfo:
    """Give the zone of a name.

    Raises:
        InvalidError: there is none of that name, or none at all on this machine.
    """
    found = known(name)
    if found is not None:
        return found
    if known(_SAMPLE) is None:
        raise InvalidError(
            f"time zone: {name[:64]!r} cannot be looked up, for this machine has no table of time "
            "zones; pip install tzdata and restart the hub, or use UTC"
        )
    raise InvalidError(f"time zone: no {name[:64]!r}; use a name such as {_SAMPLE}")
