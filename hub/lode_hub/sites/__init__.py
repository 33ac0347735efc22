"""The mining sites: which rigs there are, how they are, and what is wrong with them."""

from lode_hub.sites.domain import Sites
from lode_hub.sites.watch import Counters

__all__ = ["Counters", "Sites"]
