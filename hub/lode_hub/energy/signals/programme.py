"""A demand-response programme as a TOML document: what it asks, pays, and how it counts."""

from typing import Annotated, Literal
from urllib.parse import urlsplit

import msgspec

from lode_hub.energy.tariff import document

Usd = Annotated[float, msgspec.Meta(ge=0, le=1e6)]
Kw = Annotated[float, msgspec.Meta(ge=0, le=1e7)]
Secret = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")]
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


class OpenAdr(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A VTN of OpenADR 3 that is asked for events."""

    url: Annotated[str, msgspec.Meta(max_length=2000)]
    programs: tuple[str, ...] = ()  # names or ids; empty: all that it shows us
    targets: tuple[str, ...] = ()  # events for others are left out; empty: take all
    token_url: str = ""  # empty: url + /auth/token
    client_id: str = ""  # empty: no token is asked for
    client_secret: Secret | None = None  # its name among the hub's energy secrets
    ven_name: str = "lode"
    every_s: Annotated[float, msgspec.Meta(ge=5, le=3600)] = 30.0
    timeout_s: Annotated[float, msgspec.Meta(gt=0, le=60)] = 10.0

    def __post_init__(self) -> None:
        """Check the addresses."""
        for url in filter(None, (self.url, self.token_url)):
            parts = urlsplit(url)
            if parts.scheme not in {"http", "https"} or not parts.hostname or parts.password:
                raise ValueError("an address is none; expected http(s)://host without a password")


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
    time_zone: str = "UTC"  # of the baseline's days
    openadr: OpenAdr | None = None
    webhook_secret: Secret | None = None

    def __post_init__(self) -> None:
        """Check that a call without a power can be understood."""
        if (self.reduce == "all") != (self.power_kw is None):
            raise ValueError('power_kw goes with reduce = "to" or "by", and only with them')


def described(text: str, where: str = "programme") -> Programme:
    """Read a description.

    Raises:
        InvalidError: it cannot be.
    """
    return document.read(text, Programme, where)
