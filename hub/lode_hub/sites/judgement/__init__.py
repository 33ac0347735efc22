"""What was learned speaks: rigs against their peers, sites and meters against their own past."""

from lode_hub.sites.judgement.judgement import Judgement
from lode_hub.sites.judgement.words import RULES

__all__ = ["RULES", "Judgement"]
