"""Ranges mean what a person means, and never more than a site."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lode_edge.discover.ranges import MAX_ADDRESSES, addresses
from lode_edge.errors import EdgeError


@pytest.mark.parametrize(
    ("text", "first", "last", "count"),
    [
        ("10.1.0.0/24", "10.1.0.1", "10.1.0.254", 254),
        ("10.1.0.7", "10.1.0.7", "10.1.0.7", 1),
        ("10.1.0.7/32", "10.1.0.7", "10.1.0.7", 1),
        ("10.1.0.6/31", "10.1.0.6", "10.1.0.7", 2),
        ("10.1.0.10-99", "10.1.0.10", "10.1.0.99", 90),
        ("10.1.0.250-10.1.1.5", "10.1.0.250", "10.1.1.5", 12),
        ("10.0.0.0/16", "10.0.0.1", "10.0.255.254", 65534),
    ],
)
def test_a_range_holds_its_ends(text, first, last, count):
    found = addresses([text])
    assert (found[0], found[-1], len(found)) == (first, last, count)


def test_ranges_that_overlap_are_asked_once():
    assert addresses(["10.1.0.1-3", "10.1.0.2-4"]) == [f"10.1.0.{n}" for n in range(1, 5)]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("10.1.0", "is none"),
        ("rig-7", "is none"),
        ("10.1.0.9-3", "ends before"),
        ("10.1.0.1-300", "is none"),
        ("10.0.0.0/8", "smaller ranges"),
        ("::1/64", "is none"),
        ("", "is none"),
    ],
)
def test_what_is_no_range_is_refused_with_what_to_do(text, why):
    with pytest.raises(EdgeError, match=why):
        addresses([text])


def test_many_ranges_are_bounded_together():
    with pytest.raises(EdgeError, match="all together"):
        addresses(["10.0.0.0/17", "10.1.0.0/17", "10.2.0.0/17"])


@given(st.text(max_size=30))
def test_anything_else_is_an_error_of_ours(text):
    with contextlib.suppress(EdgeError):
        assert len(addresses([text])) <= MAX_ADDRESSES
