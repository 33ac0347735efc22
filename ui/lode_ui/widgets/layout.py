"""How a page is divided: sections, cards, columns, tables."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Literal

from nicegui import ui

from lode_ui.figures import MISSING
from lode_ui.widgets.text import Words, box, note, title

Kind = Literal[
    "tiles",
    "wide-narrow",
    "stack",
    "toolbar",
    "readings",
    "agents",
    "alerts",
    "fields",
    "buttons",
    "tools",
]


@contextmanager
def card(heading: str = "", *, aside: str = "", comes_first: bool = False) -> Iterator[ui.element]:
    """Frame what belongs together, under an optional heading with a remark at its right.

    `comes_first` puts it on top where a page has room for one column only.
    """
    with box("lode-card lode-first" if comes_first else "lode-card", "section") as made:
        if heading:
            with box("lode-card-head"):
                title(heading)
                if aside:
                    Words(aside, "lode-note")
        yield made


def columns(kind: Kind) -> ui.element:
    """Set what follows side by side where there is room, below each other where not."""
    return box(f"lode-{kind}")


@contextmanager
def table(heads: Sequence[str], *, label: str) -> Iterator[ui.element]:
    """Open a table's body under its heads; a head ending in `#` stands over numbers."""
    with box("lode-table-wrap"), box("lode-table", "table") as made:
        made.props["aria-label"] = label
        with box("", "thead"), box("", "tr"):
            for head in heads:
                Words(head.rstrip("#"), "lode-num" if head.endswith("#") else "", "th")
        with box("", "tbody") as body:
            yield body


def cell(*, numeric: bool = False, head: str = "") -> ui.element:
    """Open a cell; `head` is what a phone shows before it, where tables become lists."""
    made = box("lode-num" if numeric else "", "td")
    if head:
        made.props["data-head"] = head
    return made


def blank(cell: ui.element, *, is_blank: bool) -> None:
    """Say whether a cell holds nothing: a phone leaves it out."""
    if is_blank:
        cell.classes(add="lode-blank")
    else:
        cell.classes(remove="lode-blank")


class Empty:
    """Stands where a list would be, and says what to do about it."""

    def __init__(self, heading: str, hint: str = "", command: str = "") -> None:
        with box("lode-empty") as self._box:
            self._heading = Words(heading, "", "b")
            self._hint = note(hint)
            if command:
                Words(command, "lode-code", "code")

    def show(self, is_empty: bool) -> None:
        """Show or hide it."""
        self._box.set_visibility(is_empty)

    def say(self, heading: str, hint: str) -> None:
        """Change what it says."""
        self._heading.text, self._hint.text = heading, hint


class Facts:
    """Names and what they are, in two columns; made once, filled in place."""

    def __init__(self, names: Sequence[str]) -> None:
        self._shown: dict[str, Words] = {}
        with box("lode-facts", "dl") as self.root:
            for name in names:
                with box("lode-fact"):
                    Words(name, "", "dt")
                    self._shown[name] = Words(MISSING, "", "dd")

    def show(self, facts: dict[str, str]) -> None:
        """Fill in what is known; what is not stays a dash."""
        for name, words in self._shown.items():
            words.text = facts.get(name) or MISSING


def whole_height() -> ui.element:
    """Give what follows the rest of the window's height."""
    return box("lode-whole")
