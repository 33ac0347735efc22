"""What is answered about energy: prices, calls, documents, accounts. Times are Unix ms."""

from dataclasses import dataclass
from typing import Any, Literal

DocumentKind = Literal["tariff", "source", "programme", "economics", "limits"]
CallState = Literal["to come", "holds", "over", "cancelled"]
ReportState = Literal["waits", "failing", "sent", "given up"]


@dataclass(frozen=True, kw_only=True, slots=True)
class DocumentRow:
    """A tariff, source, programme or the economics of a site, as written; `site` None: of all."""

    site: str | None
    kind: DocumentKind
    name: str
    revision: int
    body: str
    person: str
    saved_ms: int


@dataclass(frozen=True, kw_only=True, slots=True)
class SourceRow:
    """How a source fares; one that is neither polled nor heard is fed by uploads.

    `ok_ms` is when it last gave something that could be read.
    """

    site: str | None
    name: str
    quantity: str
    node: str
    unit: str
    is_polled: bool
    ok_ms: int | None
    due_ms: int | None
    failures: int
    trouble: str
    refused: int  # rows of the last answer or message that could not be read
    reaches_ms: int | None  # until when it gave values
    is_stale: bool
    hole_ms: tuple[int, int] | None = None  # the first before that for which it has none
    is_heard: bool = False  # by MQTT
    messages: int = 0  # heard in all
    bad: int = 0  # of these, nothing could be read
    failing_ms: int | None = None  # since when it fails; None: it does not


@dataclass(frozen=True, kw_only=True, slots=True)
class ReportRow:
    """A report on an event that its VTN asks for; `sent_ms` None: the VTN has not taken it."""

    event: str
    state: ReportState
    first_due_ms: int
    due_ms: int  # when it is tried next
    sent_ms: int | None
    failures: int  # in a row
    trouble: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ProgrammeRow:
    """How the ways fare by which a programme's calls come; `trouble` is the last one's.

    `ok_ms` is when a VTN last answered, or a message last had a call in it. `is_deaf` while a VTN
    or a topic does not answer: no call can come that way.
    """

    site: str
    name: str
    ways: tuple[Literal["openadr", "mqtt", "webhook"], ...]
    ok_ms: int | None
    is_deaf: bool
    trouble: str
    messages: int  # by MQTT or webhook, in all
    bad: int  # of these, no call could be taken
    refused: int  # calls of the last message
    deaf_ms: int | None  # since when; None: it is not
    reports: tuple[ReportRow, ...]  # the last of them, the newest first


@dataclass(frozen=True, kw_only=True, slots=True)
class PricePart:
    """One part of a price; an expected one comes or not, and is weighed by its probability."""

    kind: Literal["energy", "losses", "adders", "peaks", "tax"]
    name: str
    usd_mwh: float | None
    is_expected: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class PriceNow:
    """What a MWh costs at a moment, and why; `usd_mwh` None: a price or a rate is missing."""

    site: str
    at_ms: int
    usd_mwh: float | None
    tariff: str
    parts: tuple[PricePart, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class PriceSeries:
    """Prices of a span, by period, as known at a moment; None is missing."""

    site: str
    from_ms: tuple[int, ...]
    step_s: float
    known_ms: int | None
    usd_mwh: tuple[float | None, ...]  # all in
    day_ahead_usd_mwh: tuple[float | None, ...]  # at the tariff's node
    real_time_usd_mwh: tuple[float | None, ...]
    peaks_usd_mwh: tuple[float | None, ...]  # what peaks to be expected are weighed at, in it


@dataclass(frozen=True, kw_only=True, slots=True)
class HashpriceNow:
    """What a TH/s earns in a day and on what that rests; `usd_th_day` None: nothing is planned."""

    usd_th_day: float | None
    basis: Literal["measured", "formula", "last", "assumed", "none"]
    at_ms: int | None
    age_s: float | None
    is_stale: bool
    says: str
    doubt: str  # how series and formula differ, when they do
    pool_fee_ratio: float


@dataclass(frozen=True, kw_only=True, slots=True)
class CallRow:
    """A call for demand response as it stands."""

    call_id: int
    site: str
    programme: str
    event: str
    modification: int
    state: CallState
    is_test: bool
    from_ms: int
    until_ms: int
    random_s: float
    reduce: Literal["to", "by", "all"]
    power_kw: float | None
    notice_s: float
    penalty_usd_mwh: float | None
    credit_usd_mwh: float | None
    way: str
    person: str
    received_ms: int


@dataclass(frozen=True, kw_only=True, slots=True)
class HourRow:
    """What an hour cost and brought; None is missing."""

    from_ms: int
    energy_kwh: float | None
    power_usd: float | None
    hashed_thh: float | None
    hash_usd: float | None
    profit_usd: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class BillLine:
    """One line of a bill."""

    month: str
    kind: Literal["energy", "losses", "adders", "demand", "peaks", "tax"]
    name: str
    quantity: float
    unit: str
    usd: float
    note: str


@dataclass(frozen=True, kw_only=True, slots=True)
class BillRow:
    """What a span costs by a tariff; what is missing is not in it."""

    usd: float
    energy_kwh: float
    missing_h: float
    unplaced_kwh: float
    unpriced_kwh: float
    lines: tuple[BillLine, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class BreakEven:
    """The market price up to which rigs of a model earn more than they cost."""

    model: str
    rigs: int
    efficiency_jth: float
    usd_mwh: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class AccountRow:
    """An account as it was made; `digest` is over all it rests on, as received by `as_of_ms`."""

    account_id: int
    site: str
    kind: Literal["call", "curtailment", "plan", "day", "month"]
    subject: str
    from_ms: int
    until_ms: int
    as_of_ms: int
    made_ms: int
    person: str
    digest: str
    body: dict[str, Any]
