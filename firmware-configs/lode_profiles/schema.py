"""What descriptions of every shape share, and the shape of a rig's."""

from typing import Annotated, Literal

import msgspec

MeterField = Literal[
    "power_w",
    "energy_in_kwh",
    "energy_out_kwh",
    "voltage_v",
    "current_a",
    "freq_hz",
    "power_factor",
]
"""What a meter reading holds."""

Text = Annotated[str, msgspec.Meta(min_length=1)]
Positive = Annotated[float, msgspec.Meta(gt=0)]
Count = Annotated[int, msgspec.Meta(ge=1, le=64)]


class ProfileError(Exception):
    """A description that is missing or malformed; the message names the file and the key."""


class Mode(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A way in which a rig can be run, by the name its firmware gives it."""

    name: Text
    power_w: Positive
    hashrate_ths: Positive


class RigProfile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A rig model: what its name plate says and what it tolerates.

    `modes` are the points of its efficiency curve that are known, by rising power; empty where
    none is. `source` says where the figures come from; `verified` is False while nobody has
    compared them with the vendor's sheet. `chips_per_board` is None where variants of one model
    differ.
    """

    name: str = ""  # the file's, set when it is loaded
    vendor: Text
    model: Text
    aliases: tuple[Text, ...] = ()
    hashrate_ths: Positive
    power_w: Positive
    boards: Count
    fans: Annotated[int, msgspec.Meta(ge=0, le=64)]
    chips_per_board: Annotated[int, msgspec.Meta(ge=1, le=1000)] | None = None
    chip_temp_max_c: Annotated[float, msgspec.Meta(gt=0, le=150)] | None = None
    board_temp_max_c: Annotated[float, msgspec.Meta(gt=0, le=150)] | None = None
    modes: tuple[Mode, ...] = ()
    source: Text
    verified: bool

    def __post_init__(self) -> None:
        """Refuse what the types cannot say."""
        names = [mode.name for mode in self.modes]
        if len(set(names)) < len(names):
            raise ValueError("modes: two have the same name; a mode is known by its name")
        powers = [mode.power_w for mode in self.modes]
        if powers != sorted(powers):
            raise ValueError("modes: write them by rising power_w")
