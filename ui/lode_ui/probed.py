"""What a probe has found at an address, made ready to be shown; the answer is not trusted."""

from collections.abc import Mapping
from dataclasses import dataclass

from lode_ui.evidence import readable
from lode_ui.figures import MISSING

MOST_FOUND = 20
MOST_VALUES = 200
_FACTS = {
    "vendor": "Vendor",
    "model": "Model",
    "firmware": "Firmware",
    "serial": "Serial",
    "mac": "MAC",
    "profile": "Suggested profile",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class FoundDevice:
    """One device that answered."""

    heading: str
    facts: dict[str, str]
    values: list[tuple[str, str]]
    note: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ProbeAnswer:
    """All that answered, and why nothing did where something was tried."""

    found: list[FoundDevice]
    notes: list[str]


def read(answer: object) -> ProbeAnswer:
    """Read a probe's answer; what it lacks stays empty."""
    said = answer if isinstance(answer, dict) else {}
    found = said.get("found")
    notes = said.get("notes")
    return ProbeAnswer(
        found=[
            _device(each)
            for each in (found if isinstance(found, list) else [])[:MOST_FOUND]
            if isinstance(each, dict)
        ],
        notes=[str(each) for each in (notes if isinstance(notes, list) else [])[:MOST_FOUND]],
    )


def _device(said: Mapping[str, object]) -> FoundDevice:
    facts = said.get("facts")
    known: Mapping[str, object] = facts if isinstance(facts, dict) else {}
    values = said.get("values")
    named = [str(known[key]) for key in ("vendor", "model") if known.get(key)]
    unit = said.get("unit")
    shown = {
        "Driver": str(said.get("driver") or MISSING),
        "Address": str(said.get("address") or MISSING),
        **({} if unit is None else {"Unit": str(unit)}),
        **{name: str(known.get(key) or MISSING) for key, name in _FACTS.items()},
    }
    measured = dict(list(values.items())[:MOST_VALUES]) if isinstance(values, dict) else {}
    return FoundDevice(
        heading=" ".join(named) or "A device that does not say what it is",
        facts=shown,
        values=readable({key: value for key, value in measured.items() if value is not None}),
        note=str(said.get("note") or ""),
    )
