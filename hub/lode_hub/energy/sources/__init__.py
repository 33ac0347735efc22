"""Sources of prices and other figures, described as data, and what they give.

text or answer ─► decode (csv, json, ercot, entsoe) ─► Parsed ─► the database
"""

from lode_hub.energy.sources.decode import MAX_BYTES, decode
from lode_hub.energy.sources.described import Columns, Source, described

__all__ = ["MAX_BYTES", "Columns", "Source", "decode", "described"]
