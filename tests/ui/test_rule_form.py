"""The form of a rule: what it reads, what it says is wrong and where, what it leaves as it is."""

from typing import Any

import pytest

from lode_hub.rules.schema import made
from lode_ui.widgets.rule_form import NEW, RuleForm
from tests.ui.reading import field, seen, send
from tests.ui.stage import staged

SHIPPED = {
    **NEW, "metric": None, "title": "too hot", "cause": "heat", "severity": None,
    "thresholds": {"low_ratio": 0.8512345678, "low_s": 180.0, "peak_w": 12_345_678.0},
}  # fmt: skip
OWN = {**NEW, "above": 35.0, "clear_at": 33.0, "scope": {"rack": "A*", "site": "north"}}


def form(user: Any) -> RuleForm:
    return user.made


def rule(body: dict[str, Any], *, is_own: bool, person: dict[str, Any] | None = None):
    return staged(lambda: RuleForm(body, person or {}, is_own=is_own))


def wrong(user: Any, label: str) -> str:
    """Give what stands in red under a field."""
    every = list(user._client.elements.values())
    at = every.index(field(user, label))
    return next(str(e._text or "") for e in every[at:] if "lode-wrong" in e.classes)


async def test_what_nobody_touched_says_nothing_of_its_own():
    async with rule(SHIPPED, is_own=False) as user:
        assert form(user).read() == {}


async def test_one_changed_number_leaves_every_other_digit_alone():
    person = {"off_delay_s": 30, "thresholds": {"peak_w": 12_345_678.0}}
    async with rule({**SHIPPED, "off_delay_s": 30}, is_own=False, person=person) as user:
        assert field(user, "Peak").props["defaultValue"] == "12345678"
        send(field(user, "Low ratio"), "0.9")
        send(field(user, "Severity"), "critical")
        assert form(user).read() == {
            "off_delay_s": 30, "severity": "critical",
            "thresholds": {"peak_w": 12_345_678.0, "low_ratio": 0.9},
        }  # fmt: skip


async def test_a_threshold_is_read_as_the_hub_takes_it():
    async with rule(OWN, is_own=True) as user:
        send(field(user, "Fires"), "below")
        send(field(user, "Limit"), "12.5")
        send(field(user, "Ends at"), "")
        send(field(user, "Silenced by"), " order, ,agent-stale,")
        send(field(user, "Only model"), "S21*")
        body = form(user).read()
    assert body is not None
    kept = made({**body, "name": "cold"}, "test")
    assert (kept.below, kept.above, kept.clear_at) == (12.5, None, None)
    assert kept.inhibited_by == ("order", "agent-stale")
    assert (kept.scope.model, kept.scope.rack, kept.scope.site) == ("S21*", "A*", "north")


@pytest.mark.parametrize(
    ("label", "typed"),
    [
        ("On-delay", "-1"),
        ("Off-delay", "86401"),
        ("For at least", "soon"),
        ("For at least", ""),
        ("Hashprice", "nan"),
        ("A step graver above", "inf"),
        ("Ends at", "warm"),
    ],
)
async def test_a_wrong_number_is_said_in_its_field_until_it_is_mended(label, typed):
    async with rule(OWN, is_own=True) as user:
        send(field(user, label), typed)
        assert form(user).read() is None
        assert wrong(user, label) == "Give a number within its limits."
        assert field(user, label).props["aria-invalid"] == "true"
        send(field(user, label), "32")
        assert form(user).read() is not None
        assert wrong(user, label) == ""
        assert "aria-invalid" not in field(user, label).props


@pytest.mark.parametrize("typed", ["", "hot", "nan", "inf"])
async def test_a_limit_is_no_zero_when_it_is_missing(typed):
    async with rule({**OWN, "clear_at": None}, is_own=True) as user:
        send(field(user, "Limit"), typed)
        assert form(user).read() is None
        assert wrong(user, "Limit") == "Give the limit as a number."
        send(field(user, "Limit"), "0")
        body = form(user).read()
        assert body is not None
        assert (body["above"], wrong(user, "Limit")) == (0.0, "")


async def test_the_unit_and_the_values_follow_what_is_looked_at():
    async with rule(OWN, is_own=True) as user:
        assert "Inlet temp" not in seen(user)
        assert "inlet temp, °C" in seen(user)
        send(field(user, "Looks at"), "meter")
        body = form(user).read()
        assert body is not None
        assert (body["of"], body["metric"]) == ("meter", "power_w")
        assert "inlet temp, °C" not in seen(user)
        send(field(user, "Value"), "freq_hz")
        units = [e._text for e in user._client.elements.values() if "lode-field-unit" in e.classes]
        assert units.count("Hz") == 2  # the limit's and the deadband's
        send(field(user, "Looks at"), "point")
        send(field(user, "Point"), "pump.1.pressure")
        body = form(user).read()
        assert body is not None
        assert (body["of"], body["metric"]) == ("point", "pump.1.pressure")
        units = [e._text for e in user._client.elements.values() if "lode-field-unit" in e.classes]
        assert "Hz" not in units


FORGED = "person: rule x: "


@pytest.mark.parametrize(
    ("reason", "label", "said"),
    [
        (FORGED + "on_delay_s: give at most 86400", "On-delay", "give at most 86400"),
        (FORGED + "scope.model: is too long", "Only model", "is too long"),
        (FORGED + "title: is too long", "What to do", "is too long"),
        (FORGED + "clear_at 40 lies beyond the limit 35; it would clear at once", "Ends at",
         "clear_at 40 lies beyond the limit 35; it would clear at once"),
        (FORGED + "no metric 'x' of a rig; did you mean y?", "Value",
         "no metric 'x' of a rig; did you mean y?"),
        ("rule metric-hot: inhibited_by 'x' is neither a rule nor a cause", "Silenced by",
         "rule metric-hot: inhibited_by 'x' is neither a rule nor a cause"),
        ("rules: there are too many", None, "rules: there are too many"),
    ],
)  # fmt: skip
async def test_what_the_hub_refuses_is_said_where_it_was_typed(reason, label, said):
    async with rule(OWN, is_own=True) as user:
        form(user).point_at(reason)
        assert said in seen(user)
        if label:
            assert wrong(user, label) == said
        assert form(user).read() is not None
        assert said not in seen(user)
