"""Topics: what is built is parsed back, and nothing else is."""

import hypothesis.strategies as st
import pytest
from hypothesis import given

from lode_wire import topics

NAMES = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}", fullmatch=True)


@given(st.text(), NAMES, st.sampled_from(["mining_metrics", "state"]))
def test_a_batch_topic_is_parsed_back(site, agent, kind):
    partition = topics.partition_of(site)
    parsed = topics.parse(topics.batch(partition, agent, kind))
    assert parsed == (partition, agent, kind)


@given(st.text(max_size=40))
def test_no_text_crashes_the_parser(text):
    parsed = topics.parse(text)
    assert parsed is None or topics.batch(*parsed) == text


@pytest.mark.parametrize(
    "topic",
    [
        "lode/v1/64/a/state",
        "lode/v1/7/a/state",
        "lode/v2/07/a/state",
        "lode/v1/07/a b/state",
        "lode/v1/07/+/state",
        "lode/v1/07/a/state/more",
    ],
)
def test_other_topics_are_none_of_ours(topic):
    assert topics.parse(topic) is None


@pytest.mark.parametrize("name", ["", "a/b", "a+b", "#", "-a", "a b", "ä", "a" * 64])
def test_names_that_would_break_a_topic_are_refused(name):
    assert not topics.is_name(name)


def test_the_partition_of_a_site_never_changes():
    assert [topics.partition_of(site) for site in ("north", "south", "")] == [2, 52, 0]
