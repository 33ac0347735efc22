"""How a tariff is described: a TOML document, checked before it is kept."""

import datetime as dt
import re
from typing import Annotated, Literal, get_args
from zoneinfo import ZoneInfo

import msgspec

from lode_hub.energy.tariff import document

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WEEKDAYS: tuple[Weekday, ...] = get_args(Weekday)
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=80)]
Currency = Annotated[str, msgspec.Meta(pattern=r"^[A-Z]{3}$")]
Month = Annotated[int, msgspec.Meta(ge=1, le=12)]
Money = Annotated[float, msgspec.Meta(ge=-1e6, le=1e6)]
Ratio = Annotated[float, msgspec.Meta(ge=0, le=1)]
Minutes = Annotated[int, msgspec.Meta(ge=1, le=1440)]

DAY_MIN = 1440
_HOURS = re.compile(r"(\d\d):(\d\d)-(\d\d):(\d\d)")
_SEASON = re.compile(r"(\d\d)-(\d\d)\.\.(\d\d)-(\d\d)")


class When(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which local times count; what is not said counts always."""

    months: tuple[Month, ...] = ()
    season: str = ""  # 06-01..09-30, both days in it; may run over the new year
    weekdays: tuple[Weekday, ...] = ()
    hours: tuple[str, ...] = ()  # 07:00-22:00; 22:00-06:00 runs over midnight
    holidays: Literal["as others", "only", "never"] = "as others"

    def __post_init__(self) -> None:
        """Check what can be written wrongly."""
        for text in self.hours:
            span_min(text)
        if self.season:
            season(self.season)


class Energy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a MWh costs before everything else: a market's price, or a fixed one."""

    price: Literal["day-ahead", "real-time", "fixed"]
    node: str = ""
    fixed_mwh: Money | None = None  # in the tariff's currency
    loss_ratio: Ratio = 0.0  # grid losses: so much more than is metered is paid

    def __post_init__(self) -> None:
        """Check that a price can be found."""
        if (self.price == "fixed") != (self.fixed_mwh is not None):
            raise ValueError('fixed_mwh goes with price = "fixed", and only with it')


class Adder(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """So much more for each MWh, at all times or at some."""

    name: Name
    price_mwh: Money
    when: When = When()


class Demand(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """So much for the highest mean power of a window in a billing month."""

    name: Name
    price_kw: Annotated[float, msgspec.Meta(ge=0, le=1e6)]
    window_min: Literal[5, 15, 30, 60] = 15
    when: When = When()
    ratchet_ratio: Ratio = 0.0  # of the highest of the months before, at least
    ratchet_months: Annotated[int, msgspec.Meta(ge=1, le=36)] = 11


class Peak(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A charge for what is drawn while the whole grid peaks; which window, is known afterwards.

    One window in each of the months counts, among the times of `when`.
    """

    name: Name
    price_kw_year: Annotated[float, msgspec.Meta(ge=0, le=1e6)]
    when: When
    window_min: Literal[5, 15, 30, 60] = 15
    probability: Ratio = 0.0  # of a window at those times, where no series says better
    probability_node: str = ""  # of the series of quantity peak-probability

    def __post_init__(self) -> None:
        """Check that the months are named: the year's price is divided by them."""
        if not self.when.months:
            raise ValueError("when.months is empty; name the months that have a peak each")


class Tax(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A share of what was added up, in the order of the file."""

    name: Name
    ratio: Annotated[float, msgspec.Meta(ge=-1, le=2)]
    on: tuple[Literal["energy", "losses", "adders", "demand", "peaks"], ...] = (
        "energy",
        "losses",
        "adders",
        "demand",
        "peaks",
    )


class Tariff(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A tariff of one site, valid from the begin of a local day to the begin of another."""

    name: Name
    currency: Currency
    time_zone: str
    valid_from: dt.date
    valid_until: dt.date | None = None
    energy: Energy
    usd_per_unit: Annotated[float, msgspec.Meta(gt=0, le=1e6)] | None = None
    # None: 1 for USD, else the series of quantity exchange whose node is the currency.
    holidays: tuple[dt.date, ...] = ()
    adders: tuple[Adder, ...] = ()
    demand: tuple[Demand, ...] = ()
    peaks: tuple[Peak, ...] = ()
    taxes: tuple[Tax, ...] = ()
    billing_day: Annotated[int, msgspec.Meta(ge=1, le=28)] = 1  # a billing month begins on it

    def __post_init__(self) -> None:
        """Check what belongs together."""
        try:
            ZoneInfo(self.time_zone)
        except (KeyError, ValueError, OSError):
            raise ValueError(
                f"time_zone {self.time_zone!r} is unknown; use one such as America/Chicago"
            ) from None
        if self.valid_until is not None and self.valid_until <= self.valid_from:
            raise ValueError(f"valid_until {self.valid_until} is not after {self.valid_from}")
        parts = (self.adders, self.demand, self.peaks, self.taxes)
        names = [part.name for listed in parts for part in listed]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"{', '.join(twice)}: a name comes twice; give each its own")

    @property
    def zone(self) -> ZoneInfo:
        """The zone of its calendar."""
        return ZoneInfo(self.time_zone)

    @property
    def span_ms(self) -> tuple[int, int]:
        """When it is valid, Unix ms; the end is not in it."""
        begin = _midnight_ms(self.valid_from, self.zone)
        end = _midnight_ms(self.valid_until, self.zone) if self.valid_until else 2**62
        return begin, end


def described(text: str, where: str = "tariff") -> Tariff:
    """Read a description.

    Raises:
        InvalidError: it cannot be.
    """
    return document.read(text, Tariff, where)


def span_min(text: str) -> tuple[int, int]:
    """Read hours such as 07:00-22:00: minutes of the day; the end may be before the begin.

    Raises:
        ValueError: they are none.
    """
    match = _HOURS.fullmatch(text)
    if match is None:
        raise ValueError(f"hours {text!r}; write them as 07:00-22:00")
    h0, m0, h1, m1 = map(int, match.groups())
    begin, end = h0 * 60 + m0, h1 * 60 + m1
    if m0 > 59 or m1 > 59 or begin >= DAY_MIN or end > DAY_MIN or begin == end:  # noqa: PLR2004
        raise ValueError(f"hours {text!r}; from 00:00 to 24:00, and not empty")
    return begin, end


def season(text: str) -> tuple[int, int]:
    """Read a season such as 06-01..09-30: 601 and 930, the first and the last day in it.

    Raises:
        ValueError: it is none.
    """
    match = _SEASON.fullmatch(text)
    if match is None:
        raise ValueError(f"season {text!r}; write it as 06-01..09-30")
    first_month, first_day, last_month, last_day = map(int, match.groups())
    for month, day in ((first_month, first_day), (last_month, last_day)):
        dt.date(2024, month, day)  # a leap year; says what is wrong
    return first_month * 100 + first_day, last_month * 100 + last_day


def _midnight_ms(day: dt.date, zone: ZoneInfo) -> int:
    return round(dt.datetime.combine(day, dt.time(), zone).timestamp() * 1000)
