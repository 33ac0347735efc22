"""Energy of a site: what power costs and why, what it draws, what that earns, who calls."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from lode_hub.errors import InvalidError
from lode_hub.queries.energy_nouns import (
    AccountRow,
    BreakEven,
    CallRow,
    DocumentKind,
    DocumentRow,
    HashpriceNow,
    HourRow,
    PriceNow,
    PriceSeries,
    ProgrammeRow,
    SourceRow,
)
from lode_hub.queries.nouns import Series, SiteTotals
from lode_hub.queries.planner import LimitRow, LoopRow, PlannerState, PlanRow
from lode_ui import energy_words as words
from lode_ui import figures
from lode_ui.desk import Desk
from lode_ui.energy_answers import EnergyAnswers
from lode_ui.life import now_ms
from lode_ui.pages.accounts import address
from lode_ui.pages.energy_parts import (
    CallsPart,
    FilesPart,
    PlannerPart,
    SetupPart,
    WaysPart,
    accounts_of_calls,
    power_lines,
    subject,
)
from lode_ui.widgets.energy_chart import HeldChart
from lode_ui.widgets.energy_limits import LimitsTable
from lode_ui.widgets.energy_money import BreakEvens, Earned, ProfitChart
from lode_ui.widgets.energy_planner import price_ahead
from lode_ui.widgets.energy_price import PriceChart, PriceParts, marks
from lode_ui.widgets.layout import Empty, card, columns
from lode_ui.widgets.text import Words, note, title
from lode_ui.widgets.tile import Tile

QUARTER_MS, HOUR_MS, DAY_MS = 900_000, 3_600_000, 86_400_000
TILES = ("Price now, all in", "Site power", "Hashprice", "Profit, last 24 h")
KINDS: tuple[DocumentKind, ...] = ("tariff", "source", "economics", "programme", "limits")
ACCOUNTS = 200
NO_POWER = "No meter has told its power in this time"
NO_PLAN = "There is no plan yet, so there is no setpoint to draw."
METERED = "meter_power_w"


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """Everything that is asked about a site's energy at once."""

    price: PriceNow
    series: PriceSeries
    hashprice: HashpriceNow
    calls: Sequence[CallRow]
    break_even: Sequence[BreakEven]
    sources: Sequence[SourceRow]
    programmes: Sequence[ProgrammeRow]
    accounts: Sequence[AccountRow]
    power: Series
    hours: Sequence[HourRow]
    no_hours: str  # why there are none
    documents: Sequence[DocumentRow]
    planner: PlannerState
    plan: PlanRow | None
    loop: LoopRow
    limits: Sequence[LimitRow]


class EnergyPage:
    """Tiles; price, power and profit over time; why, who earns, calls, sources, documents."""

    title = "Energy"

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._heading = title("Energy", "h1")
        self._others = note("")
        self._nothing = Empty(
            "No site has reported yet.", "Start an agent with", "lode-edge run --config FILE"
        )
        with columns("stack") as self._all:
            self._deaf = Words("", "lode-notice lode-bad", "p")
            self._called = Words("", "lode-notice lode-warn", "p")
            self._setup = SetupPart(desk)
            with columns("tiles"):
                self._tiles = {name: Tile(name) for name in TILES}
            with columns("wide-narrow"):
                with columns("stack"):
                    self._build_charts()
                with columns("stack"):
                    self._build_why()
            self._calls = CallsPart(desk)
            self._ways = WaysPart()
            self._files = FilesPart(desk)

    def _build_charts(self) -> None:
        with card("Price", aside="a day back, a day ahead"):
            self._prices = PriceChart()
        with card("Power", aside="by the site's meters, against plan, setpoint and cap"):
            self._power = HeldChart("Power of the site, from a day ago to a day ahead", NO_POWER)
            self._power_note = note("")
        with card("Profit by the hour", aside="what was hashed, less the power it took"):
            self._profit = ProfitChart()
        with card("Which rigs earn now"):
            self._break_even = BreakEvens()
        with card("What limits it", aside="plans keep the tighter word"):
            self._limits = LimitsTable()

    def _build_why(self) -> None:
        with card("Why it costs that"):
            self._parts = PriceParts()
        self._planner = PlannerPart(self._desk)
        with card("Hashprice"):
            self._says = Words("", "lode-wrap", "p")
            self._doubt = Words("", "lode-notice lode-warn", "p")
            self._fee = note("")
        with card("What curtailing earned"):
            self._earned = Earned()
            link = Words("All accounts", "lode-link", "a")
            link.props["href"] = address("/energy/accounts", self._desk.site_id)

    async def refresh(self) -> None:
        """Ask what the chosen site's power costs, draws and earns."""
        sites = list(self._desk.chosen(await self._desk.answers.sites()))
        self._nothing.show(not sites)
        self._all.set_visibility(bool(sites))
        if not sites:
            return
        site, now = sites[0], now_ms()
        self._heading.text = f"Energy of {site.site}"
        names = ", ".join(other.site for other in sites[1:])
        self._others.text = f"Choose another site above: {names}" if names else ""
        found = await ask(self._desk, site.site, now)
        self._show_tiles(site, found)
        self._show_charts(found, now)
        self._parts.show(found.price)
        self._break_even.show(found.break_even, words.less_adders(found.price))
        self._show_hashprice(found.hashprice)
        self._planner.show(found.planner, found.plan, found.loop)
        self._limits.show(found.limits)
        made = accounts_of_calls(found.accounts)
        over = [call for call in found.calls if call.state == "over"]
        unmade = sum(subject(call) not in made for call in over)
        self._earned.show(found.accounts, unmade, now)
        holds = [words.told(call) for call in found.calls if call.state == "holds"]
        self._called.text = " ".join(holds)
        self._called.set_visibility(bool(holds))
        self._deaf.text = words.deaf(found.programmes, now)
        self._deaf.set_visibility(bool(self._deaf.text))
        self._setup.show(site.site, found.documents)
        self._calls.show(site, found.calls, found.documents, found.accounts)
        self._ways.show(found.programmes, now)
        self._files.show(site.site, found.sources, found.documents, now)

    def _show_tiles(self, site: SiteTotals, found: Found) -> None:
        tiles = self._tiles
        price = found.price
        remark = f"by tariff {price.tariff}" if price.tariff else "; ".join(price.notes)
        is_missing = price.usd_mwh is None
        tiles["Price now, all in"].show(
            words.price(price.usd_mwh), "; ".join(price.notes) if is_missing else remark
        )
        watts = site.meter_power_w
        tiles["Site power"].show(
            figures.power(watts), "by its meters, now" if watts is not None else "no meter says"
        )
        tiles["Hashprice"].show(
            words.hashprice(found.hashprice), words.hashprice_remark(found.hashprice)
        )
        usd, remark = words.profit(found.hours)
        tiles["Profit, last 24 h"].show(figures.Figure(usd), found.no_hours or remark)

    def _show_charts(self, found: Found, now: int) -> None:
        spans = marks(found.calls, found.series)
        self._prices.show(found.series, price_ahead(found.plan, found.series), spans, now)
        lines, unit = power_lines(found.power, found.plan)
        span = (found.series.from_ms[0], found.series.from_ms[-1] + QUARTER_MS)
        self._power.show(lines, spans, span_ms=span, now_ms=now, unit=unit)
        told = "" if found.power.at_ms else f"{NO_POWER}. "
        self._power_note.text = told + ("" if found.plan else NO_PLAN)
        end = now // HOUR_MS * HOUR_MS
        self._profit.show(found.hours, found.no_hours, (end - DAY_MS, end))

    def _show_hashprice(self, found: HashpriceNow) -> None:
        self._says.text = found.says
        self._doubt.text = found.doubt
        self._doubt.set_visibility(bool(found.doubt))
        self._fee.text = f"The pool keeps {figures.percent(found.pool_fee_ratio)}."


async def ask(desk: Desk, site: str, now: int) -> Found:
    """Ask everything about a site's energy."""
    answers = desk.answers.energy
    quarter = now // QUARTER_MS * QUARTER_MS
    price, series, hashprice, calls = await asyncio.gather(
        answers.price_now(site),
        answers.price_series(site, quarter - DAY_MS, quarter + DAY_MS),
        answers.hashprice(site),
        answers.calls(site),
    )
    break_even, sources, accounts, power = await asyncio.gather(
        answers.break_even(site),
        answers.sources(site),
        answers.accounts(site, limit=ACCOUNTS),
        desk.answers.site_series(site, METERED, "day"),
    )
    planner, plan, loop, programmes = await asyncio.gather(
        answers.planner(site), answers.plan(site), answers.loop(site), answers.programmes(site)
    )
    documents = await asyncio.gather(*(answers.documents(site, kind) for kind in KINDS))
    hours, no_hours = await _hours(answers, site, now // HOUR_MS * HOUR_MS)
    return Found(
        price=price,
        series=series,
        hashprice=hashprice,
        calls=calls,
        break_even=break_even,
        sources=sources,
        programmes=programmes,
        accounts=accounts,
        power=power,
        hours=hours,
        no_hours=no_hours,
        documents=[row for rows in documents for row in rows],
        planner=planner,
        plan=plan,
        loop=loop,
        limits=await answers.limits(site),
    )


async def _hours(answers: EnergyAnswers, site: str, end: int) -> tuple[Sequence[HourRow], str]:
    try:
        return await answers.hours(site, end - DAY_MS, end), ""
    except InvalidError as error:  # the site has no meter that is billed
        return (), str(error)
