"""Every rule that the hub can find by has its cause and its words in what is shipped."""

import re
from pathlib import Path

import pytest

import lode_hub
from lode_hub.rules.book import effective, shipped
from lode_hub.sites.domain import NAMES
from lode_hub.sites.quality.quality import RULES as QUALITY

SOURCE = Path(lode_hub.__file__).parent
# How the code names rules: `rule="..."`, or a constant that ends in one of these words.
NAMED = re.compile(
    r'(?:rule=|(?:RULE|FAILED|REFUSED|DRIFTED|STALE|DISOBEYED)(?:, \w+)? = )"([a-z]+-[a-z-]+)"'
)


def found() -> set[str]:
    texts = (path.read_text() for path in SOURCE.rglob("*.py"))
    return {name for text in texts for name in NAMED.findall(text)}


def test_the_code_names_rules_as_this_test_looks_for_them():
    assert {"energy-call", "energy-price-stale", "on-call-gap", "notify-failed"} <= found()


@pytest.mark.parametrize("name", sorted({*found(), *NAMES, *QUALITY}))
def test_a_rule_has_a_cause_and_words(name):
    rules = {rule.name: rule for rule in effective(shipped()).values()}
    assert name in rules, f"add [[rule]] name = {name!r} to shipped.toml"
    assert rules[name].title
    assert rules[name].cause != "other"
