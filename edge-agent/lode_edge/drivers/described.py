"""Load the description that a device's settings name."""

from typing import TypeVar

from lode_edge.drivers.driver import DeviceEntry
from lode_edge.errors import EdgeError
from lode_profiles import Profile, ProfileError, load

_P = TypeVar("_P", bound=Profile)


def described(entry: DeviceEntry, shape: type[_P], is_not: str) -> _P:
    """Load a device's description, which must have this shape.

    Raises:
        EdgeError: there is none, it is malformed, or it `is_not` of this shape.
    """
    try:
        profile = load(entry.profile)
    except ProfileError as error:
        raise EdgeError(f"device {entry.name}: {error}") from error
    if not isinstance(profile, shape):
        raise EdgeError(f"device {entry.name}: profile {entry.profile!r} {is_not}")
    return profile
