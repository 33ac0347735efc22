"""What stands around every page: tabs, site, connection, alerts, theme, person."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from nicegui import ui

from lode_hub.queries.nouns import SiteTotals
from lode_ui.widgets.connection import Connection
from lode_ui.widgets.text import Words, box, shape
from lode_ui.widgets.theme_switch import ThemeSwitch

PAGES = (
    ("/", "Overview"),
    ("/fleet", "Fleet"),
    ("/curtail", "Curtail"),
    ("/energy", "Energy"),
    ("/commands", "Commands"),
    ("/technician", "Technician"),
    ("/agents", "Agents"),
    ("/quality", "Data"),
    ("/alerts", "Alerts"),
)

SECTIONS = {
    "/quality": (
        ("/quality", "Quality"),
        ("/model", "Learned opinion"),
    ),
    "/energy": (
        ("/energy", "Now"),
        ("/energy/plan", "Plan"),
        ("/energy/what-if", "What if"),
        ("/energy/accounts", "Accounts"),
    ),
    "/alerts": (
        ("/alerts", "Inbox"),
        ("/silences", "Silences"),
        ("/rules", "Rules"),
        ("/oncall", "On call"),
        ("/channels", "Channels"),
        ("/alarm-figures", "Figures"),
    ),
}
"""Tabs of several pages: their addresses and names, in a row above the page."""

# A page's address keeps everything but the site; the value is one of our own numbers.
CHOOSE_SITE = """(event) => {
    const address = new URL(window.location.href);
    const site = Number(event.target.value);
    if (site) address.searchParams.set("site", site); else address.searchParams.delete("site");
    window.location.assign(address);
}"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Setting:
    """What the frame has to know of the page within it."""

    here: str  # the address of the page's tab
    person: str
    role: str
    site_id: int | None
    now_ms: int


class Frame:
    """The header, in place for the life of the page."""

    def __init__(self, setting: Setting) -> None:
        self._site_id = setting.site_id
        self._offered: list[tuple[int, str]] = []
        with box("lode-header", "header"):
            with box("lode-brand", "a") as brand:
                brand.props.update({"href": _address("/", setting.site_id), "aria-label": "Lode"})
                box("lode-mark", "span")
                Words("Lode", "lode-brand-word")
            self._tabs(setting)
            self._only = Words("", "lode-only-site")
            self._choice = ui.element("select").classes("lode-input lode-site")
            self._choice.props["aria-label"] = "Site"
            self._choice.on("change", js_handler=CHOOSE_SITE)
            self._choice.set_visibility(False)
            self.connection = Connection(setting.now_ms)
            self._bell = _Bell(setting.site_id)
            ThemeSwitch()
            _person(setting)

    def show(
        self, sites: Sequence[SiteTotals], open_alerts: int, *, at_least: bool = False
    ) -> None:
        """Show the sites to choose from, and how many alerts are open."""
        self._bell.show(open_alerts, at_least=at_least)
        offered = [(site.site_id, site.site) for site in sites]
        if offered != self._offered:
            self._offered = offered
            self._offer()

    def _offer(self) -> None:
        self._choice.set_visibility(len(self._offered) > 1)
        self._only.text = self._offered[0][1] if len(self._offered) == 1 else ""
        self._choice.clear()
        with self._choice:
            for site_id, name in [(0, "All sites"), *self._offered]:
                option = Words(name, "", "option")
                option.props["value"] = f"{site_id:d}"
                if site_id == (self._site_id or 0):
                    option.props["selected"] = True

    def _tabs(self, setting: Setting) -> None:
        with box("lode-tabs", "nav") as tabs:
            tabs.props["aria-label"] = "Pages"
            for address, name in PAGES:
                tab = Words(name, "lode-tab", "a")
                tab.props["href"] = _address(address, setting.site_id)
                if setting.here in (address, *dict(SECTIONS.get(address, ()))):
                    tab.props["aria-current"] = "page" if address == setting.here else "true"


class _Bell:
    def __init__(self, site_id: int | None) -> None:
        with box("lode-icon-button lode-bell", "a") as self._link:
            self._link.props["href"] = _address("/alerts", site_id)
            shape("bell")
            self._count = Words("", "lode-badge lode-bad")
        self._label = ""
        self.show(0)

    def show(self, count: int, *, at_least: bool = False) -> None:
        self._count.text = f"{count}+" if at_least else str(count)
        self._count.set_visibility(count > 0)
        label = f"{self._count.text} open alerts" if count else "No open alerts"
        if label != self._label:
            self._label = label
            self._link.props.update({"aria-label": label, "title": label})
            self._link.update()


@contextmanager
def framed(setting: Setting) -> Iterator[Frame]:
    """Put the frame around what is made inside."""
    ui.context.client.content.classes(replace="lode-page")
    frame = Frame(setting)
    with box("lode-main", "main"):
        _sections(setting)
        yield frame


def _sections(setting: Setting) -> None:
    for pages in SECTIONS.values():
        if setting.here not in dict(pages):
            continue
        with box("lode-sections", "nav") as row:
            row.props["aria-label"] = "Pages of this tab"
            for address, name in pages:
                link = Words(name, "lode-section", "a")
                link.props["href"] = _address(address, setting.site_id)
                if address == setting.here:
                    link.props["aria-current"] = "page"


def _address(path: str, site_id: int | None) -> str:
    return f"{path}?site={site_id:d}" if site_id else path


def _person(setting: Setting) -> None:
    with box("lode-person", "form") as form:
        form.props.update({"method": "post", "action": "/logout"})
        with box("lode-person-name"):
            Words(setting.person, "", "b")
            Words(setting.role, "lode-note")
        with box("lode-button", "button") as button:
            shape("exit")
            Words("Log out")
        button.props.update({"type": "submit", "aria-label": "Log out", "title": "Log out"})
