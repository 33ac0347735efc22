"""What energy rests on: documents written here or read from files, and files of prices."""

import base64
import binascii
from collections.abc import Awaitable, Callable
from typing import Any

from nicegui import ui
from nicegui.events import GenericEventArguments

from lode_hub.queries.energy_nouns import DocumentKind, DocumentRow, SourceRow
from lode_ui import energy_words as words
from lode_ui import figures
from lode_ui.acts import attempt
from lode_ui.desk import Desk
from lode_ui.energy_words import KINDS, WHAT
from lode_ui.hub_energy import Uploaded
from lode_ui.widgets.age import Age
from lode_ui.widgets.button import Button
from lode_ui.widgets.drawer import Drawer
from lode_ui.widgets.form import LongField, TextField
from lode_ui.widgets.layout import cell, columns
from lode_ui.widgets.sign import Sign
from lode_ui.widgets.text import Words, box, note

MOST_BYTES = 600_000
"""A message from a browser to its page holds no more; larger files go through the API."""

LONGEST = 200_000
UPLOAD_S = 30.0
MOST_REFUSED = 5
SOURCE_HEADS = ("Source", "State", "Values", "Last heard", "")
DOCUMENT_HEADS = ("Document", "Revision#", "By", "Saved#", "")

READ = """(event) => {
    const file = event.target.files[0];
    if (!file) return;
    const told = { name: file.name };
    const reader = new FileReader();
    reader.onload = () => emit({ ...told, data: String(reader.result).split(",")[1] || "" });
    if (file.size > MOST_BYTES) emit(told); else reader.readAsDataURL(file);
    event.target.value = "";
}""".replace("MOST_BYTES", f"{MOST_BYTES:d}")

EXAMPLES: dict[DocumentKind, str] = {
    "tariff": """name = "My tariff"
currency = "USD"
time_zone = "America/Chicago"
valid_from = 2026-01-01

[energy]
price = "real-time"     # or "day-ahead", or "fixed" with fixed_mwh
node = "HB_WEST"

[[adders]]
name = "delivery"
price_mwh = 10.0
""",
    "source": """quantity = "real-time"  # day-ahead, hashprice, difficulty, coin-price, fees, ...
unit = "USD/MWh"        # hashprice: "USD/PH/day"
node = "HB_WEST"
format = "csv"          # json, ercot, entsoe, openadr
stale_after_s = 7200
# url = "https://..."   # with it the hub polls; without it, files are uploaded here

[columns]
time = "timestamp"
value = "price"
""",
    "economics": """pool_fee_ratio = 0.02
meters = []             # that are billed; empty: those that rigs hang on

[hashprice]
by = "series"           # or "formula"
stale_after_s = 21600
fallback = "hold"       # no new plan; or "last", or "assume" with assume_usd_th_day
""",
    "programme": """reduce = "by"           # to, by, all
power_kw = 400
notice_s = 600
credit_usd_mwh = 100
penalty_usd_mwh = 1000
time_zone = "America/Chicago"

[baseline]
method = "10-of-10"
""",
    "limits": """limit_kw = 3000         # at the meter
ramp_kw_min = 200       # at the rigs
gain_usd = 0.5          # what a new plan must earn more

[feeders.north]
limit_kw = 2000         # at the rigs

[models."*"]
min_up_s = 1800
min_down_s = 600
starts_per_day = 4
""",
}


class FileField:
    """A file to choose; calls back with its name and bytes, or None when it is too large."""

    def __init__(
        self, label: str, chosen: Callable[[str, bytes | None], Awaitable[None]], accept: str
    ) -> None:
        with box("lode-field", "label") as self.root:
            Words(label, "lode-field-label")
            field = ui.element("input").classes("lode-file")
            field.props.update({"type": "file", "accept": accept})

        async def took(event: GenericEventArguments) -> None:
            told: dict[str, Any] = event.args if isinstance(event.args, dict) else {}
            await chosen(str(told.get("name"))[:60], _bytes(told.get("data")))

        field.on("change", took, js_handler=READ)


def _bytes(said: object) -> bytes | None:
    if not isinstance(said, str) or len(said) > MOST_BYTES * 2:
        return None
    try:
        return base64.b64decode(said, validate=True)
    except (ValueError, binascii.Error):
        return None


class DocumentForm:
    """A document, new or as it is; saving it makes a further revision and keeps the others."""

    def __init__(
        self, desk: Desk, site: str, kind: DocumentKind, row: DocumentRow | None,
        done: Callable[[], Awaitable[None]],
    ) -> None:  # fmt: skip
        self._desk, self._kind, self._row, self._done = desk, kind, row, done
        self._site = row.site if row else site
        self._body = row.body if row else EXAMPLES[kind]
        noun = KINDS[kind].lower()
        Words(f"Change {noun} {row.name}" if row else f"New {noun}", "lode-title", "h3")
        note(f"It says {WHAT[kind]}. docs/energy.md has every key.")
        with columns("fields"):
            self._name = TextField("Name", example="main")
            self._name.hide(row is not None)
            FileField("From a file", self._read, ".toml,.txt")
        self._place = columns("stack")
        self._draw()
        self._wrong = Words("", "lode-wrong", "p")
        self._wrong.props["role"] = "alert"
        with columns("buttons"):
            Button(f"Save {noun}", self._save, "lode-button-main")
            Button("Cancel", done)

    def _draw(self) -> None:
        self._place.clear()
        with self._place:
            self._text = LongField("TOML", longest=LONGEST, value=self._body)

    async def _read(self, name: str, data: bytes | None) -> None:
        if data is None or len(data) > LONGEST:
            self._wrong.text = f"{name}: larger than {figures.size(LONGEST)}; is it the right file?"
            return
        try:
            self._body = data.decode("utf-8-sig")
        except UnicodeDecodeError:
            self._wrong.text = f"{name}: it is no UTF-8 text; is it the right file?"
            return
        self._wrong.text = ""
        self._draw()

    async def _save(self) -> None:
        name = self._row.name if self._row else self._name.value
        self._name.wrong("" if name else "Give it a name.")
        self._wrong.text = ""
        if not name:
            return
        desk = self._desk
        made = await attempt(
            desk,
            desk.actions.energy.save(
                desk.person, self._kind, name, self._text.value, site=self._site
            ),
            f"{name} is saved",
            wrong=lambda why: setattr(self._wrong, "text", why),
        )
        if made is not None:
            await self._done()


class SourceLine:
    """How one source fares, and the way to give it a file."""

    def __init__(self, source: SourceRow, open_upload: Callable[[SourceRow], None] | None) -> None:
        self._source = source
        with box("", "tr") as self.root:
            with cell(), box("lode-command-what"):
                self._name = Words(source.name, "lode-wrap", "b")
                self._about = Words("", "lode-note")
            with cell(head="State"), box("lode-command-state"):
                self._sign = Sign(words.FED)
                self._why = Words("", "lode-note")
            with cell(head="Values"):
                self._reaches = Words("")
            with cell(head="Last heard"):
                self._heard = Age()
            with cell():
                if open_upload:

                    async def upload() -> None:
                        open_upload(self._source)

                    Button("Upload …", upload)

    def show(self, row: tuple[SourceRow, int]) -> None:
        """Show how it fares at a moment."""
        source, now_ms = row
        self._source = source
        node = f" at {source.node}" if source.node else ""
        where = "" if source.site else ", of all sites"
        self._about.text = f"{source.quantity}{node}, {source.unit}{where}"
        look, why = words.source(source, now_ms)
        self._sign.show(look)
        self._why.text = why
        self._reaches.text = words.reaches(source, now_ms)
        self._heard.show(source.ok_ms)


class UploadForm:
    """A file for a source: what is new in it is kept, nothing is overwritten."""

    def __init__(self, desk: Desk, source: SourceRow, done: Callable[[], Awaitable[None]]) -> None:
        self._desk, self._source = desk, source
        Words(f"Upload a file for {source.name}", "lode-title", "h3")
        note("What is new in it is kept; nothing is overwritten, and gaps are not filled.")
        FileField("File", self._upload, ".csv,.json,.xml,.zip,.txt")
        self._wrong = Words("", "lode-wrong", "p")
        self._wrong.props["role"] = "alert"
        self._said = note("")
        with columns("buttons"):
            Button("Close", done)

    async def _upload(self, name: str, data: bytes | None) -> None:
        self._wrong.text = self._said.text = ""
        if data is None:
            self._wrong.text = (
                f"{name}: larger than {figures.size(MOST_BYTES)}; split it, or send it to the API."
            )
            return
        desk, source = self._desk, self._source
        taken = await attempt(
            desk,
            desk.actions.energy.upload(desk.person, source.name, data, site=source.site),
            wrong=lambda why: setattr(self._wrong, "text", why),
            within_s=UPLOAD_S,
        )
        if taken is not None:
            self._said.text = f"{name}: {_taken(taken)}"


def _taken(taken: Uploaded) -> str:
    said = [f"{figures.plural(taken.rows, 'row')} read, {taken.fresh:,} say something new"]
    if taken.refused_n:
        lines = "; ".join(
            f"line {each.line}: {each.reason}" for each in taken.refused[:MOST_REFUSED]
        )
        said.append(f"{taken.refused_n:,} could not be read ({lines})")
    if taken.gaps_ms:
        first = words.span(*taken.gaps_ms[0])
        said.append(f"{figures.plural(len(taken.gaps_ms), 'gap')}, the first {first}")
    return "; ".join(said) + "."


class DocumentLine:
    """One document: its revision, whose it is, and the way to change it."""

    def __init__(self, row: DocumentRow, edit: Callable[[DocumentRow], None] | None) -> None:
        self._row = row
        with box("", "tr") as self.root:
            with cell(), box("lode-command-what"):
                Words(row.name, "lode-wrap", "b")
                Words(KINDS[row.kind] + ("" if row.site else ", of all sites"), "lode-note")
            with cell(numeric=True, head="Revision"):
                self._revision = Words("")
            with cell(head="By"):
                self._by = Words("", "lode-wrap")
            with cell(numeric=True, head="Saved"):
                self._saved = Age()
            with cell():
                if edit:

                    async def change() -> None:
                        edit(self._row)

                    Button("Change …", change)

    def show(self, row: DocumentRow) -> None:
        """Show its present revision."""
        self._row = row
        self._revision.text = f"{row.revision}"
        self._by.text = row.person
        self._saved.show(row.saved_ms)


class Setup:
    """What has to be there before anything can be reckoned, in order; hidden once it is."""

    KINDS: tuple[DocumentKind, ...] = ("tariff", "source", "economics")

    def __init__(self, open_new: Callable[[DocumentKind, Drawer], None] | None) -> None:
        self._steps: dict[DocumentKind, ui.element] = {}
        with box("lode-setup", "ol"):
            for kind in self.KINDS:
                with box("", "li") as self._steps[kind]:
                    Words(f"{KINDS[kind]} is missing", "", "b")
                    note(f"It says {WHAT[kind]}.")
                    if open_new:
                        self._button(kind, open_new)
        if not open_new:
            note("Traders and administrators may set this up.")

    def _button(self, kind: DocumentKind, open_new: Callable[[DocumentKind, Drawer], None]) -> None:
        async def begin() -> None:
            open_new(kind, drawer)

        with columns("buttons"):
            Button(f"Write the {KINDS[kind].lower()} …", begin)
        drawer = Drawer()

    def show(self, missing: set[DocumentKind]) -> None:
        """Show the steps that are left."""
        for kind, step in self._steps.items():
            step.set_visibility(kind in missing)
