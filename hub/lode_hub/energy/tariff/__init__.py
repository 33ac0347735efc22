"""What a site pays for power: a tariff as data, its price at a moment and its bill for a month.

TOML ─► Tariff ─┬─► all-in price of each period, by parts
                └─► bill of what was metered
"""

from lode_hub.energy.tariff.described import Tariff, described
from lode_hub.energy.tariff.price import Part, Priced, Rates, priced

__all__ = ["Part", "Priced", "Rates", "Tariff", "described", "priced"]
