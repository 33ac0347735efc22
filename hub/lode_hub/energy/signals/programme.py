"""A demand-response programme as a TOML document: what it asks, pays, and how it counts."""

from typing import Annotated, Any, Literal

import msgspec

from lode_hub.energy.secrets import Secret
from lode_hub.energy.sources.described import zone
from lode_hub.energy.tariff import document
from lode_hub.energy.topic import Broker
from lode_hub.energy.vtn import OpenAdr

Usd = Annotated[float, msgspec.Meta(ge=0, le=1e6)]
Kw = Annotated[float, msgspec.Meta(ge=0, le=1e7)]
Path = Annotated[str, msgspec.Meta(max_length=200)]
Reduce = Literal["to", "by", "all"]
Method = Literal["10-of-10", "before", "before-after", "plan"]


class Baseline(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How is found what would have been drawn without the call; docs/energy.md says it in words."""

    method: Method = "10-of-10"
    days: Annotated[int, msgspec.Meta(ge=1, le=45)] = 10
    look_back_days: Annotated[int, msgspec.Meta(ge=1, le=120)] = 45
    day_types: Literal["business", "all"] = "business"  # alike: weekdays; or weekends and holidays
    adjustment: Literal["multiplicative", "additive", "none"] = "multiplicative"
    adjustment_cap_ratio: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.2
    adjustment_from_h: Annotated[float, msgspec.Meta(gt=0, le=12)] = 4.0  # before the event
    adjustment_until_h: Annotated[float, msgspec.Meta(ge=0, le=12)] = 1.0
    before_min: Annotated[int, msgspec.Meta(ge=5, le=240)] = 60

    def __post_init__(self) -> None:
        """Check that the adjustment has a time."""
        if self.adjustment_from_h <= self.adjustment_until_h:
            raise ValueError("adjustment_from_h is not before adjustment_until_h")


class Columns(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which path within a call's JSON says what, by MQTT or webhook; else as the API has it.

    What is not there is left to the programme. `level` is one of `levels_kw`, 0 is the end.
    """

    event: Path = "event"
    begin: Path = "from_ms"
    end: Path = "until_ms"
    format: Path = "epoch-ms"  # iso, epoch-s, epoch-ms, or as strptime has it
    modification: Path = "modification"
    reduce: Path = "reduce"
    power_kw: Path = "power_kw"
    level: Path = "level"
    random_s: Path = "random_s"
    test: Path = "is_test"
    cancelled: Path = "is_cancelled"
    rows: Path = ""  # the path to the list of calls; empty: the whole is a call, or their list


class Programme(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a programme asks when its call does not say, what it pays, and how it counts."""

    reduce: Reduce = "all"
    power_kw: Kw | None = None
    levels_kw: tuple[Kw, ...] = ()  # OpenADR's SIMPLE 1, 2 and 3: reduce by so much
    notice_s: Annotated[float, msgspec.Meta(ge=0, le=7 * 86_400)] = 600.0
    credit_usd_mwh: Usd | None = None  # for what was delivered, up to what was asked
    penalty_usd_mwh: Usd | None = None  # for what was not
    tolerance_ratio: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.05
    baseline: Baseline = Baseline()
    time_zone: str = "UTC"  # of the baseline's days, and of times that name none
    columns: Columns = Columns()
    openadr: OpenAdr | None = None
    mqtt: Broker | None = None  # calls are told there as JSON
    webhook_secret: Secret | None = None

    def __post_init__(self) -> None:
        """Check the zone, and that a call without a power can be understood."""
        zone(self.time_zone)
        if (self.reduce == "all") != (self.power_kw is None):
            raise ValueError('power_kw goes with reduce = "to" or "by", and only with them')

    def asked(self, level: float) -> dict[str, Any]:
        """Give what a level asks, as `call_of` has it: 0 is the end.

        Raises:
            ValueError: it is none of ours.
        """
        if isinstance(level, bool) or not level >= 0 or level % 1:
            raise ValueError(f"level {level}; expected a whole number from 0 on")
        if level == 0:
            return {"is_cancelled": True}
        if not self.levels_kw:
            return {}
        if level > len(self.levels_kw):
            raise ValueError(f"level {level:g}; set levels_kw of the programme for it")
        return {"reduce": "by", "power_kw": self.levels_kw[int(level) - 1]}


def described(text: str, where: str = "programme") -> Programme:
    """Read a description.

    Raises:
        InvalidError: it cannot be.
    """
    return document.read(text, Programme, where)
