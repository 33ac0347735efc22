"""Parts of the energy page: what has to be set up, calls, sources and documents, power."""

from collections.abc import Awaitable, Callable, Sequence

from lode_hub.queries.energy_nouns import (
    AccountRow,
    CallRow,
    DocumentKind,
    DocumentRow,
    ProgrammeRow,
    ReportRow,
    SourceRow,
)
from lode_hub.queries.nouns import Series, SiteTotals
from lode_hub.queries.planner import LoopRow, PlannerMode, PlannerState, PlanRow
from lode_ui import energy_words as words
from lode_ui import figures
from lode_ui.acts import attempt
from lode_ui.desk import Desk
from lode_ui.energy_words import KINDS
from lode_ui.pages.accounts import address, open_account
from lode_ui.widgets.button import Button
from lode_ui.widgets.drawer import Drawer
from lode_ui.widgets.energy_act import ActForm
from lode_ui.widgets.energy_calls import HEADS, CallActs, CallForm, CallLine
from lode_ui.widgets.energy_chart import Held
from lode_ui.widgets.energy_files import (
    DOCUMENT_HEADS,
    SOURCE_HEADS,
    DocumentForm,
    DocumentLine,
    Setup,
    SourceLine,
    UploadForm,
)
from lode_ui.widgets.energy_planner import PREVIEW_S, PlannerCard, peak_w, power_ahead
from lode_ui.widgets.energy_ways import REPORT_HEADS, WAY_HEADS, ReportLine, WayLine
from lode_ui.widgets.keyed import Keyed
from lode_ui.widgets.layout import Empty, card, columns, table
from lode_ui.widgets.text import Words, note, title

MOST_CALLS = 20
NEEDED: tuple[DocumentKind, ...] = ("tariff", "source", "economics")


class SetupPart:
    """What to set up first; gone once tariff, source and economics are there."""

    def __init__(self, desk: Desk) -> None:
        self._desk, self._site = desk, ""
        with card("Set up first", aside="nothing here is guessed") as self._card:
            self._setup = Setup(self._open if desk.may_energy("manage") else None)
        self._card.set_visibility(False)

    def show(self, site: str, documents: Sequence[DocumentRow]) -> None:
        """Show what is missing at a site."""
        self._site = site
        missing = set(NEEDED) - {row.kind for row in documents}
        self._card.set_visibility(bool(missing))
        self._setup.show(missing)

    def _open(self, kind: DocumentKind, drawer: Drawer) -> None:
        drawer.open(lambda: DocumentForm(self._desk, self._site, kind, None, drawer.finish))


class CallsPart:
    """Calls now, to come and lately over; one may be begun by hand."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._site: SiteTotals | None = None
        self._programmes: list[DocumentRow] = []
        acts = CallActs(
            cancel=self._cancel if desk.may_energy("call") else None,
            account=self._account if desk.may_energy("account") else None,
        )
        with card("Calls for demand response", aside="now, to come, and of the last month"):
            self._none = Empty("No call holds, is to come, or was in the last month.")
            with table(HEADS, label="Calls") as body:
                self._rows = Keyed[tuple[CallRow, int | None]](
                    body, lambda row: row[0].call_id, lambda row: CallLine(row[0], acts)
                )
            self._drawer = Drawer()
            with columns("buttons"):
                self._begin: Button | None = None
                if desk.may_energy("call"):
                    self._begin = Button("Begin a call …", self._open)
                self._why = note("")

    def show(
        self,
        site: SiteTotals,
        calls: Sequence[CallRow],
        documents: Sequence[DocumentRow],
        accounts: Sequence[AccountRow],
    ) -> None:
        """Show a site's calls, those that hold first, with the accounts that were made."""
        self._site = site
        made = accounts_of_calls(accounts)
        self._programmes = [row for row in documents if row.kind == "programme"]
        order = {"holds": 0, "to come": 1, "over": 2, "cancelled": 3}
        shown = sorted(calls, key=lambda call: (order[call.state], -call.from_ms))[:MOST_CALLS]
        self._rows.show([(call, made.get(subject(call))) for call in shown])
        self._none.show(not calls)
        why = "" if self._programmes else "There is no programme yet: write one below."
        if self._begin is None:
            self._why.text = "Operators and traders may begin a call."
            return
        self._begin.forbid(why)
        self._why.text = why

    async def _open(self) -> None:
        site = self._site
        if site is not None and self._programmes:
            self._drawer.open(
                lambda: CallForm(
                    self._desk, site.site, self._programmes, site.meter_power_w, self._drawer.finish
                )
            )

    async def _cancel(self, call: CallRow) -> None:
        desk = self._desk
        said = {
            "event": call.event,
            "modification": call.modification + 1,
            "from_ms": call.from_ms,
            "until_ms": call.until_ms,
            "reduce": call.reduce,
            "is_test": call.is_test,
            "is_cancelled": True,
        }
        if call.power_kw is not None:
            said["power_kw"] = call.power_kw
        act = desk.actions.energy.call(desk.person, call.programme, said, site=call.site)
        await attempt(desk, act, "The call is cancelled")

    async def _account(self, call: CallRow) -> None:
        await open_account(self._desk, call)


class WaysPart:
    """Whether calls can come, programme by programme, and the reports that VTNs ask for."""

    def __init__(self) -> None:
        with card("Programmes", aside="whether a call can come, and what is reported back"):
            self._none = Empty("There is no programme yet, so no call can come.")
            with table(WAY_HEADS, label="Programmes") as body:
                self._ways = Keyed[tuple[ProgrammeRow, int]](
                    body, lambda row: row[0].name, lambda _: WayLine()
                )
            with columns("stack") as self._reported:
                title("Reports to VTNs", "h3")
                self._no_report = Empty("No event has asked for a report.")
                with table(REPORT_HEADS, label="Reports to VTNs") as body:
                    self._reports = Keyed[tuple[str, ReportRow]](
                        body, lambda row: (row[0], row[1].event), lambda _: ReportLine()
                    )

    def show(self, programmes: Sequence[ProgrammeRow], now_ms: int) -> None:
        """Show a site's programmes, the deaf ones first, and their reports, the newest first."""
        self._none.show(not programmes)
        ordered = sorted(programmes, key=lambda row: (not row.is_deaf, row.name))
        self._ways.show([(row, now_ms) for row in ordered])
        reports = [(row.name, report) for row in programmes for report in row.reports]
        reports.sort(key=lambda row: -row[1].first_due_ms)
        self._reported.set_visibility(
            bool(reports) or any("openadr" in row.ways for row in programmes)
        )
        self._no_report.show(not reports)
        self._reports.show(reports)


class FilesPart:
    """Sources and how fresh they are; the documents that all of this rests on."""

    def __init__(self, desk: Desk) -> None:
        self._desk, self._site = desk, ""
        may = desk.may_energy("manage")
        with card("Sources", aside="how fresh what we reckon with is"):
            self._no_source = Empty("There is no source yet: no price and no hashprice can come.")
            with table(SOURCE_HEADS, label="Sources") as body:
                self._sources = Keyed[tuple[SourceRow, int]](
                    body,
                    lambda row: (row[0].site, row[0].name),
                    lambda row: SourceLine(row[0], self._open_upload if may else None),
                )
            self._upload = Drawer()
        with card("Documents", aside="every revision is kept"):
            with table(DOCUMENT_HEADS, label="Documents") as body:
                self._documents = Keyed[DocumentRow](
                    body,
                    lambda row: (row.site, row.kind, row.name),
                    lambda row: DocumentLine(row, self._open_document if may else None),
                )
            self._form = Drawer()
            with columns("buttons"):
                for kind in KINDS if may else ():
                    Button(f"New {KINDS[kind].lower()} …", self._opener(kind))
                if not may:
                    note("Traders and administrators may change these.")

    def show(
        self,
        site: str,
        sources: Sequence[SourceRow],
        documents: Sequence[DocumentRow],
        now_ms: int,
    ) -> None:
        """Show a site's sources and documents."""
        self._site = site
        self._no_source.show(not sources)
        self._sources.show([(row, now_ms) for row in sources])
        self._documents.show(documents)

    def _open_upload(self, source: SourceRow) -> None:
        self._upload.open(lambda: UploadForm(self._desk, source, self._upload.finish))

    def _open_document(self, row: DocumentRow) -> None:
        self._form.open(
            lambda: DocumentForm(self._desk, self._site, row.kind, row, self._form.finish)
        )

    def _opener(self, kind: DocumentKind) -> Callable[[], Awaitable[None]]:
        async def begin() -> None:
            self._form.open(
                lambda: DocumentForm(self._desk, self._site, kind, None, self._form.finish)
            )

        return begin


class PlannerPart:
    """The planner's card, and the choice of what it may do: to act, after a preview."""

    def __init__(self, desk: Desk) -> None:
        self._desk, self._site = desk, ""
        choices: tuple[PlannerMode, ...] = ()
        if desk.may_act:
            choices = ("act", "advise", "off")
        elif desk.may_energy("manage"):
            choices = ("advise", "off")
        with card("Planner and setpoint"):
            self._card = PlannerCard(choices, self._choose)
            self._drawer = Drawer()
            self._link = Words("The whole plan, and who is left out", "lode-link", "a")
            self._link.props["href"] = address("/energy/plan", desk.site_id)

    def show(self, state: PlannerState, plan: PlanRow | None, loop: LoopRow) -> None:
        """Show how it stands at a site."""
        self._site = state.site
        self._card.show(state, plan, loop)

    async def _choose(self, mode: PlannerMode) -> None:
        if mode != "act":
            await self._set(mode)
            return
        forms: list[ActForm] = []
        self._drawer.open(lambda: forms.append(ActForm(self._act, self._drawer.finish)))
        desk = self._desk
        plan = await attempt(
            desk, desk.answers.energy.preview(self._site), wrong=forms[0].fail, within_s=PREVIEW_S
        )
        if plan is not None:
            forms[0].show(plan)

    async def _act(self) -> None:
        await self._set("act")
        self._drawer.close()

    async def _set(self, mode: PlannerMode) -> None:
        desk = self._desk
        act = desk.actions.energy.set_planner(desk.person, self._site, mode)
        await attempt(desk, act, "Said to the planner")


def subject(call: CallRow) -> tuple[str, int]:
    """Name a call as its account does."""
    return f"{call.programme}/{call.event}", call.from_ms


def accounts_of_calls(accounts: Sequence[AccountRow]) -> dict[tuple[str, int], int]:
    """Give the newest account of each call."""
    kept = words.newest([row for row in accounts if row.kind == "call"])
    return {(row.subject, row.from_ms): row.account_id for row in kept}


def power_lines(power: Series, plan: PlanRow | None) -> tuple[list[Held], str]:
    """Give the site's power by its meters, plan, setpoint and cap as lines, and their unit."""
    scale = figures.power_scale(figures.peak([*power.mean, peak_w(plan)]))
    values = [None if value is None else value / scale.factor for value in power.mean]
    line = Held(
        name="Site meters",
        at_ms=power.at_ms,
        values=values,
        step_ms=power.bucket_s * 1000,
        digits=2,
        width=2.2,
    )
    return [line, *power_ahead(plan, scale)], scale.unit
