"""Sites side by side, when there is more than one."""

from collections.abc import Sequence

from lode_hub.queries.nouns import SiteTotals
from lode_ui import figures
from lode_ui.figures import MISSING
from lode_ui.widgets.age import Age
from lode_ui.widgets.keyed import Keyed
from lode_ui.widgets.layout import card, cell, table
from lode_ui.widgets.text import Words, box

HEADS = ("Site", "Rigs mining#", "Hashrate#", "Rig power#", "Meter#", "J/TH#", "Alerts#", "Newest#")


class SiteTable:
    """One row a site, each a way to the site's own overview."""

    def __init__(self) -> None:
        with card("Sites") as self._card, table(HEADS, label="Sites") as body:
            self._rows = Keyed[SiteTotals](body, lambda site: site.site_id, _Row)
        self._card.set_visibility(False)

    def show(self, sites: Sequence[SiteTotals]) -> None:
        """Show the sites; nothing at all for none."""
        self._card.set_visibility(bool(sites))
        self._rows.show(sites)


class _Row:
    def __init__(self, site: SiteTotals) -> None:
        with box("", "tr") as self.root:
            with cell():
                self._name = Words(site.site, "lode-link", "a")
                self._name.props["href"] = f"/?site={site.site_id:d}"
            self._values = []
            for head in HEADS[1:-1]:
                with cell(numeric=True, head=head.rstrip("#")):
                    self._values.append(Words(MISSING))
            with cell(numeric=True, head="Newest"):
                self._newest = Age(stale_s=30)

    def show(self, site: SiteTotals) -> None:
        shown = (
            f"{site.rigs_by_state.get('mining', 0):,} / {site.rigs:,}",
            str(figures.hashrate(site.hashrate_ths)),
            str(figures.power(site.rig_power_w)),
            str(figures.power(site.meter_power_w)),
            figures.efficiency(site.efficiency_jth).value,
            f"{site.open_alerts:,}",
        )
        for words, text in zip(self._values, shown, strict=True):
            words.text = text
        self._newest.show(site.newest_ms)
