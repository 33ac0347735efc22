"""Troubles on the way from a site, and the book that says each once: pure, by tables."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lode_hub.sites.quality import ways
from lode_hub.sites.quality.book import RENEW_MS, WARM_UP_MS, Book, Trouble
from lode_hub.sites.quality.sheet import METER, POINT, RIG
from lode_hub.store.quality import Agent
from tests.hub.sites.quality.mine import T0_MS, device, sheet_of

WELL = Agent(
    agent_id=1, name="north-1", site_id=1, site="north", partition=0, is_live=True,
    clock_offset_ms=0.0, open_gaps=0, lost_gaps=0, lost_records=0, lost_why="",
)  # fmt: skip
TROUBLE = Trouble(rule="quality-gap", subject="agent:1", severity="info", title="t", advice="a")


def agents(*offsets_ms, **facts):
    """Agents of one site whose clocks are so far off."""
    return [
        replace(WELL, agent_id=n + 1, name=f"north-{n + 1}", clock_offset_ms=offset_ms, **facts)
        for n, offset_ms in enumerate(offsets_ms)
    ]


@pytest.mark.parametrize(("offset_ms", "severity", "title"), [
    (2_001.0, "info", "2.0 s ahead: its readings are marked"),
    (-30_000.0, "info", "30.0 s behind: its readings are marked"),
    (30_001.0, "warning", "30.0 s ahead: times are shown corrected"),
    (-119_900.0, "warning", "119.9 s behind: times are shown corrected"),
    (60_001.0, "critical", "60.0 s ahead: its readings are kept, and neither charted nor judged"),
    (-300_000.0, "warning", "5 min behind: times are shown corrected"),
    (-300_001.0, "critical", "5 min behind: its readings are kept, and neither charted nor judged"),
])  # fmt: skip
def test_a_clock_is_as_bad_as_it_is_wrong(offset_ms, severity, title):
    (trouble,) = ways.Clocks().troubles(agents(offset_ms))
    assert (trouble.severity, trouble.title) == (severity, f"north-1's clock is {title}")
    is_blind = "the hub's own limits" in trouble.advice
    assert is_blind == (severity == "critical")


def test_where_one_clock_of_a_site_is_far_off_it_is_said_that_limits_see_nothing():
    (trouble,) = ways.Clocks().troubles(agents(5e3, -4e5))
    assert "see nothing of what it reads" in trouble.advice


@pytest.mark.parametrize(("offsets_ms", "subjects"), [
    ((0, 0, 0), []), ((None, 2_000, -2_000), []), ((5e3, 0, 0), ["agent:1"]),
    ((5e3, 0), ["agent:1"]), ((5e3, -5e3), ["site:1"]), ((5e3, 5e3, 0, 0), ["site:1"]),
    ((5e3, 5e3, 0, 0, 0), ["agent:1", "agent:2"]),
])  # fmt: skip
def test_many_wrong_clocks_are_one_trouble_of_the_site(offsets_ms, subjects):
    assert [t.subject for t in ways.Clocks().troubles(agents(*offsets_ms))] == subjects


@pytest.mark.parametrize("facts", [{"is_live": False}, {"site_id": None}])
def test_the_clock_of_who_is_silent_or_nowhere_is_not_judged(facts):
    assert list(ways.Clocks().troubles(agents(9e9, **facts))) == []


@given(st.lists(st.floats(-4_000, 4_000), max_size=30))
def test_a_clock_that_was_off_is_right_only_well_within(offsets_ms):
    clocks, was_off = ways.Clocks(), False
    for offset_ms in offsets_ms:
        is_off = abs(offset_ms) > (1_500 if was_off else 2_000)
        assert bool(list(clocks.troubles(agents(offset_ms)))) == is_off
        was_off = is_off


@pytest.mark.parametrize(("kind", "number", "interval_s", "silent_s", "is_told"), [
    (METER, 2, 10.0, 60, False), (METER, 2, 10.0, 61, True), (METER, 2, 60.0, 180, False),
    (METER, 2, 60.0, 181, True), (METER, 2, None, 61, True), (METER, 2, 0.0, 60, False),
    (POINT, 3, 10.0, 900, False), (POINT, 3, 10.0, 901, True), (POINT, 3, 100.0, 1000, False),
])  # fmt: skip
def test_a_source_is_stale_by_its_interval(kind, number, interval_s, silent_s, is_told):
    sheet = sheet_of(kind, [device(1, kind=number, interval_s=interval_s)])
    sheet.state["received_ms"][:] = T0_MS
    found = list(ways.stale_sources([sheet], {1: WELL}, T0_MS + silent_s * 1000))
    assert [t.subject for t in found] == ["agent:1"] * is_told


@pytest.mark.parametrize(("silent", "of", "is_told"), [
    (2, 2, False), (3, 3, True), (3, 6, True), (3, 7, False), (50, 101, False), (51, 101, True),
])  # fmt: skip
def test_few_silent_rigs_are_alerts_of_their_own(silent, of, is_told):
    sheet = sheet_of(RIG, [device(n + 1) for n in range(of)])
    sheet.state["received_ms"][silent:] = T0_MS
    found = list(ways.stale_sources([sheet], {1: WELL}, T0_MS))
    assert [t.title for t in found] == [
        f"north-1: nothing new of {silent} of {of} rigs (asic)"
    ] * is_told
    assert [len(t.members) for t in found] == [silent] * is_told


def test_sources_of_one_agent_are_one_trouble_and_of_a_dead_one_none():
    rigs = sheet_of(RIG, [device(n) for n in (1, 2, 3)] + [device(4, is_configured=False)])
    meters = sheet_of(METER, [device(9, kind=2, driver="modbus"), device(8, agent_id=2, kind=2)])
    (trouble,) = ways.stale_sources([rigs, meters], {1: WELL}, T0_MS)
    assert trouble.evidence == {"sources": ["3 of 3 rigs (asic)", "1 of 1 meters (modbus)"]}
    assert trouble.members == tuple(f"device:{n}" for n in (1, 2, 3, 9))


@pytest.mark.parametrize(("counts", "told"), [
    ([(0, 9)], None), ([(0, 10)], 10), ([(0, 5), (599, 5)], 10), ([(0, 6), (600, 6)], None),
    ([(0, 10), (600, 1)], 11), ([(0, 10), (1200, 1)], None), ([(0, 10), (600, 0), (1200, 0)], None),
])  # fmt: skip
def test_repeats_are_told_from_ten_in_ten_minutes(counts, told):
    repeats = ways.Repeats()
    for at_s, count in counts:
        repeats.note(1, count, T0_MS + at_s * 1000)
    found = list(repeats.troubles({1: WELL}, T0_MS + counts[-1][0] * 1000))
    assert [t.evidence["repeated"] for t in found] == ([] if told is None else [told])


def test_repeats_are_forgotten_and_those_of_others_not_told():
    repeats = ways.Repeats()
    repeats.note(1, 50, T0_MS)
    assert list(repeats.troubles({2: WELL}, T0_MS)) == []
    assert list(repeats.troubles({1: WELL}, T0_MS + 2 * ways.REPEATS_MS)) == []
    assert repeats.counts == {}


@pytest.mark.parametrize(("facts", "severity", "title", "advice"), [
    ({"open_gaps": 1_200}, "info", "1,200 gaps of north-1 are still asked for", "by themselves"),
    ({"lost_gaps": 1, "lost_records": 1_234, "lost_why": "evicted"}, "warning",
     "1,234 records of north-1 are lost", "the spool was full"),
    ({"lost_gaps": 2, "lost_why": "Disk_Full", "open_gaps": 3}, "warning",
     "an unknown number of records of north-1 are lost", "disk was full"),
    ({"lost_gaps": 1, "lost_why": "who knows"}, "warning",
     "an unknown number of records of north-1 are lost", "see the agent's page"),
])  # fmt: skip
def test_gaps_are_told_with_what_to_do(facts, severity, title, advice):
    (trouble,) = ways.gaps([replace(WELL, **facts), WELL])
    assert (trouble.severity, trouble.title) == (severity, title)
    assert advice in trouble.advice


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 120)), max_size=40))
def test_the_book_says_begin_renewal_and_end_once_each(looks):
    book, now_ms, was_on, said_ms = Book(), WARM_UP_MS, False, 0
    for is_on, wait_s in looks:
        now_ms += wait_s * 1000
        found = book.turn([TROUBLE] * is_on, now_ms, is_ours=lambda subject: True)
        is_due = is_on and (not was_on or now_ms - said_ms >= RENEW_MS)
        assert [f.is_active for f in found] == [True] * is_due + [False] * (was_on and not is_on)
        said_ms = now_ms if is_due else said_ms
        was_on = is_on
        assert book.is_active("quality-gap", "agent:1") == is_on


@pytest.mark.parametrize(("after_ms", "is_ours", "is_over"), [
    (WARM_UP_MS - 1, True, False), (WARM_UP_MS, True, True), (WARM_UP_MS, False, False),
])  # fmt: skip
def test_what_was_found_before_the_start_is_over_only_when_there_was_time(
    after_ms, is_ours, is_over
):
    book = Book()
    book.start(T0_MS)
    book.resume("quality-gap", "agent:1", T0_MS - 5)
    found = book.turn([], T0_MS + after_ms, is_ours=lambda subject: is_ours)
    assert [(f.is_active, f.evidence["since_ms"]) for f in found] == [(False, T0_MS - 5)] * is_over


def test_another_member_is_said_at_once():
    book = Book()
    grown = replace(TROUBLE, members=("device:1", "device:2"))
    book.turn([TROUBLE], T0_MS, is_ours=lambda subject: True)
    (found,) = book.turn([grown], T0_MS + 1, is_ours=lambda subject: True)
    assert found.evidence == {"rule_version": 1, "since_ms": T0_MS, "affected": 2}
