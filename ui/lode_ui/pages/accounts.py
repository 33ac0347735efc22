"""Accounts of energy: the list, and one of them with what it rests on."""

import datetime

from nicegui import ui

from lode_hub.queries.energy_nouns import AccountRow, CallRow
from lode_ui import energy_words as words
from lode_ui.acts import attempt
from lode_ui.desk import Desk
from lode_ui.said import moment
from lode_ui.widgets import energy_account as parts
from lode_ui.widgets.button import Button
from lode_ui.widgets.energy_account import HEADS, AccountLine
from lode_ui.widgets.energy_curtailed import curtailed_part
from lode_ui.widgets.form import SelectField, TextField
from lode_ui.widgets.keyed import Keyed
from lode_ui.widgets.layout import Empty, Facts, card, columns, table
from lode_ui.widgets.text import Words, box, note, title

SIZE = 100
MAKE_S = 30.0
FACTS = ("Received until", "Made", "By", "Digest (SHA-256)")
SAME = "Made again from what it rests on, it comes out the same, to the last figure."
OTHER = "Made again, it comes out otherwise: its digest is now {digest}. Somebody changed the data."


class AccountsPage:
    """The accounts, the latest time first; a day's or month's can be made."""

    title = "Accounts"

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        title("Accounts", "h1")
        note("What was metered, what would have been, and what it came to. Never changed.")
        with card():
            self._none = Empty(
                "There is no account yet.",
                "A call's is made once it is over, on the page Energy; a day's is made below.",
            )
            with table(HEADS, label="Accounts") as body:
                self._rows = Keyed[AccountRow](body, lambda row: row.account_id, AccountLine)
        if not desk.may_energy("account"):
            note("Operators, traders and auditors may make accounts.")
            return
        with card("Make the account of a day"):
            yesterday = datetime.datetime.now(datetime.UTC).date() - datetime.timedelta(days=1)
            with columns("fields"):
                self._site = SelectField[str]("Site", {}, "")
                self._day = TextField(
                    "Day",
                    form="date",
                    value=yesterday.isoformat(),
                    hint="by the clocks of the site's tariff, once it is over",
                )
            self._wrong = Words("", "lode-wrong", "p")
            with columns("buttons"):
                Button("Make account", self._make, "lode-button-main")

    async def refresh(self) -> None:
        """Ask for the accounts."""
        sites = await self._desk.answers.sites()
        name = self._desk.site_name(sites)
        found = await self._desk.answers.energy.accounts(name, limit=SIZE)
        self._none.show(not found)
        self._rows.show(found)
        if self._desk.may_energy("account"):
            self._site.offer({each.site: each.site for each in self._desk.chosen(sites)})

    async def _make(self) -> None:
        try:
            day = datetime.date.fromisoformat(self._day.value)
        except ValueError:
            self._day.wrong("Pick a day.")
            return
        self._day.wrong("")
        self._wrong.text = ""
        desk = self._desk
        made = await attempt(
            desk,
            self._account(self._site.value, day),
            wrong=lambda why: setattr(self._wrong, "text", why),
            within_s=MAKE_S,
        )
        if made is not None:
            ui.navigate.to(address(f"/energy/accounts/{made:d}", desk.site_id))

    async def _account(self, site: str, day: datetime.date) -> int:
        desk = self._desk
        span_ms = await desk.answers.energy.day_ms(site, day)
        return await desk.actions.energy.account(desk.person, site, "day", day.isoformat(), span_ms)


class AccountPage:
    """One account: energy, money, periods, rigs, and the proof of it."""

    title = "Account"

    def __init__(self, desk: Desk, account_id: int) -> None:
        self._desk, self._id = desk, account_id
        self._shown = False
        with box("lode-rig-head"):
            back = Words("\N{LEFTWARDS ARROW} Accounts", "lode-link", "a")
            back.props["href"] = address("/energy/accounts", desk.site_id)
            self._name = Words("…", "lode-rig-name", "h1")
            self._about = note("")
        self._missing = Empty("There is no such account.", "See the list of accounts.")
        self._missing.show(False)
        self._body = columns("stack")

    async def refresh(self) -> None:
        """Ask for the account, once: it never changes."""
        if self._shown:
            return
        row = await self._desk.answers.energy.account(self._id)
        self._missing.show(row is None)
        if row is None:
            self._name.text = "No such account"
            return
        self._shown = True
        self._name.text = row.subject or parts.KINDS[row.kind]
        when = words.span(row.from_ms, row.until_ms)
        self._about.text = f"{parts.KINDS[row.kind]} at {row.site}, {when}"
        with self._body:
            self._build(row)

    def _build(self, row: AccountRow) -> None:
        body = row.body
        is_bill = row.kind in {"day", "month"}
        with columns("wide-narrow"):
            with columns("stack"), card("Energy", aside="by the meters' counters"):
                facts = parts.bill_facts(body) if is_bill else parts.event_facts(body)
                Facts(tuple(facts)).show(facts)
                for line in (*body.get("notes", ()), *(body.get("bill") or {}).get("notes", ())):
                    Words(str(line), "lode-notice lode-warn", "p")
            with columns("stack"), card("Money"):
                money = parts.bill_money(body) if is_bill else parts.event_money(body)
                parts.money_table(money)
        if body.get("so_far"):
            with card("The month's peak so far", aside="up to the end of this day"):
                parts.bill_table(body["so_far"])
                note("Paid for once, with the month: it is in no figure of this day.")
        if is_bill:
            curtailed_part(body.get("curtailed"))
        self._build_proof(row)
        if is_bill:
            with card("The bill", aside="line by line"):
                parts.bill_table((body.get("bill") or {}).get("lines", ()))
        else:
            with card("By period"):
                parts.period_table(body.get("periods", ()))
        with card(
            "By rig", aside="what hashing was lost; a rig's own word of its power is no meter"
        ):
            parts.rig_table(body.get("rigs", ()))

    def _build_proof(self, row: AccountRow) -> None:
        with card("What it rests on", aside="anybody may make it again and compare"):
            Facts(FACTS).show(
                {
                    "Received until": moment(row.as_of_ms),
                    "Made": moment(row.made_ms),
                    "By": row.person,
                    "Digest (SHA-256)": row.digest,
                }
            )
            days = row.body.get("baseline_days") or ()
            if days:
                note(f"Baseline of the days {', '.join(days)}.")
            self._proof = Words("", "lode-notice", "p")
            self._proof.set_visibility(False)
            with columns("buttons"):
                if self._desk.may_energy("account"):
                    Button("Prove again", self._prove)
                link = Words("Download CSV", "lode-link", "a")
                link.props.update(
                    {"href": f"/api/v1/energy/accounts/{self._id:d}/csv", "download": ""}
                )

    async def _prove(self) -> None:
        desk = self._desk
        act = desk.actions.energy.prove(desk.person, self._id)
        proof = await attempt(desk, act, within_s=MAKE_S)
        if proof is None:
            return
        self._proof.set_visibility(True)
        self._proof.classes(replace=f"lode-notice lode-{'good' if proof.is_same else 'bad'}")
        self._proof.text = SAME if proof.is_same else OTHER.format(digest=proof.digest_now)


def address(path: str, site_id: int | None) -> str:
    """Keep the chosen site on the way to another page."""
    return f"{path}?site={site_id:d}" if site_id else path


async def open_account(desk: Desk, call: CallRow) -> None:
    """Make the account of a call, and go there."""
    act = desk.actions.energy.account_of_call(desk.person, call.call_id)
    made = await attempt(desk, act, within_s=MAKE_S)
    if made is not None:
        ui.navigate.to(address(f"/energy/accounts/{made:d}", desk.site_id))
