"""Find devices on a site's network, and say what is new, moved or gone; nothing is changed.

ranges ─► scan (bounded) ─► found ┐
reports that rigs send ───────────┴─► survey (against the agent's settings) ─► a site file to review
"""

from lode_edge.discover.ranges import addresses
from lode_edge.discover.scan import Bounds, Progress, scan
from lode_edge.discover.survey import Survey, survey

__all__ = ["Bounds", "Progress", "Survey", "addresses", "scan", "survey"]
