"""The device a technician works with: searched by words, then its facts and last values."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from lode_hub.queries.nouns import RigState
from lode_ui.figures import MISSING
from lode_ui.states import RIG
from lode_ui.widgets.age import Age
from lode_ui.widgets.keyed import Keyed
from lode_ui.widgets.layout import Empty, card
from lode_ui.widgets.search import Search
from lode_ui.widgets.sign import Sign
from lode_ui.widgets.text import Words, box


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """A device as a technician tells it from others."""

    device_id: int
    name: str
    about: str
    state: RigState | None  # None: it is no rig
    at_ms: int | None
    is_rig: bool
    facts: dict[str, str]


class Subject:
    """A search with its hits, and the chosen device."""

    def __init__(self, search: Callable[[str], Awaitable[None]], site_id: int | None) -> None:
        self._shown: dict[str, str] | None = None
        with card("Device"):
            Search("Name, serial number, MAC or address", search)
            self._hits = Keyed[Found](
                box("lode-hits", "ul"), lambda hit: hit.device_id, lambda hit: _Hit(hit, site_id)
            )
            self._no_hit = Empty("No device fits.", "Is it of another site, or not set up yet?")
            self._no_hit.show(False)
            with box("lode-subject") as self._box:
                with box("lode-subject-head"):
                    self._name = Words("", "lode-subject-name lode-link", "a")
                    self._sign = Sign(RIG["unknown"], is_pill=True)
                    with box("lode-note", "span"):
                        Words("read ")
                        self._age = Age(stale_s=60)
                self._warning = Words("", "lode-notice lode-warn", "p")
                self._facts = box("lode-facts", "dl")
        self._box.set_visibility(False)
        self._warning.set_visibility(False)

    def offer(self, hits: Sequence[Found] | None) -> None:
        """Show what a search has found; None: nothing was searched."""
        self._hits.show(hits or ())
        self._no_hit.show(hits is not None and not hits)

    def warn(self, text: str) -> None:
        """Say what is wrong with the way to it."""
        self._warning.text = text
        self._warning.set_visibility(bool(text))

    def show(self, found: Found | None) -> None:
        """Show the chosen device."""
        self._box.set_visibility(found is not None)
        if found is None:
            return
        self._name.text = found.name
        if found.is_rig and "href" not in self._name.props:
            self._name.props["href"] = f"/rigs/{found.device_id:d}"
            self._name.update()
        self._sign.show(RIG[found.state or "unknown"])
        self._sign.hide(found.state is None)
        self._age.show(found.at_ms)
        if found.facts != self._shown:
            self._shown = found.facts
            self._facts.clear()
            with self._facts:
                for name, value in found.facts.items():
                    with box("lode-fact"):
                        Words(name, "", "dt")
                        Words(value or MISSING, "", "dd")


class _Hit:
    def __init__(self, hit: Found, site_id: int | None) -> None:
        site = f"&site={site_id:d}" if site_id else ""
        with box("lode-hit", "li") as self.root, box("lode-hit-link", "a") as link:
            link.props["href"] = f"/technician?device={hit.device_id:d}{site}"
            self._name = Words("", "lode-hit-name", "b")
            self._about = Words("", "lode-note")

    def show(self, hit: Found) -> None:
        self._name.text = hit.name
        self._about.text = hit.about
