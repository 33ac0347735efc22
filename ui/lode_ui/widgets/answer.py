"""What a question was answered: what a probe has found, or registers in every reading."""

import json

from lode_hub.queries.command_nouns import CommandDetail
from lode_ui import probed, registers
from lode_ui.figures import MISSING
from lode_ui.probed import FoundDevice
from lode_ui.widgets.layout import Empty, cell, table
from lode_ui.widgets.text import Words, box, note

LONGEST = 4000
REGISTER_HEADS = (
    "Reg.",
    "Hex#",
    "Unsigned#",
    "Signed#",
    "Float AB CD#",
    "Float CD AB#",
    "32 bit AB CD#",
    "32 bit CD AB#",
)
BIT_HEADS = ("Bit", "State")
WORDS_HINT = (
    "Float and 32 bit take this register and the next one, the high word first (AB CD, as "
    "most meters have it) or last (CD AB)."
)


class AnswerView:
    """The answer, built once when it is there; hidden until then."""

    def __init__(self) -> None:
        self._place = box("lode-card lode-answer", "section")
        self._place.set_visibility(False)
        self._shown: object = None

    def show(self, detail: CommandDetail | None) -> None:
        """Show what a command was answered, if it was a question."""
        action = detail.command.action if detail else ""
        answer = detail.answer if detail and action in ("probe", "registers") else None
        self._place.set_visibility(answer is not None)
        if detail is None or answer is None or answer == self._shown:
            return
        self._shown = answer
        self._place.clear()
        intent = detail.command.order.get("intent") or {}
        with self._place:
            if action == "probe":
                _show_probe(answer)
            elif registers.is_words(answer):
                _show_words(intent, answer)
            else:
                Words(json.dumps(answer, ensure_ascii=False)[:LONGEST], "lode-wrap")


def _show_probe(answer: object) -> None:
    read = probed.read(answer)
    if not read.found:
        Empty("Nothing there that is known.", "Is it switched on, and on this network?")
    for device in read.found:
        _show_found(device)
    for each in read.notes:
        note(each)


def _show_found(device: FoundDevice) -> None:
    with box("lode-found"):
        Words(device.heading, "lode-title", "h3")
        _pairs("lode-facts", list(device.facts.items()))
        if device.values:
            Words("What it says now", "lode-field-label")
            _pairs("lode-evidence", device.values)
        if device.note:
            note(device.note)


def _pairs(style: str, pairs: list[tuple[str, str]]) -> None:
    with box(style, "dl"):
        for name, value in pairs:
            with box("lode-fact"):
                Words(name, "", "dt")
                Words(value or MISSING, "", "dd")


def _show_words(intent: dict[str, object], answer: object) -> None:
    first = intent.get("register") or 0
    words = answer if isinstance(answer, list) else []
    start = first if isinstance(first, int) else 0
    if intent.get("function") in (1, 2):
        with table(BIT_HEADS, label="Bits"):
            for place, bit in enumerate(words):
                with box("", "tr"):
                    with cell():
                        Words(f"{start + place}")
                    with cell(head="State"):
                        Words("1, on" if bit else "0, off")
        return
    note(WORDS_HINT)
    with table(REGISTER_HEADS, label="Registers"):
        for row in registers.read(start, words):
            shown = (
                row.hex,
                row.unsigned,
                row.signed,
                row.float_high_first,
                row.float_low_first,
                row.long_high_first,
                row.long_low_first,
            )
            with box("", "tr"):
                with cell():
                    Words(f"{row.register}", "lode-key")
                for head, text in zip(REGISTER_HEADS[1:], shown, strict=True):
                    with cell(numeric=True, head=head.rstrip("#")):
                        Words(text, "lode-key")
