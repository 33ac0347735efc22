"""Rows that are wrong, days of 23 and 25 hours, what is known when, and means over periods."""

import datetime as dt
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lode_hub.energy.prices import OPEN_MS, Parsed, Values, at, over
from lode_hub.energy.sources import Source, decode, described
from lode_hub.energy.sources.fetch import filled
from lode_hub.energy.sources.keep import keep, series
from lode_hub.errors import InvalidError
from lode_hub.store import Store

HOUR_MS = 3_600_000
CSV = """quantity = "day-ahead"
unit = "USD/MWh"
node = "N"
format = "csv"
step_s = 3600.0
time_zone = "America/Chicago"
{more}
[columns]
time = "t"
value = "v"
{columns}"""
ERCOT = described('quantity="real-time"\nunit="USD/MWh"\nformat="ercot"\nnode="HB_WEST"')


def ms(text: str) -> int:
    return round(dt.datetime.fromisoformat(text).timestamp() * 1000)


def csv(more: str = "", columns: str = "") -> Source:
    return described(CSV.format(more=more, columns=columns))


def read(source: Source, *rows: str) -> Parsed:
    return decode(source, "\n".join(rows).encode())


def moments(parsed: Parsed) -> list[str]:
    (quotes,) = parsed.quotes
    return [f"{dt.datetime.fromtimestamp(at / 1000, dt.UTC):%dT%H:%M}" for at in quotes.from_ms]


GOOD = "2026-07-15T00:00,10"


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("2026-07-15T01:00", "v is empty"),
        (",5", "t is empty"),
        ("2026-07-15T01:00,", "v is empty"),
        ("soon,5", "time 'soon'; expected the format iso"),
        ("15.07.2026 01:00,5", "expected the format iso"),
        ("2026-07-15T01:00,five", "value 'five'; expected a number"),
        ("2026-07-15T01:00,nan", "expected a finite number"),
        ("2026-07-15T01:00,-inf", "expected a finite number"),
        ("2026-07-15T01:00,1_000", "expected a number"),
        ("2026-07-15T01:00,1e6", "expected -100000 to 100000 USD/MWh; check the unit"),
        ("2026-07-15T01:00,-100001", "expected -100000 to 100000 USD/MWh; check the unit"),
        ("1026-07-15T01:00,5", "not in this century"),
        ("2126-07-15T01:00Z,5", "not in this century"),
        ("2026-03-08T02:30,5", "does not exist in America/Chicago"),
        ("2026-07-15T00:00,11", "which has 10; keep one"),
    ],
)
def test_a_row_that_cannot_be_is_told_by_its_line_and_the_rest_is_kept(row, reason) -> None:
    found = read(csv(), "t,v", GOOD, row, "2026-07-15T09:00,-12.5")
    (refused,) = found.refused
    assert refused.line == 3
    assert reason in refused.reason
    assert found.quotes[0].value.tolist() == [10.0, -12.5]


def test_the_same_row_twice_is_one_and_no_refusal() -> None:
    found = read(csv(), "t,v", GOOD, GOOD, "2026-07-15T05:00Z,10.0")
    assert (len(found), found.refused_n) == (1, 0)


def test_of_very_many_bad_rows_the_first_are_told_and_all_counted() -> None:
    found = read(csv(), "t,v", GOOD, *["x,1"] * 500)
    assert (len(found.refused), found.refused_n, len(found)) == (100, 500, 1)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no column t, v; there are none"),
        ("t,price\n", "line 1: no column v; there are t, price; map the columns"),
        ("t,v\nx,1\ny,2", "line 2: time 'x'; expected the format iso; none of 2 rows"),
        ('t,v\n"2026', "csv of day-ahead:"),
    ],
)
def test_a_file_of_which_nothing_can_be_read_is_an_error(text: str, said: str) -> None:
    with pytest.raises(InvalidError) as refused:
        decode(csv(), text.encode())
    assert said in str(refused.value)


LOCAL = {
    "spring": ("2026-03-08", ["00:00", "01:00", "03:00", "04:00"], ["06", "07", "08", "09"]),
    "autumn": ("2026-11-01", ["00:00", "01:00", "01:00", "02:00"], ["05", "06", "07", "08"]),
}


@pytest.mark.parametrize("is_falling", [False, True], ids=["rising", "falling"])
@pytest.mark.parametrize("day", LOCAL)
def test_a_day_of_change_has_each_hour_once(day: str, is_falling: bool) -> None:
    date, clock, utc = LOCAL[day]
    # A file that falls says so by the hours before the change: an evening hour comes first.
    rows = [f"{date}T{hour},{n}" for n, hour in enumerate([*clock, "05:00"])]
    found = read(csv(), "t,v", *(rows[::-1] if is_falling else rows))
    assert found.refused_n == 0
    assert moments(found)[:4] == [f"{date[-2:]}T{hour}:00" for hour in utc]
    assert found.quotes[0].value.tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("day", LOCAL)
def test_hours_named_by_their_end_are_the_same_hours(day: str) -> None:
    date, clock, utc = LOCAL[day]
    ends = [f"{int(hour[:2]) + 1:02}:00" for hour in clock]
    rows = [f"{date}T{hour},{n}" for n, hour in enumerate(ends)]
    found = read(csv(columns='marks = "end"'), "t,v", *rows)
    assert moments(found) == [f"{date[-2:]}T{hour}:00" for hour in utc]


def test_two_nodes_in_one_file_have_their_clocks_apart() -> None:
    rows = [
        f"2026-11-01T01:00,{node}{n},{n}" for n in (1, 1) for node in ("A", "B")
    ]  # each twice: the hour that comes twice
    source = described(CSV.format(more="", columns='node = "n"').replace('node = "N"\n', ""))
    found = read(source, "t,n,v", *rows)
    assert [len(quotes) for quotes in found.quotes] == [2, 2]
    assert all((np.diff(quotes.from_ms) == HOUR_MS).all() for quotes in found.quotes)


RT = "DeliveryDate,DeliveryHour,DeliveryInterval,SettlementPointName,SettlementPointPrice,DSTFlag"


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("07/15/2026,25,1,HB_WEST,5,N", "hour ending 25; expected 1 to 24"),
        ("07/15/2026,0,1,HB_WEST,5,N", "hour ending 0; expected 1 to 24"),
        ("07/15/2026,2,5,HB_WEST,5,N", "DeliveryInterval 5; expected 1 to 4"),
        ("2026-07-15,2,1,HB_WEST,5,N", "does not match format"),
        ("07/15/2026,two,1,HB_WEST,5,N", "invalid literal"),
        ("07/15/2026,2,1,HB_WEST", "the row is too short"),
        ("07/15/2026,2,1,HB_WEST,,N", "expected a number"),
        ("03/08/2026,3,1,HB_WEST,5,N", "clocks go forward there"),
    ],
)
def test_an_ercot_row_that_cannot_be_is_told(row: str, reason: str) -> None:
    found = read(ERCOT, RT, "07/15/2026,1,1,HB_WEST,-251,N", row)
    assert [(one.line, reason in one.reason) for one in found.refused] == [(3, True)]
    assert found.quotes[0].value.tolist() == [-251.0]


def test_an_ercot_row_of_another_point_is_none_of_ours_however_bad() -> None:
    found = read(ERCOT, RT, "07/15/2026,1,1,HB_WEST,30,N", "07/15/2026,99,9,HB_NORTH,x,N")
    assert (len(found), found.refused_n) == (1, 0)


@pytest.mark.parametrize(
    ("known", "begin", "published"),
    [
        ("at end", "2026-07-15T10:00Z", "2026-07-15T11:00Z"),
        ("day before 13:00", "2026-07-15T10:00Z", "2026-07-14T18:00Z"),
        ("day before 13:00", "2026-07-15T04:00Z", "2026-07-13T18:00Z"),  # still the 14th there
        ("day before 13:00", "2026-03-09T18:00Z", "2026-03-08T18:00Z"),  # after clocks went on
        ("day before 13:00", "2026-03-08T18:00Z", "2026-03-07T19:00Z"),  # and before
        ("day before 13:00", "2026-11-02T18:00Z", "2026-11-01T19:00Z"),
    ],
)
def test_when_a_price_became_known_by_its_sources_rule(known, begin, published) -> None:
    found = read(csv(f'known = "{known}"'), "t,v", f"{begin},5")
    assert found.quotes[0].published_ms.tolist() == [ms(published)]


def test_a_column_says_when_it_was_published_before_any_rule() -> None:
    source = csv('known = "at end"', 'published = "p"')
    found = read(source, "t,v,p", "2026-07-15T10:00Z,5,2026-07-14T06:00Z")
    assert found.quotes[0].published_ms.tolist() == [ms("2026-07-14T06:00Z")]


def test_revisions_in_one_file_are_kept_by_when_they_were_published() -> None:
    source = csv(columns='published = "p"')
    hour = "2026-07-15T10:00Z"
    found = read(
        source, "t,v,p", f"{hour},5,2026-07-14T06:00Z", f"{hour},7,2026-07-16T06:00Z",
        f"{hour},8,2026-07-16T06:00Z",
    )  # fmt: skip
    (quotes,) = found.quotes
    assert quotes.value.tolist() == [5, 7]
    assert quotes.published_ms.tolist() == [ms("2026-07-14T06:00Z"), ms("2026-07-16T06:00Z")]
    assert [one.line for one in found.refused] == [4]  # two words at one time are a mistake


async def test_each_revision_of_a_file_counts_from_its_publication_on(store: Store) -> None:
    hour = ms("2026-07-15T10:00Z")
    days = [f"2026-07-15T10:00Z,{day},2026-07-{day}T06:00Z" for day in (14, 16, 18)]
    found = read(csv(columns='published = "p"'), "t,v,p", *days)
    async with store.pool.connection() as conn:
        assert await keep(conn, None, "s", found, ms("2026-07-20T00:00Z")) == 3
        assert await keep(conn, None, "s", found, ms("2026-07-21T00:00Z")) == 0
        for known, value in ((15, 14), (17, 16), (19, 18)):
            told = await series(
                conn, None, "day-ahead", "N", (hour, hour + HOUR_MS),
                known_ms=ms(f"2026-07-{known}T00:00Z"),
            )  # fmt: skip
            assert told.value.tolist() == [value]


@pytest.mark.parametrize(
    ("url", "asked"),
    [
        ("http://a/x", "http://a/x"),
        ("http://a/{from}/{until}", "http://a/2026-07-14T10:00:00Z/2026-07-17T10:00:00Z"),
        ("http://a/{from:%Y%m%d%H%M}", "http://a/202607141000"),
        ("http://a/{other}/%7B", "http://a/{other}/%7B"),
    ],
)
def test_an_address_is_filled_with_its_times(url: str, asked: str) -> None:
    source = csv(f'url = "{url}"')
    assert filled(source, ms("2026-07-15T10:00Z")) == asked


def values(*rows: tuple[float, float | None, float]) -> Values:
    """Hours: begin, end (None: until the next), value; each published after the one before."""
    begin, end, value = zip(*rows, strict=True)
    return Values(
        unit="USD/MWh",
        from_ms=np.array([round(b * HOUR_MS) for b in begin]),
        until_ms=np.array([OPEN_MS if e is None else round(e * HOUR_MS) for e in end]),
        value=np.array(value, float),
        published_ms=np.arange(len(rows)),
    )


def mean(told: Values, begin: float, end: float) -> float:
    span = np.array([round(begin * HOUR_MS)]), np.array([round(end * HOUR_MS)])
    return float(over(told, *span)[0])


@pytest.mark.parametrize(
    ("rows", "span", "usd"),
    [
        ([(0, 1, 10), (1, 2, 30)], (0, 2), 20),
        ([(0, 1, 10), (1, 2, 30)], (0.5, 1.25), (5 + 7.5) / 0.75),
        ([(0, 1, 10), (1, 2, -30)], (0, 2), -10),
        ([(0, 1, 10), (2, 3, 30)], (0, 3), math.nan),  # a gap is missing
        ([(0, 1, 10), (1, 2, math.nan)], (0, 2), math.nan),  # withdrawn
        ([(0, None, 10), (4, None, 20)], (3, 5), 15),
        ([(0, None, 10)], (900, 901), 10),
        ([(1, 2, 10)], (0, 1), math.nan),
        ([(0, 1, 10)], (0.5, 1.5), math.nan),
        ([(0, 4, 10), (1, 2, 50)], (0, 4), 20),  # a correction of one of its hours
        ([(0, 4, 10), (1, 2, 50), (1, 4, 20)], (0, 4), 17.5),
    ],
)
def test_the_mean_of_a_period(rows, span, usd) -> None:
    assert mean(values(*rows), *span) == pytest.approx(usd, nan_ok=True)


@given(
    st.lists(
        st.tuples(st.integers(0, 20), st.integers(1, 6), st.integers(-50, 99)),
        min_size=1, max_size=8, unique_by=lambda row: row[0],
    ),
    st.integers(0, 25), st.integers(1, 8),
)  # fmt: skip
def test_the_mean_is_that_of_its_hours_one_by_one(rows, begin: int, length: int) -> None:
    told = values(*[(b, b + n, v) for b, n, v in sorted(rows)])
    hours = []
    for hour in range(begin, begin + length):
        covering = [v for b, n, v in sorted(rows) if b <= hour < b + n]
        hours.append(covering[-1] if covering else math.nan)  # the last published
    assert mean(told, begin, begin + length) == pytest.approx(np.mean(hours), nan_ok=True)
    assert at(told, begin * HOUR_MS) == pytest.approx(hours[0], nan_ok=True)
