"""What each device speaks, measures and tolerates: descriptions as data, checked when loaded."""

from lode_profiles.library import find_rig, load, meters, names, rigs
from lode_profiles.registers import decode
from lode_profiles.schema import (
    MeterProfile,
    NumberType,
    Poll,
    Probe,
    Profile,
    ProfileError,
    Register,
    RigProfile,
    Vector,
    span,
)

__all__ = [
    "MeterProfile",
    "NumberType",
    "Poll",
    "Probe",
    "Profile",
    "ProfileError",
    "Register",
    "RigProfile",
    "Vector",
    "decode",
    "find_rig",
    "load",
    "meters",
    "names",
    "rigs",
    "span",
]
