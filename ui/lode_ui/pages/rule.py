"""One rule: its form, for everywhere or a site; what it would have done; its versions."""

import itertools
from collections.abc import Awaitable, Sequence
from urllib.parse import quote

from nicegui import ui

from lode_hub.queries.alert_nouns import RuleRow
from lode_hub.queries.tryouts import Tried
from lode_ui.acts import achieved, attempt
from lode_ui.desk import Desk
from lode_ui.pages.rules import NEW
from lode_ui.widgets.button import Button
from lode_ui.widgets.drawer import Confirmed
from lode_ui.widgets.form import SelectField, TextField
from lode_ui.widgets.keyed import Keyed
from lode_ui.widgets.layout import Empty, card, columns, table
from lode_ui.widgets.progress import Tell
from lode_ui.widgets.rule_form import NEW as NEW_BODY
from lode_ui.widgets.rule_form import Body, RuleForm
from lode_ui.widgets.rules import VERSION_HEADS, VersionLine
from lode_ui.widgets.text import note, title
from lode_ui.widgets.tryout import TryOut

EVERYWHERE = ""
TRY_S = 620.0
Version = tuple[RuleRow, RuleRow | None]


class RulePage:
    """A rule's page, also of one that is not there yet."""

    def __init__(self, desk: Desk, name: str, at: str) -> None:
        self._desk, self._name = desk, name
        self._is_new = name == NEW
        self._rows: Sequence[RuleRow] = ()
        self._shown: object = None
        self._form: RuleForm | None = None
        self.title = "New threshold" if self._is_new else name
        title(self.title, "h1")
        self._about = note("")
        self._gone = Empty("There is no rule of that name.", "It may have been removed.")
        with columns("stack") as self._all:
            self._build_form(at)
            if desk.may_act:
                self._try = TryOut(self._tried)
            self._build_versions()
        if self._is_new:
            self._fill(None, NEW_BODY, {}, is_own=True)

    def _build_form(self, at: str) -> None:
        with card("What it says"):
            with columns("fields"):
                self._called = TextField(
                    "Name", example="inlet-hot", hint="small letters, digits, - and _"
                )
                self._called.hide(not self._is_new)
                self._where = SelectField[str]("Where", {EVERYWHERE: "everywhere", at: at}, at)
                self._where.changed = self._choose
            self._stands = note("")
            self._place = columns("stack")
            with columns("buttons") as buttons:
                Button("Save", self._save, "lode-button-main")
                self._reset = Confirmed("Take back", "Take back for good?", self._take_back)
            buttons.set_visibility(self._desk.is_admin)
            if not self._desk.is_admin:
                note(f"Administrators change rules; you are logged in as {self._desk.person.role}.")

    def _build_versions(self) -> None:
        with (
            card("Versions", aside="an alert's evidence says by which it was judged") as shown,
            table(VERSION_HEADS, label="Versions") as body,
        ):
            self._versions = Keyed[Version](
                body, lambda one: (one[0].site, one[0].version), lambda _: VersionLine()
            )
        shown.set_visibility(not self._is_new)

    async def refresh(self) -> None:
        """Ask for the rule's versions; the form is filled anew only when a new one is there."""
        answers = self._desk.answers
        sites = [site.site for site in await answers.sites()]
        offered = {EVERYWHERE: "everywhere", **{site: f"{site} only" for site in sites}}
        self._where.offer(offered)
        if self._is_new:
            self._gone.show(False)
            return
        self._rows = await answers.rules.versions(self._name)
        self._gone.show(not any(row.is_current for row in self._rows))
        self._all.set_visibility(bool(self._rows))
        self._choose()
        self._versions.show(_with_before(self._rows))

    def _choose(self) -> None:
        """Fill the form with what is in effect at the chosen place."""
        if self._is_new:
            return
        current = {row.site: row for row in self._rows if row.is_current}
        site = self._where.value or None
        row = current.get(site) or current.get(None) or next(iter(current.values()), None)
        if row is None:
            return
        self._about.text = str(row.body.get("title") or "")
        is_local = row.site == site
        key = (site, row.site, row.version, row.person)
        if key != self._shown:
            self._shown = key
            person = row.person if is_local and row.person else {}
            self._fill(row, row.body, person, is_own=row.is_own)
        elsewhere = f"{site} goes by what is said for everywhere."
        if row.site is not None:
            elsewhere = f"It holds at {row.site} only, which is shown."
        self._stands.text = "" if is_local else elsewhere
        self._reset.set_visibility(is_local and row.person is not None)

    def _fill(self, row: RuleRow | None, body: Body, person: Body, *, is_own: bool) -> None:
        self._reset.set_visibility(row is not None)
        self._place.clear()
        with self._place:
            self._form = RuleForm(body, person, is_own=is_own)

    def _read(self) -> tuple[str, str | None, Body] | None:
        name = self._called.value if self._is_new else self._name
        self._called.wrong("" if name else "Give it a name.")
        body = self._form.read() if self._form else None
        return (name, self._where.value or None, body) if name and body is not None else None

    async def _save(self) -> None:
        read = self._read()
        if read is None:
            return
        name, site, body = read
        desk = self._desk
        act = desk.actions.alarms.edit_rule(desk.person, name, site, body)
        if await self._done(act, "Saved; it is in effect in a few seconds") and self._is_new:
            at = f"?at={quote(site, safe='')}" if site else ""
            ui.navigate.to(f"/rules/{quote(name, safe='')}{at}")

    async def _take_back(self) -> None:
        desk, site = self._desk, self._where.value or None
        act = desk.actions.alarms.reset_rule(desk.person, self._name, site)
        await self._done(act, "Taken back")

    async def _done(self, act: Awaitable[None], done: str) -> bool:
        is_wrong: list[str] = []
        is_done = await achieved(self._desk, act, done, wrong=is_wrong.append)
        for reason in is_wrong:
            self._point_at(reason)
        return is_done

    def _point_at(self, reason: str) -> None:
        if ": name: " in reason:
            self._called.wrong(reason.partition(": name: ")[2])
        elif self._form:
            self._form.point_at(reason)

    async def _tried(self, days: float, progress: Tell) -> Tried | None:
        read = self._read()
        if read is None:
            self._try.wrong.text = "Something in the form above is wrong; mend it first."
            return None
        name, site, body = read
        return await attempt(
            self._desk,
            self._desk.answers.rules.try_out(name, site, body, days=days, progress=progress),
            wrong=lambda reason: setattr(self._try.wrong, "text", reason),
            within_s=TRY_S,
        )


def _with_before(rows: Sequence[RuleRow]) -> list[Version]:
    """Set each version beside the one before it at the same place; the newest first."""
    found: list[Version] = []
    for _, listed in itertools.groupby(rows, key=lambda row: row.site):
        mine = list(listed)
        found += zip(mine, [*mine[1:], None], strict=True)
    return sorted(found, key=lambda one: -one[0].at_ms)
