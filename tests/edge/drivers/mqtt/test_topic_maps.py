"""Topic maps: those that ship hold their vectors, malformed ones are refused, nothing crashes."""

import json
import math
from importlib.resources import files

import pytest
from hypothesis import given
from hypothesis import strategies as st

import lode_profiles
from lode_edge.drivers.mqtt.link import Message
from lode_edge.drivers.mqtt.said import TopicMap
from lode_profiles import ProfileError
from lode_profiles.library import parse
from lode_profiles.topics import DEVICE, TopicProfile, is_filter, pick, steps

MAPS = {
    name: profile
    for name in lode_profiles.names()
    if isinstance(profile := lode_profiles.load(name), TopicProfile)
}
VECTORS = [
    pytest.param(profile, vector, id=f"{name}: {vector.note}")
    for name, profile in MAPS.items()
    for vector in profile.vectors
]
GOOD = (files("lode_profiles") / "topics" / "tasmota-energy.toml").read_text()


@pytest.mark.parametrize(("profile", "vector"), VECTORS)
def test_a_map_reads_its_vectors(profile, vector):
    topic = vector.topic.replace(DEVICE, "some/where")
    message = Message(topic=topic, payload=vector.payload.encode())
    said = TopicMap(profile, "some/where").read(message, 1_000_000)
    assert not said.bad
    assert said.at_ms == (vector.at_ms or 1_000_000)
    assert said.values.keys() == vector.values.keys()
    for name, expected in vector.values.items():
        value = said.values[name]
        assert value == expected or math.isclose(value, expected, rel_tol=1e-9), name


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('path = "ENERGY.Power"', 'path = "ENERGY..Power"', "write keys and indexes"),
        ('path = "ENERGY.Power"', 'path = "ENERGY[-1]"', "write keys and indexes"),
        ('path = "ENERGY.Power"', 'path = "$.ENERGY[*]"', "write keys and indexes"),
        ('path = "ENERGY.Power"', f'path = "{".a" * 17}"'.replace('"."', '"'), "write keys"),
        ("tele/{topic}/SENSOR", "tele/#/SENSOR", "no MQTT topic filter"),
        ("tele/{topic}/SENSOR", "tele/a+/SENSOR", "no MQTT topic filter"),
        ('protocol = "mqtt"', 'protocol = "amqp"', "protocol"),
        ('protocol = "mqtt"', 'protocol = "sparkplug"', "a Sparkplug metric has no path"),
        ("values = { power_w", "values = { watts", "vectors.values names 'watts'"),
        ("[[vectors]]", '[points]\npower_w = { topic = "a", unit = "W" }\n[[vectors]]', "both a"),
        ('protocol = "mqtt"', 'protocol = "mqtt"\nstamp = { path = "t", form = "h" }', "form"),
    ],
)
def test_a_malformed_map_is_refused_with_file_and_key(old, new, message):
    assert old in GOOD
    with pytest.raises(ProfileError, match=message) as error:
        parse(GOOD.replace(old, new), "topics/x.toml")
    assert str(error.value).startswith("topics/x.toml: ")


@pytest.mark.parametrize(
    ("path", "taken"),
    [
        ("", ()),
        ("a", ("a",)),
        ("a.b[0].c", ("a", "b", 0, "c")),
        ('[1]["odd.key"].x', (1, "odd.key", "x")),
    ],
)
def test_a_path_is_keys_and_indexes(path, taken):
    assert steps(path) == taken


KEYS = st.text(st.characters(exclude_characters='.[]"', exclude_categories=["Cs"]), min_size=1)
DOCUMENTS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=12,
)


def leaves(document: object, path: str = ""):
    if isinstance(document, dict) and document:
        for key, inner in document.items():
            yield from leaves(inner, f"{path}.{key}" if path else key)
    elif isinstance(document, list) and document:
        for number, inner in enumerate(document):
            yield from leaves(inner, f"{path}[{number}]")
    else:
        yield path, document


@given(DOCUMENTS)
def test_every_leaf_is_found_by_its_path(document):
    for path, leaf in leaves(document):
        if path.count(".") + path.count("[") < 15:
            assert pick(document, steps(path)) == leaf


@given(st.binary(max_size=60) | DOCUMENTS.map(lambda document: json.dumps(document).encode()))
def test_no_payload_makes_a_number_that_is_none(payload):
    mapped = TopicMap(MAPS["zigbee2mqtt-climate"], "x")
    said = mapped.read(Message(topic="zigbee2mqtt/x", payload=payload), 5)
    assert all(value is None or math.isfinite(value) for value in said.values.values())
    assert not set(said.values) & set(said.bad)


@given(st.text(max_size=12))
def test_a_filter_is_what_a_broker_takes(text):
    levels = text.split("/")
    plain = not set(text) & set("+#\0")
    assert is_filter(text) or not (text and plain)
    if is_filter(text):
        assert all(level in {"+", "#"} or not set(level) & set("+#") for level in levels)
