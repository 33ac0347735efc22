"""What a rule may say: each refusal says where, what and what to do; layers; counting."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lode_hub.errors import InvalidError
from lode_hub.rules import threshold
from lode_hub.rules.book import effective, read, shipped
from lode_hub.rules.own import is_meant
from lode_hub.rules.replay import Alarm, alarms, messages
from lode_hub.rules.schema import check_together, made, merged
from lode_hub.store.alerts_rules import Layer
from lode_hub.store.alerts_scope import Device

HOT = {"name": "hot", "metric": "chip_temp_c", "above": 90}


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"name": "Hot!"}, "f: name: string should match pattern"),
        ({"nmae": "x"}, "f: nmae: unknown key; did you mean name?"),
        ({"zzz": 1}, "f: zzz: unknown key; use one of above, below,"),
        ({"scope": {"racks": "A"}}, "f: scope.racks: unknown key; did you mean rack?"),
        ({"severity": "high"}, "(is 'high'); mend it there"),
        ({"cause": "fire"}, "f: cause: input should be 'heat', 'hash'"),
        ({"on_delay_s": -1}, "f: on_delay_s: input should be greater than or equal to 0 (is '-1')"),
        ({"off_delay_s": 86_401}, "f: off_delay_s: input should be less than or equal to 86400"),
        ({"on_delay_s": math.nan}, "f: on_delay_s:"),
        ({"above": math.inf}, "f: above: input should be a finite number (is 'inf')"),
        ({"above": "hot"}, "f: above:"),
        ({"escalate_usd_h": 0}, "f: escalate_usd_h: input should be greater than 0"),
        ({"thresholds": {"a": "x"}}, "f: thresholds.a:"),
        ({"inhibited_by": "agent-stale"}, "f: inhibited_by:"),
        ({"title": "x" * 201}, "f: title: string should have at most 200"),
        ({"below": 10}, "f: give either above or below"),
        ({"above": None}, "f: give either above or below"),
        ({"clear_at": 91}, "f: clear_at 91 lies beyond the limit 90; it would clear at once"),
        ({"metric": "chip_tmp_c"}, "no metric 'chip_tmp_c' of a rig; did you mean chip_temp_c?"),
        ({"of": "meter"}, "no metric 'chip_temp_c' of a meter; use one of current_a, energy"),
        ({"metric": None}, "f: above without a metric; name one"),
        ({"metric": None, "above": None, "for_s": 5, "of": "meter"}, "f: for_s, of without a"),
    ],
)
def test_a_rule_that_cannot_be_says_where_what_and_what_to_do(more: dict, said: str) -> None:
    with pytest.raises(InvalidError) as refused:
        made(HOT | more, "f")
    assert said in str(refused.value)


def test_all_that_is_wrong_is_told_at_once() -> None:
    with pytest.raises(InvalidError) as refused:
        made(HOT | {"cause": "fire", "title": 5, "no": 1}, "f")
    assert str(refused.value).count("f: ") == 3


@pytest.mark.parametrize(
    ("more", "limit", "clear"),
    [({}, 90, 90), ({"clear_at": 85}, 90, 85), ({"above": None, "below": 0}, 0, 0)],
)
def test_the_limit_and_where_it_ends(more: dict, limit: float, clear: float) -> None:
    rule = made(HOT | more, "f")
    assert (rule.limit, rule.clear) == (limit, clear)
    assert made(rule.model_dump(mode="json"), "again") == rule


@pytest.mark.parametrize(
    ("layers", "body"),
    [
        ([], {}),
        ([{"a": 1}, {"a": 2}], {"a": 2}),
        ([{"t": {"x": 1, "y": 2}}, {"t": {"y": 3}}], {"t": {"x": 1, "y": 3}}),
        ([{"t": [1, 2]}, {"t": [3]}], {"t": [3]}),  # a list is replaced, not joined
        ([{"t": {"x": 1}}, {"t": None}], {"t": None}),
        ([{"a": 1}, {"b": 2}, {"a": 3}], {"a": 3, "b": 2}),
    ],
)
def test_layers_lie_over_each_other_key_by_key(layers, body) -> None:
    before = [dict(layer) for layer in layers]
    assert merged(layers) == body
    assert layers == before


def silenced(**by: tuple[str, ...]):
    return [made({"name": name, "inhibited_by": list(others)}, "f") for name, others in by.items()]


@pytest.mark.parametrize(
    ("by", "circle"),
    [
        ({"a": ("b",), "b": ("a",)}, "a by b by a"),
        ({"a": ("b",), "b": ("c",), "c": ("b",)}, "b by c by b"),
        ({"a": ("other",), "b": ("other",)}, "a by b by a"),  # by their common cause
    ],
)
def test_rules_that_would_silence_each_other_are_refused(by, circle) -> None:
    with pytest.raises(InvalidError, match=f"each would silence the other: {circle}; take one"):
        check_together(silenced(**by))


@pytest.mark.parametrize(
    "by",
    [
        {"a": ("b",), "b": ("c",), "c": ()},
        {"a": ("order",), "b": ("a", "heat")},
        {"a": ("b", "c"), "b": ("d",), "c": ("d",), "d": ()},
        {f"r{n}": (f"r{n + 1}",) if n < 400 else () for n in range(401)},
    ],
    ids=["chain", "order and cause", "diamond", "long"],
)
def test_rules_without_a_circle_are_taken(by) -> None:
    check_together(silenced(**by))


def test_an_unknown_silencer_is_refused_with_the_likely_name() -> None:
    with pytest.raises(InvalidError, match=r"rule b: inhibited_by 'aa-long' .* did you mean"):
        check_together(silenced(**{"aa-lone": (), "b": ("aa-long",)}))


def layer(name: str, body: dict, site: str | None = None, of: str = "file") -> Layer:
    return Layer(name=name, site=site, layer=of, body=body, origin=of)


def test_a_sites_words_stand_above_a_persons_everywhere() -> None:
    found = effective([
        *shipped(),
        layer("rig-low-hashrate", {"thresholds": {"low_ratio": 0.7}}, "north", "file"),
        layer("rig-low-hashrate", {"thresholds": {"low_ratio": 0.5, "low_s": 99}}, of="person"),
    ])  # fmt: skip
    everywhere, north = found["rig-low-hashrate", None], found["rig-low-hashrate", "north"]
    assert (everywhere.thresholds["low_ratio"], everywhere.thresholds["low_s"]) == (0.5, 99)
    assert (north.thresholds["low_ratio"], north.thresholds["low_s"]) == (0.7, 99)
    assert north.severity == everywhere.severity == "warning"


@pytest.mark.parametrize(
    ("name", "body", "said"),
    [
        ("rig-low-hashrat", {}, "there is no such rule; did you mean rig-low-hashrate?"),
        (
            "rig-low-hashrate",
            {"thresholds": {"low_ration": 1}},
            "thresholds.low_ration: unknown; did you mean low_ratio?",
        ),
        ("mine", HOT | {"thresholds": {"x": 1}}, "thresholds.x: unknown; it has none"),
    ],
)
def test_words_on_a_rule_that_there_is_not_are_refused(name, body, said) -> None:
    body = {key: value for key, value in body.items() if key != "name"}
    with pytest.raises(InvalidError) as refused:
        effective([*shipped(), layer(name, body, "north")])
    assert str(refused.value).startswith(f"file: rule {name} at north: ")
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[[rule]\n", "no TOML"),
        ("[rule]\nname='x'\n", "rule is no list of tables; begin each rule with [[rule]]"),
        ("rules = 1\n", "unknown key rules"),
        ("[[rule]]\ntitle='x'\n", "[[rule]] 1: it has no name; give it one"),
        ("[[rule]]\nname='x'\nmetric='power_w'\nabove=1\nsite=3\n", "site: it is no text"),
        ("#" * (1 << 20) + "\n", "larger than 1048576 bytes"),
    ],
)
def test_a_rules_file_that_cannot_be_is_told_with_its_name(tmp_path, text, said) -> None:
    file = tmp_path / "rules.toml"
    file.write_text(text)
    with pytest.raises(InvalidError) as refused:
        read(file)
    assert str(file) in str(refused.value)
    assert said in str(refused.value)


RIG = Device(
    id=1, name="rig-A3-07", site="north", model="S21 Pro", rack="A3", interval_s=10.0,
    is_configured=True,
)  # fmt: skip


@pytest.mark.parametrize(
    ("scope", "site", "is_about"),
    [
        ({}, None, True),
        ({}, "north", True),
        ({}, "south", False),
        ({"model": "S21*"}, None, True),
        ({"model": "S21"}, None, False),
        ({"model": "s21*"}, None, False),
        ({"rack": "A3", "device": "*-07"}, None, True),
        ({"rack": "A3", "device": "*-08"}, None, False),
        ({"device": "rig.A3.07"}, None, False),  # a dot is a dot
        ({"site": "no*"}, None, True),
        ({"rack": ""}, None, False),
        ({"rack": "*"}, None, True),
    ],
)
def test_a_rule_is_about_what_fits_all_of_its_scope(scope, site, is_about) -> None:
    assert is_meant(made(HOT | {"scope": scope}, "f"), site, set(), RIG) == is_about
    assert not is_meant(made(HOT | {"scope": scope}, "f"), None, {"north"}, RIG)


def lived(turns, on_ms: int, off_ms: int) -> list[tuple[int, int | None]]:
    """The same by stepping through every second: what fires long enough, until it is calm."""
    fires, begun, alarm, calm, found = False, None, None, None, []
    by_second = dict(turns)
    for second in range(400):
        if second in by_second:
            fires = by_second[second]
            begun = second if fires else None
        if alarm is None and fires and second - begun >= on_ms:
            alarm = begun + on_ms
        elif alarm is not None and not fires:
            calm = second if calm is None else calm
            if second - calm >= off_ms:
                found.append((alarm, calm + off_ms))
                alarm = calm = None
        if fires:
            calm = None
    return found if alarm is None else [*found, (alarm, None)]


@given(
    st.lists(st.integers(3, 60), min_size=1, max_size=3), st.sampled_from([0, 2, 5, 20]),
    st.sampled_from([0, 2, 5, 20]),
)  # fmt: skip
def test_a_replay_is_what_would_have_been_lived(lengths, on_s, off_s) -> None:
    """Few comings, so that nothing flaps; delays that no length meets exactly."""
    lengths = [n + (n in {on_s, off_s}) for n in lengths]
    edges = [0, *itertools.accumulate(lengths)]
    turns = [(at, n % 2 == 0) for n, at in enumerate(edges)]
    rule = made({"name": "x", "on_delay_s": on_s, "off_delay_s": off_s}, "f")
    found = alarms(rule, "d", [(at * 1000, fires) for at, fires in turns])
    if any(one.is_flapping for one in found):
        return
    shown = [(a.begins_ms // 1000, a.ends_ms and a.ends_ms // 1000) for a in found]
    assert shown == lived(turns, on_s, off_s)


def alarm(subject: str, begins_s: int, ends_s: int | None = None, *, flaps: bool = False) -> Alarm:
    ends = None if ends_s is None else ends_s * 1000
    return Alarm(subject=subject, begins_ms=begins_s * 1000, ends_ms=ends, is_flapping=flaps)


@pytest.mark.parametrize(
    ("found", "n"),
    [
        ([], 0),
        ([alarm("a", 0)], 1),
        ([alarm("a", 0, 5)], 2),  # its begin and its end
        ([alarm("a", 0, 5, flaps=True)], 3),
        ([alarm("a", 0), alarm("b", 60), alarm("c", 120)], 2),  # a minute from the first on
        ([alarm("a", 0), alarm("b", 61)], 2),
        ([alarm("a", 0), alarm("far", 0)], 2),
    ],
)
def test_messages_are_counted_by_site_and_minute(found, n) -> None:
    assert messages(found, {"a": "north", "b": "north", "c": "north", "far": "south"}) == n


def test_gaps_are_three_intervals_and_a_minute_at_least() -> None:
    assert threshold.gaps_ms(np.array([5.0, 60.0, np.nan])).tolist() == [60_000, 180_000, 60_000]


@pytest.mark.parametrize(
    ("at", "received", "before_at", "before_received", "is_fresh"),
    [
        (10, 10, 0, 0, True),  # the first
        (10, 10, 10, 10, False),  # the same again
        (9, 11, 10, 10, False),  # late
        (9, 80_000, 10, 10, True),  # a clock that was set back, long ago
        (9, 20, 500_000, 10, True),  # what was from the future counts no more
    ],
)
def test_which_values_count(at, received, before_at, before_received, is_fresh) -> None:
    state, values = np.zeros(1, threshold.STATE), np.zeros(1, threshold.VALUES)
    state["at_ms"], state["received_ms"] = before_at, before_received
    values["at_ms"], values["received_ms"] = at, received
    assert threshold.fresh(state, values).tolist() == [is_fresh]
