"""How a source is described: a TOML document, checked before it is kept."""

import re
from typing import Annotated, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from lode_hub.energy.prices import NODELESS, PRICES, Quantity
from lode_hub.energy.secrets import Secret
from lode_hub.energy.tariff import document
from lode_hub.energy.topic import Broker, is_topic
from lode_hub.energy.units import unit
from lode_hub.energy.vtn import OpenAdr

Short = Annotated[str, msgspec.Meta(max_length=200)]
Positive = Annotated[float, msgspec.Meta(gt=0, le=366 * 86_400)]

_SECRET = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
_KNOWN = re.compile(r"on receipt|at end|day before \d\d:\d\d")


class Columns(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which column, or which path within a row, says what."""

    time: Short
    value: Short
    until: Short = ""
    node: Short = ""
    published: Short = ""
    format: Short = "iso"  # iso, epoch-s, epoch-ms, or as strptime has it
    marks: Literal["begin", "end"] = "begin"
    delimiter: Annotated[str, msgspec.Meta(min_length=1, max_length=1)] = ","
    decimal: Literal[".", ","] = "."
    rows: Short = ""  # JSON: the path to the list of rows


class Source(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A source: what it gives, in which form, and where and how often it is asked.

    A `url` of MQTT is a topic that is listened to; a VTN has a table of its own, as often asked as
    that says. Without either it takes uploads.
    """

    quantity: Quantity
    unit: Short  # of what it gives: USD/MWh, EUR/kWh, USD/PH/day, °F, %, ...
    format: Literal["csv", "json", "ercot", "entsoe", "openadr"]
    node: Short = ""
    columns: Columns | None = None
    step_s: Positive | None = None  # how long a value holds; None: until the next
    time_zone: Short = "UTC"  # of times that name none
    known: Short = "on receipt"  # or "at end", or "day before 13:00" in the time zone
    sequence: Annotated[int, msgspec.Meta(ge=1)] = 1  # ENTSO-E: of several auctions
    openadr: OpenAdr | None = None
    url: Annotated[str, msgspec.Meta(max_length=2000)] = ""
    every_s: Annotated[float, msgspec.Meta(ge=10, le=86_400)] = 300.0
    timeout_s: Annotated[float, msgspec.Meta(gt=0, le=120)] = 20.0
    look_back_h: Annotated[float, msgspec.Meta(ge=0, le=24 * 31)] = 24.0
    look_ahead_h: Annotated[float, msgspec.Meta(ge=0, le=24 * 31)] = 48.0
    stale_after_s: Positive | None = None
    secret: Short = ""  # its name among the hub's energy secrets
    secret_header: Short = ""
    secret_prefix: Short = ""
    secret_query: Short = ""
    ca: Secret | None = None  # by MQTT; as a programme's table [mqtt] has it

    def __post_init__(self) -> None:
        """Check what belongs together."""
        zone(self.time_zone)
        unit(self.quantity, self.unit)
        if self.format in {"csv", "json"} and self.columns is None:
            raise ValueError("csv and json need a table [columns] with time and value")
        if self.columns and self.columns.marks == "end" and self.step_s is None:
            raise ValueError("times that mark the end need step_s")
        if not _KNOWN.fullmatch(self.known):
            raise ValueError(f"known {self.known!r}; use on receipt, at end or day before HH:MM")
        if self.format == "openadr" and (self.url or self.quantity not in PRICES):
            raise ValueError("openadr gives prices, from the VTN of its table [openadr]; leave url")
        if self.openadr is not None and self.format != "openadr":
            raise ValueError(f"a table [openadr] goes with format openadr, not {self.format}")
        self._check_node()
        self._check_way()

    @property
    def is_heard(self) -> bool:
        """Tell whether it speaks by MQTT."""
        return is_topic(self.url)

    @property
    def broker(self) -> Broker | None:
        """Say where it is listened to; None when it does not speak by MQTT."""
        if not self.is_heard:
            return None
        return Broker(url=self.url, secret=self.secret or None, ca=self.ca)

    @property
    def is_polled(self) -> bool:
        """Tell whether it is asked."""
        return self.openadr is not None or (bool(self.url) and not self.is_heard)

    @property
    def poll_s(self) -> float:
        """Say how often it is asked."""
        return self.every_s if self.openadr is None else self.openadr.every_s

    def _check_node(self) -> None:
        if self.quantity == "exchange" and self.unit != f"USD/{self.node}":
            raise ValueError(f"{self.unit} of node {self.node!r}; the node is the currency, as EUR")
        if self.format in {"ercot", "entsoe"} and not self.node:
            raise ValueError("ercot and entsoe need a node: a settlement point, a bidding zone")
        if self.quantity in NODELESS and (self.node or (self.columns and self.columns.node)):
            raise ValueError(f"{self.quantity} has no node; leave it out, a site has one of it")

    def _check_way(self) -> None:
        if self.secret and not _SECRET.fullmatch(self.secret):
            raise ValueError(f"secret {self.secret!r}: small letters, digits, - and _ only")
        if self.broker is not None:
            self._check_heard()
            return
        if self.ca:
            raise ValueError("ca goes with a url of mqtts://")
        parts = urlsplit(self.url)
        if self.url and (parts.scheme not in {"http", "https"} or not parts.hostname):
            raise ValueError("url is none; expected https:// or mqtts://")
        if parts.password:
            raise ValueError("url has a password in it; use secret")
        if bool(self.secret) != bool(self.secret_header or self.secret_query):
            raise ValueError("a secret goes with secret_header or secret_query")

    def _check_heard(self) -> None:
        if self.format not in {"csv", "json"}:
            raise ValueError(f"{self.format} by MQTT; only csv and json come so")
        if self.secret_header or self.secret_query:
            raise ValueError("by MQTT the secret is the user's password; it has no header or query")


def described(text: str, where: str = "source") -> Source:
    """Read a description.

    Raises:
        InvalidError: it cannot be.
    """
    return document.read(text, Source, where)


def zone(name: str) -> ZoneInfo:
    """Give a time zone by its name.

    Raises:
        ValueError: there is none.
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(
            f"time zone {name!r} is unknown; use one such as America/Chicago"
        ) from None
