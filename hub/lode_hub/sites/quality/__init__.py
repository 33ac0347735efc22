"""Data quality: every reading gets a verdict before a detector sees it.

Committed ─► Quality.take ─┬─► Committed that may be trusted ─► detectors
                           └─► counts by source ─► quality_5m
tick ─► clocks, gaps, staleness, units, flat lines, counters, duplicates ─► findings
"""

from lode_hub.sites.quality.quality import Quality

__all__ = ["Quality"]
