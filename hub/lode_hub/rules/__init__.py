"""Rules of alerts as data: shipped, from a file, changed by people; every change is a version."""

from lode_hub.rules.book import edit, effective, install, read, shipped
from lode_hub.rules.schema import CAUSES, Rule, Scope, merged

__all__ = ["CAUSES", "Rule", "Scope", "edit", "effective", "install", "merged", "read", "shipped"]
