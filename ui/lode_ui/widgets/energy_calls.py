"""Calls for demand response: rows, and a form that begins one by hand after a preview."""

import tomllib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from lode_hub.queries.energy_nouns import CallRow, DocumentRow
from lode_ui import energy_words as words
from lode_ui import figures
from lode_ui.acts import Once, attempt
from lode_ui.desk import Desk
from lode_ui.energy_words import CALL
from lode_ui.life import now_ms
from lode_ui.widgets.button import Button
from lode_ui.widgets.drawer import Confirmed
from lode_ui.widgets.energy_when import When
from lode_ui.widgets.form import CheckField, MomentField, NumberField, SelectField
from lode_ui.widgets.layout import Facts, blank, cell, columns
from lode_ui.widgets.sign import Sign
from lode_ui.widgets.text import Words, box, note

HEADS = ("Call", "State", "When", "Pays", "")
LONGEST_MIN = 7 * 24 * 60
MOST_KW = 1e7
FACTS = ("Asked", "Notice", "Pays", "Counted by", "Site now", "Then")
Done = Callable[[], Awaitable[None]]


@dataclass(frozen=True, kw_only=True, slots=True)
class CallActs:
    """What may be done with a call; None: nothing is offered."""

    cancel: Callable[[CallRow], Awaitable[None]] | None = None
    account: Callable[[CallRow], Awaitable[None]] | None = None


class CallLine:
    """One call in a table."""

    def __init__(self, call: CallRow, acts: CallActs) -> None:
        self._call, self._acts = call, acts
        with box("", "tr") as self.root:
            with cell(), box("lode-command-what"):
                self._what = Words("", "lode-wrap", "b")
                self._asked = Words("", "lode-note")
            with cell(head="State"):
                self._sign = Sign(CALL["over"])
            with cell(head="When"):
                self._when = When()
            with cell(head="Pays"):
                self._pays = Words("", "lode-wrap")
            with cell() as self._last, columns("buttons"):
                if acts.cancel:
                    self._cancel = Confirmed("Cancel", "Cancel this call?", self._cancelled)
                if acts.account:
                    self._account = Button("Make account", self._accounted)
                self._made = Words("Its account", "lode-link", "a")

    def show(self, row: tuple[CallRow, int | None]) -> None:
        """Show how it stands, and the way to its account."""
        call, account_id = row
        self._call = call
        test = " (test)" if call.is_test else ""
        self._what.text = f"{call.programme}{test}"
        who = f"by {call.person}" if call.person else f"by {call.way}"
        self._asked.text = f"{words.asked(call)}, {who}"
        self._sign.show(CALL[call.state])
        self._when.show(call.from_ms, call.until_ms)
        self._pays.text = words.pays(call.credit_usd_mwh, call.penalty_usd_mwh)
        is_ahead, is_over = call.state in {"to come", "holds"}, call.state == "over"
        if self._acts.cancel:
            self._cancel.set_visibility(is_ahead)
        if self._acts.account:
            self._account.set_visibility(is_over and account_id is None)
        self._made.set_visibility(account_id is not None)
        if account_id is not None:
            self._made.props["href"] = f"/energy/accounts/{account_id:d}"
        has_act = (self._acts.cancel and is_ahead) or (self._acts.account and is_over)
        blank(self._last, is_blank=not has_act and account_id is None)

    async def _cancelled(self) -> None:
        if self._acts.cancel:
            await self._acts.cancel(self._call)

    async def _accounted(self) -> None:
        if self._acts.account:
            await self._acts.account(self._call)


class CallForm:
    """Begin a call by hand: the programme fills in what is not said; a preview comes first."""

    def __init__(
        self,
        desk: Desk,
        site: str,
        programmes: Sequence[DocumentRow],
        power_w: float | None,
        done: Done,
    ) -> None:
        self._desk, self._site, self._power_w, self._done = desk, site, power_w, done
        self._once = Once()
        self._terms = {row.name: _terms(row.body) for row in programmes}
        self._said: dict[str, Any] | None = None
        Words("Begin a call by hand", "lode-title", "h3")
        with columns("fields"):
            names = {name: name for name in self._terms}
            self._programme = SelectField("Programme", names, next(iter(names)))
            self._from = MomentField("From", hint="in your own time zone; empty: now")
            self._minutes = NumberField("Lasts", unit="min", value=60, low=1, high=LONGEST_MIN)
            self._power = NumberField("Power", unit="kW", low=0, high=MOST_KW)
            self._is_test = CheckField("It is a test", hint="told as one everywhere")
        self._wrong = Words("", "lode-wrong", "p")
        with columns("buttons"):
            Button("Preview", self._preview, "lode-button-main")
            Button("Close", done)
        with columns("stack") as self._shown:
            self._when = When()
            self._facts = Facts(FACTS)
            self._warning = Words("", "lode-notice lode-warn", "p")
            with columns("buttons"):
                Button("Begin exactly this call", self._begin, "lode-button-main")
                note("it is told to everybody on call, and the planner keeps it where it may act")
        fields = (self._programme, self._from, self._minutes, self._power, self._is_test)
        for field in fields:
            field.changed = self._changed
        self._changed()

    def _changed(self) -> None:
        self._said = None
        self._shown.set_visibility(False)
        terms = self._terms[self._programme.value]
        self._power.hide(terms.get("reduce", "all") == "all")
        usual = terms.get("power_kw")
        self._power.hint(f"empty: {usual:g} kW, as the programme says" if usual else "")

    async def _preview(self) -> None:
        minutes = self._minutes.value
        self._minutes.wrong("" if minutes else f"Give 1 to {LONGEST_MIN} minutes.")
        if not minutes:
            return
        now = now_ms()
        begin = self._from.value or now
        terms = self._terms[self._programme.value]
        power_kw = self._power.value if self._power.value is not None else terms.get("power_kw")
        said: dict[str, Any] = {
            "from_ms": begin,
            "until_ms": begin + round(minutes * 60_000),
            "is_test": self._is_test.value,
        }
        reduce = terms.get("reduce", "all")
        if reduce != "all":
            said["power_kw"] = power_kw
        self._said = said
        self._wrong.text = ""
        self._facts.show(self._preview_facts(terms, reduce, power_kw))
        self._when.show(begin, said["until_ms"])
        self._warning.text = _warning(terms, begin, now)
        self._warning.set_visibility(bool(self._warning.text))
        self._shown.set_visibility(True)

    def _preview_facts(
        self,
        terms: dict[str, Any],
        reduce: str,
        power_kw: float | None,
    ) -> dict[str, str]:
        baseline = terms.get("baseline") or {}
        return {
            "Asked": words.reduction(reduce, power_kw),
            "Notice": figures.duration(terms.get("notice_s", 600)),
            "Pays": words.pays(terms.get("credit_usd_mwh"), terms.get("penalty_usd_mwh")),
            "Counted by": f"baseline {baseline.get('method', '10-of-10')}",
            "Site now": f"{figures.power(self._power_w)} by its meters",
            "Then": _then(reduce, power_kw, self._power_w),
        }

    async def _begin(self) -> None:
        if self._said is None:
            return
        desk = self._desk
        programme = self._programme.value
        # The same click again must not be a second call.
        said = {**self._said, "event": f"page-{self._once.name((programme, self._said))}"}
        made = await attempt(
            desk,
            desk.actions.energy.call(desk.person, programme, said, site=self._site),
            "The call is taken",
            wrong=lambda why: setattr(self._wrong, "text", why),
        )
        if made is not None:
            self._once.done()
            await self._done()


def _terms(body: str) -> dict[str, Any]:
    return tomllib.loads(body)


def _then(reduce: str, power_kw: float | None, power_w: float | None) -> str:
    if reduce == "to" and power_kw is not None:
        return f"at most {figures.power(power_kw * 1000)}"
    if reduce == "by" and power_kw is not None and power_w is not None:
        return f"about {figures.power(max(0.0, power_w - power_kw * 1000))}, against its baseline"
    return "as little as can be" if reduce == "all" else "not known without a meter's reading"


def _warning(terms: dict[str, Any], begin_ms: int, now: int) -> str:
    notice_s = terms.get("notice_s", 600)
    lead_s = (begin_ms - now) / 1000
    if lead_s < 0:
        return "It begins in the past: what was drawn since then counts already."
    if lead_s < notice_s:
        return (
            f"The programme gives {figures.duration(notice_s)} of notice; this begins in "
            f"{figures.duration(lead_s)}."
        )
    return ""
