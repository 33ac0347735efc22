"""What each device speaks, measures and tolerates: descriptions as data, checked when loaded."""

from lode_profiles.library import Profile, find_rig, load, meters, names, rigs, text_of
from lode_profiles.modbus import (
    Controls,
    MeterProfile,
    NumberType,
    Probe,
    Register,
    Speed,
    Switch,
    Vector,
    span,
)
from lode_profiles.registers import Reader, decode, modulus, reader, replay, width
from lode_profiles.schema import Mode, ProfileError, RigProfile

__all__ = [
    "Controls",
    "MeterProfile",
    "Mode",
    "NumberType",
    "Probe",
    "Profile",
    "ProfileError",
    "Reader",
    "Register",
    "RigProfile",
    "Speed",
    "Switch",
    "Vector",
    "decode",
    "find_rig",
    "load",
    "meters",
    "modulus",
    "names",
    "reader",
    "replay",
    "rigs",
    "span",
    "text_of",
    "width",
]
