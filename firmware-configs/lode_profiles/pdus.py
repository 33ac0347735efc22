"""The shape of a PDU's description: where its figures are in SNMP, and how its outlets switch.

An object's place is its column and an index within it. In an index, `{n}` is what is counted
(outlet, inlet, phase) and `{unit}` the device's own `unit`, for PDUs linked behind one address.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Annotated, NamedTuple

import msgspec

from lode_profiles.schema import Text

Oid = tuple[int, ...]
OidText = Annotated[str, msgspec.Meta(pattern=r"^1(\.\d{1,10}){2,60}$")]
IndexText = Annotated[str, msgspec.Meta(pattern=r"^(\d+|\{n\}|\{unit\})(\.(\d+|\{n\}|\{unit\}))*$")]


class Figure(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One kind of value: value = raw * scale / 10^digits, in `unit`.

    The other columns have the same index: `digits` of the raw value after the point, `minimum`
    below zero where the `signed` column is to be read instead, `available` 1 where there is a
    value at all. `states` gives a number to each state of something that is not measured.
    """

    point: Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9.{}]+$")]  # outlet.{n}.power
    column: OidText
    index: IndexText
    unit: str
    scale: float = 1.0
    digits: OidText | None = None
    signed: OidText | None = None
    minimum: OidText | None = None
    available: OidText | None = None
    missing: tuple[int, ...] = ()
    states: dict[str, float] = {}

    def __post_init__(self) -> None:
        """Refuse what the types cannot say."""
        if ("{n}" in self.index) != ("{n}" in self.point) or self.index.count("{n}") > 1:
            raise ValueError(f"{self.point}: {{n}} belongs once into both point and index")
        if (self.signed is None) != (self.minimum is None):
            raise ValueError(f"{self.point}: signed and minimum belong together")


class Relay(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How an outlet is switched: `on` or `off` written to `column`; `state` reads it back.

    Where `allowed` is given, it is 1 for an outlet that can be switched. A column without the
    outlet says that it cannot.
    """

    column: OidText
    index: IndexText
    on: int
    off: int
    state: OidText
    state_on: int
    state_off: int
    allowed: OidText | None = None


class PduVector(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Proof of a description: these objects are these values."""

    note: Text
    raw: dict[OidText, int]
    values: dict[str, float | None]  # None is written as the text "missing"


class PduProfile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A PDU that speaks SNMP."""

    name: str = ""  # the file's, set when it is loaded
    vendor: Text
    model: Text
    aliases: tuple[Text, ...] = ()
    source: Text
    verified: bool
    identity: dict[str, str] = {}  # model, serial, firmware: their objects, with {unit}
    figures: Annotated[tuple[Figure, ...], msgspec.Meta(min_length=1, max_length=64)]
    relay: Relay | None = None
    vectors: Annotated[tuple[PduVector, ...], msgspec.Meta(min_length=1)]

    def __post_init__(self) -> None:
        """Refuse what the types cannot say."""
        unknown = set(self.identity) - {"model", "serial", "firmware"}
        if unknown:
            raise ValueError(f"identity.{min(unknown)} is unknown; use model, serial, firmware")
        for vector in self.vectors:
            rows = {read_oid(text): raw for text, raw in vector.raw.items()}
            found = {place.point: place.value(rows) for place in places(self, 1, rows)}
            for point, value in vector.values.items():
                if point not in found or not _is_close(found[point], value):
                    raise ValueError(
                        f"vectors ({vector.note}): {point} is {found.get(point, 'not there')}, "
                        f"not {value}"
                    )


class Place(NamedTuple):
    """One value of one PDU: where it is, and what it is read with."""

    point: str
    figure: Figure
    oid: Oid
    beside: Mapping[str, Oid]  # digits, available: the same index in other columns

    def value(self, rows: Mapping[Oid, int]) -> float | None:
        """Make the value of what was read; None when it is not there or not available."""
        raw = rows.get(self.oid)
        if raw is None or raw in self.figure.missing:
            return None
        if "available" in self.beside and rows.get(self.beside["available"]) != 1:
            return None
        if self.figure.states:
            return self.figure.states.get(str(raw))
        digits = rows.get(self.beside["digits"], 0) if "digits" in self.beside else 0
        return raw * self.figure.scale / 10**digits if 0 <= digits <= 9 else None  # noqa: PLR2004


def places(profile: PduProfile, unit: int, rows: Mapping[Oid, int]) -> list[Place]:
    """Find every value that a PDU has, by the objects it has."""
    found = []
    for figure in profile.figures:
        column = read_oid(figure.column)
        for oid, number in _matching(rows, column, figure.index, unit):
            index = oid[len(column) :]
            beside = {
                name: read_oid(text) + index
                for name in ("digits", "available")
                if (text := getattr(figure, name)) is not None
            }
            at = oid
            if figure.minimum is not None and rows.get(read_oid(figure.minimum) + index, 0) < 0:
                at = read_oid(figure.signed or figure.column) + index
            found.append(Place(figure.point.replace("{n}", str(number)), figure, at, beside))
    return found


def outlets(relay: Relay, unit: int, rows: Mapping[Oid, int]) -> dict[int, Oid]:
    """Find the outlets that can be switched, and where."""
    column = read_oid(relay.column)
    found = {}
    for oid, number in _matching(rows, column, relay.index, unit):
        allowed = relay.allowed and rows.get(read_oid(relay.allowed) + oid[len(column) :])
        if relay.allowed is None or allowed == 1:
            found[number] = oid
    return found


def columns(profile: PduProfile) -> list[Oid]:
    """List the columns that a PDU is searched for."""
    texts: list[str | None] = []
    for figure in profile.figures:
        texts += [figure.column, figure.digits, figure.minimum, figure.available, figure.signed]
    if profile.relay is not None:
        texts += [profile.relay.column, profile.relay.state, profile.relay.allowed]
    return list(dict.fromkeys(read_oid(text) for text in texts if text))


def read_oid(text: str) -> Oid:
    """Read an OID as people write it."""
    return tuple(int(arc) for arc in text.split("."))


def _matching(rows: Iterable[Oid], column: Oid, index: str, unit: int) -> list[tuple[Oid, int]]:
    """Find the objects of a column whose index fits, each with its number."""
    pattern = re.compile(
        re.escape(index).replace(r"\{n\}", r"(\d+)").replace(r"\{unit\}", str(unit))
    )
    found = []
    for oid in sorted(rows):
        if oid[: len(column)] == column:
            match = pattern.fullmatch(".".join(map(str, oid[len(column) :])))
            if match:
                found.append((oid, int(match[1]) if match.groups() else 1))
    return found


def _is_close(one: float | None, other: float | None) -> bool:
    if one is None or other is None:
        return one is other
    return abs(one - other) <= 1e-9 * max(abs(one), abs(other), 1.0)
