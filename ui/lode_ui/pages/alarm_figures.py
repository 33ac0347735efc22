"""How much people are alarmed: EEMUA 191's figures beside its targets, and which alarm comes most.

Source of the targets: EEMUA Publication 191, Alarm systems: a guide to design, management and
procurement.
"""

import datetime
from typing import Literal

from lode_hub.queries.alert_nouns import AlarmFigures, Alarming
from lode_hub.queries.nouns import Series, Span
from lode_ui import figures
from lode_ui.desk import Desk
from lode_ui.figures import Scale
from lode_ui.life import now_ms
from lode_ui.summary import Verdict
from lode_ui.widgets.alarm_targets import (
    FREQUENT_HEADS,
    HEADS,
    FrequentLine,
    Target,
    TargetLine,
    targets,
)
from lode_ui.widgets.choice import Choice
from lode_ui.widgets.keyed import Keyed
from lode_ui.widgets.layout import Empty, card, columns, table
from lode_ui.widgets.picker import Picker
from lode_ui.widgets.sentence import Sentence
from lode_ui.widgets.text import note
from lode_ui.widgets.trend import Limit, Line, Trend

Days = Literal["1", "7", "day"]
DAYS: dict[Days, str] = {"1": "Last 24 h", "7": "Last 7 days", "day": "One day"}
SPANS: dict[Days, Span] = {"1": "day", "7": "week", "day": "day"}
MOST_DAYS, DAY_MS = 31, 86_400_000
OPERATORS = {f"{n}": figures.plural(n, "operator") for n in (1, 2, 3, 4, 6, 8, 12)}
BIN_MS = 600_000
ASKED, FLOOD = 1, 10


class AlarmFiguresPage:
    """A sentence, the past by 10 min, the figures, the most frequent."""

    title = "Alarm figures"

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._days: Days = "7"
        self._operators = 1
        self._head = Sentence("Alarm figures")
        with columns("toolbar"):
            Choice("Of which time", DAYS, self._days, self._choose_days)
            self._day = Picker[str]("Day", _past_days(), self._choose_day)
            self._to_ms: int | None = None
            Picker[str]("At work", OPERATORS, self._choose_operators)
        self._day.root.set_visibility(False)
        self._cut = note("")
        with card("Alarms in 10 min", aside="that people were told of, for all operators"):
            self._trend = Trend("Alarms in 10 min")
        with columns("wide-narrow"):
            with columns("stack"):
                self._build_targets()
            with columns("stack"):
                self._build_often()

    def _build_targets(self) -> None:
        with (
            card("Figures", aside="targets: EEMUA Publication 191"),
            table(HEADS, label="Alarm figures") as body,
        ):
            self._targets = Keyed[Target](body, lambda row: row.name, lambda _: TargetLine())

    def _build_often(self) -> None:
        with card("Most frequent"):
            self._quiet = Empty("Nobody was alarmed in this time.")
            note("A few alarms are most of the load: mend what they tell of, or their rules.")
            with table(FREQUENT_HEADS, label="Most frequent alarms") as body:
                self._often = Keyed[tuple[Alarming, int]](
                    body, lambda row: (row[0].rule, row[0].key), lambda _: FrequentLine()
                )

    async def refresh(self) -> None:
        """Ask for the figures of the chosen time and site."""
        answers, chosen = self._desk.answers, (self._days, self._operators, self._to_ms)
        site = self._desk.site_name(await answers.sites())
        days = 1 if self._days == "day" else int(self._days)
        found = await answers.alarms.figures(site, days, self._operators, self._to_ms)
        if chosen != (self._days, self._operators, self._to_ms):
            return  # another was chosen meanwhile
        rows = targets(found)
        self._head.show(_verdict(found, [row.name for row in rows if row.is_kept is False]))
        self._targets.show(rows)
        self._often.show((often, found.alarms) for often in found.most_frequent)
        self._quiet.show(not found.most_frequent)
        self._cut.text = "Only the newest alarms are counted; there were more." * found.is_cut
        self._draw(found)

    def _draw(self, found: AlarmFigures) -> None:
        line = Line(
            name="Alarms",
            series=_series(found),
            scale=Scale(1.0, "alarms"),
            digits=0,
            has_area=True,
        )
        limits = [
            Limit(name="asked for", value=ASKED * found.operators, color="--good"),
            Limit(name="a flood", value=FLOOD * found.operators),
        ]
        self._trend.show([line], SPANS[self._days], self._to_ms or now_ms(), limits)

    async def _choose_days(self, days: Days) -> None:
        self._days = days
        self._day.root.set_visibility(days == "day")
        self._to_ms = int(self._day.value) if days == "day" else None
        await self.refresh()

    async def _choose_day(self, to_ms: str) -> None:
        self._to_ms = int(to_ms)
        await self.refresh()

    async def _choose_operators(self, operators: str) -> None:
        self._operators = int(operators)
        await self.refresh()


def _past_days() -> dict[str, str]:
    """Give the ends of the days of UTC that are over, by their dates, the last first."""
    today_ms = now_ms() // DAY_MS * DAY_MS
    ends = [today_ms - n * DAY_MS for n in range(MOST_DAYS)]
    dates = (datetime.datetime.fromtimestamp(end / 1000 - 1, datetime.UTC) for end in ends)
    return {f"{end:d}": f"{date:%a %Y-%m-%d}, UTC" for end, date in zip(ends, dates, strict=True)}


def _series(found: AlarmFigures) -> Series:
    """Give the alarms of every 10 min: one that is left out had none."""
    counts = dict(zip(found.bin_ms, found.bin_n, strict=True))
    bins = range(found.from_ms // BIN_MS * BIN_MS, found.to_ms, BIN_MS)
    mean = [float(counts.get(at_ms, 0)) for at_ms in bins]
    return Series(
        device_id=0,
        metric="alarms",
        bucket_s=BIN_MS // 1000,
        at_ms=list(bins),
        mean=list(mean),
        low=list(mean),
        high=list(mean),
    )


def _verdict(found: AlarmFigures, missed: list[str]) -> Verdict:
    told = f"{figures.plural(found.alarms, 'alarm')} told"
    if not missed:
        return Verdict("good", "check", f"{told}; all targets are kept")
    return Verdict("warn", "diamond", f"{told}; {figures.plural(len(missed), 'target')} missed")
