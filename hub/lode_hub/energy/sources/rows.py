"""Rows of any table made into quotes: times, hours that come twice or not at all, duplicates."""

import datetime as dt
import math
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from lode_hub.energy.prices import OPEN_MS, Parsed, Quantity, Quotes, Refusal, quotes
from lode_hub.energy.sources.described import Source
from lode_hub.energy.units import unit

MAX_ROWS = 300_000
MAX_TOLD = 100
"""So many refused rows are told one by one; of the others the number."""

MOST = 1e15
_MWH = (-1e5, 1e5)
LIMITS: dict[Quantity, tuple[float, float]] = {
    "day-ahead": _MWH,
    "real-time": _MWH,
    "ambient": (-100.0, 100.0),
    "peak-probability": (0.0, 1.0),
}
"""In our units; a value beyond is a mistake. Markets cap their prices at a tenth of this."""

MAX_NODE = 200

_THOUSANDS = re.compile(r"\.(?=\d{3}(?:\D|$))")
_FIRST_MS, _LAST_MS = 946_684_800_000, 4_102_444_800_000  # the years 2000 to 2099


@dataclass(frozen=True, kw_only=True, slots=True)
class Cell:
    """One row, read: `begin` is a moment in Unix ms."""

    begin_ms: int
    until_ms: int
    value: float
    published_ms: int = 0
    node: str = ""


@dataclass(slots=True)
class LocalClock:
    """Makes moments of local times in a table's order, so that an hour that comes twice is two.

    A table may rise or fall; a flag decides where there is one.
    """

    zone: ZoneInfo
    _before: dict[str, tuple[dt.datetime, int]] = field(default_factory=dict)
    _is_falling: bool = False

    def moment_ms(
        self, local: dt.datetime, node: str = "", *, is_second: bool | None = None
    ) -> int:
        """Give the moment of a local time without offset.

        Raises:
            ValueError: the clock never shows it.
        """
        first, second = (_ms(local.replace(tzinfo=self.zone, fold=fold)) for fold in (0, 1))
        if first > second:
            raise ValueError(f"{local} does not exist in {self.zone.key}: clocks go forward there")
        before = self._before.get(node)
        if before is not None and before[0] != local and first == second:
            self._is_falling = local < before[0]
        chosen = second if self._takes_second(first, second, before, is_second) else first
        self._before[node] = (local, chosen)
        return chosen

    def _takes_second(
        self, first: int, second: int, before: tuple[dt.datetime, int] | None, flag: bool | None
    ) -> bool:
        if flag is not None or first == second:
            return bool(flag)
        if before is None:
            return False
        return second < before[1] if self._is_falling else first <= before[1]


def gather(source: Source, rows: Iterable[tuple[int, object]], read: "Read") -> Parsed:
    """Read rows; one that cannot be read is refused and the rest goes on.

    `read` gives a row's cell, None for a row that is of no interest, or raises ValueError.
    """
    found: dict[tuple[str, int, int], Cell] = {}
    refused: list[Refusal] = []
    refused_n = 0
    for line, row in _few(rows):
        try:
            cell = read(row)
            if cell is None:
                continue
            _check(source, cell)
            earlier = found.setdefault((cell.node, cell.begin_ms, cell.published_ms), cell)
            _check_same(earlier, cell)
        except (ValueError, KeyError, IndexError, OverflowError) as error:
            refused_n += 1
            if refused_n <= MAX_TOLD:
                refused.append(Refusal(line=line, reason=_said(error)))
    return Parsed(
        quotes=tuple(_by_node(source, found)), refused=tuple(refused), refused_n=refused_n
    )


Read = Callable[[object], Cell | None]


def moment(text: str, form: str, clock: LocalClock, node: str, back_s: float = 0.0) -> int:
    """Read a time; `back_s` is from the mark to the begin.

    Raises:
        ValueError: it is none.
    """
    text = text.strip()
    back = dt.timedelta(seconds=back_s)
    if form in {"epoch-s", "epoch-ms"}:
        return round(float(text) * (1000 if form == "epoch-s" else 1)) - round(back_s * 1000)
    try:
        if form == "iso":
            found = dt.datetime.fromisoformat(text)
        else:
            found = dt.datetime.strptime(text, form)  # noqa: DTZ007 -- the clock knows the zone
    except ValueError:
        raise ValueError(f"time {text[:40]!r}; expected the format {form}") from None
    if found.tzinfo is not None:
        return _ms(found - back)
    return clock.moment_ms(found - back, node)


def number(text: object, decimal: str = ".") -> float:
    """Read a number.

    Raises:
        ValueError: it is none, or none that is finite.
    """
    said = str(text).strip()
    if decimal == ",":
        said = _THOUSANDS.sub("", said).replace(",", ".")
    try:
        found = float("" if isinstance(text, bool) or "_" in said else said)
    except ValueError:
        raise ValueError(f"value {str(text)[:40]!r}; expected a number") from None
    if not math.isfinite(found):
        raise ValueError(f"value {found}; expected a finite number")
    return found


def published_ms(source: Source, cell: Cell) -> int:
    """Give when a value became known, by the source's word or by its rule; 0: on receipt."""
    if cell.published_ms or source.known == "on receipt":
        return cell.published_ms
    if source.known == "at end":
        return cell.until_ms if cell.until_ms != OPEN_MS else cell.begin_ms
    zone = ZoneInfo(source.time_zone)
    day = dt.datetime.fromtimestamp(cell.begin_ms / 1000, zone).date() - dt.timedelta(days=1)
    hour, minute = map(int, re.findall(r"\d\d", source.known))
    return _ms(dt.datetime.combine(day, dt.time(hour, minute), zone))


def iso(at_ms: int) -> str:
    """Write a moment for people, in UTC."""
    return dt.datetime.fromtimestamp(at_ms / 1000, dt.UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def _few(rows: Iterable[tuple[int, object]]) -> Iterator[tuple[int, object]]:
    for n, row in enumerate(rows):
        if n >= MAX_ROWS:
            raise ValueError(f"more than {MAX_ROWS} rows; split the file")
        yield row


def _check(source: Source, cell: Cell) -> None:
    if not _FIRST_MS <= cell.begin_ms <= _LAST_MS:
        raise ValueError(f"time {cell.begin_ms} ms is not in this century; check the format")
    if cell.until_ms <= cell.begin_ms:
        raise ValueError(f"{iso(cell.begin_ms)} ends before it begins")
    if len(cell.node) > MAX_NODE or not cell.node.isprintable():
        raise ValueError(f"node {cell.node[:40]!r}; expected up to {MAX_NODE} readable characters")
    known = unit(source.quantity, source.unit)
    value = cell.value * known.factor + known.offset
    low, high = LIMITS.get(source.quantity, (-MOST, MOST))
    if not low <= value <= high:
        raise ValueError(
            f"value {cell.value:g} {source.unit}, expected {low:g} to {high:g} {known.ours}; "
            "check the unit"
        )


def _check_same(earlier: Cell, cell: Cell) -> None:
    if earlier.value != cell.value:
        raise ValueError(
            f"{cell.value:g} for {iso(cell.begin_ms)}, which has {earlier.value:g}; keep one"
        )


def _by_node(source: Source, found: dict[tuple[str, int, int], Cell]) -> Iterator[Quotes]:
    by_node: dict[str, list[tuple[int, int, float, int]]] = {}
    for (node, begin, _), cell in sorted(found.items(), key=lambda one: one[0]):
        row = (begin, cell.until_ms, cell.value, published_ms(source, cell))
        by_node.setdefault(node, []).append(row)
    for node, listed in by_node.items():
        yield quotes(source.quantity, node, source.unit, listed)


def _ms(moment: dt.datetime) -> int:
    return round(moment.timestamp() * 1000)


def _said(error: Exception) -> str:
    if isinstance(error, KeyError):
        return f"no column {error.args[0]!r}; map the columns anew"
    return "the row is too short" if isinstance(error, IndexError) else str(error)
