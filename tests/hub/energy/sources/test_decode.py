"""Every form a source may have: golden files, hours that come twice, and what cannot be read."""

import contextlib
import datetime as dt
import io
import zipfile
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lode_hub.energy.prices import OPEN_MS, Parsed, Values, over, periods
from lode_hub.energy.sources import Source, decode, described
from lode_hub.errors import InvalidError

GOLDEN = Path(__file__).parents[3] / "golden" / "energy"
HOUR_MS = 3_600_000


def ms(text: str) -> int:
    return round(dt.datetime.fromisoformat(text).timestamp() * 1000)


def source(columns: dict[str, str] | None = None, **more) -> Source:
    table = {
        "quantity": "day-ahead",
        "unit": "USD/MWh",
        "format": "ercot",
        "node": "HB_WEST",
    } | more
    lines = [f"{key} = {value!r}" for key, value in table.items()]
    if columns:
        lines += ["[columns]", *(f"{key} = {value!r}" for key, value in columns.items())]
    return described("\n".join(lines))


def rows(parsed: Parsed) -> list[tuple[int, int, float]]:
    (quotes,) = parsed.quotes
    return list(zip(quotes.from_ms.tolist(), quotes.until_ms.tolist(), quotes.value, strict=True))


def test_ercot_day_ahead_prices_name_hours_by_their_end_and_the_repeated_one_by_a_flag() -> None:
    found = rows(decode(source(), (GOLDEN / "ercot_dam_spp.csv").read_bytes()))
    expected = {
        "2026-11-01T00:00-05:00": 23.94, "2026-11-01T01:00-05:00": 21.5,
        "2026-11-01T01:00-06:00": -3.25, "2026-11-01T02:00-06:00": 20.1,
        "2026-11-01T23:00-06:00": 31.0,
    }  # fmt: skip
    assert found == [(ms(t), ms(t) + HOUR_MS, p) for t, p in expected.items()]


def test_ercot_real_time_prices_are_quarters() -> None:
    found = rows(decode(source(quantity="real-time"), (GOLDEN / "ercot_rtm_spp.csv").read_bytes()))
    begins = ["2025-07-30T08:30-05:00", "2025-07-30T08:45-05:00", "2025-07-30T23:45-05:00"]
    assert found == [
        (ms(t), ms(t) + 900_000, p) for t, p in zip(begins, (19.27, 19.31, 4999.5), strict=True)
    ]


def test_ercot_lmp_files() -> None:
    sced = rows(decode(source(quantity="real-time"), (GOLDEN / "ercot_sced_lmp.csv").read_bytes()))
    assert sced == [
        (ms("2026-11-01T01:30:18-05:00"), OPEN_MS, 10.5),
        (ms("2026-11-01T01:30:20-06:00"), OPEN_MS, -2.25),
        (ms("2026-11-01T01:35:19-06:00"), OPEN_MS, 3.0),
    ]
    spring = rows(decode(source(), (GOLDEN / "ercot_dam_lmp.csv").read_bytes()))
    begins = [row[0] for row in spring]
    assert begins == [ms("2026-03-08T00:00-06:00") + hour * HOUR_MS for hour in range(3)]


def test_a_flag_that_is_set_all_summer_moves_nothing() -> None:
    text = (
        "DeliveryDate,HourEnding,SettlementPoint,SettlementPointPrice,DSTFlag\n"
        "07/01/2026,02:00,HB_WEST,1,Y\n"
    )
    assert rows(decode(source(), text.encode()))[0][0] == ms("2026-07-01T01:00-05:00")


def test_an_archive_with_one_file_is_opened() -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.write(GOLDEN / "ercot_dam_spp.csv", "cdr.00012331.DAMSPNP4190.csv")
    assert len(decode(source(), packed.getvalue())) == 5


def test_entsoe_repeats_missing_positions_in_curve_a03_and_takes_the_wanted_auction() -> None:
    here = source(format="entsoe", node="10YBE----------2", unit="EUR/MWh")
    found = rows(decode(here, (GOLDEN / "entsoe_a03.xml").read_bytes()))
    assert [row[2] for row in found] == [63.2, 63.2, 63.2, -10.5, 0, 0, 0, 0]
    assert found[0][:2] == (ms("2026-02-16T23:00Z"), ms("2026-02-16T23:15Z"))
    assert found[-1][1] == ms("2026-02-17T01:00Z")
    other = source(format="entsoe", node="10YBE----------2", unit="EUR/MWh", sequence=2)
    assert [row[2] for row in rows(decode(other, (GOLDEN / "entsoe_a03.xml").read_bytes()))] == [
        999, 999,
    ]  # fmt: skip


def test_entsoe_leaves_missing_positions_missing_in_curve_a01_and_refuses_what_is_beyond() -> None:
    here = source(format="entsoe", node="10YCZ-CEPS-----N", unit="EUR/MWh")
    parsed = decode(here, (GOLDEN / "entsoe_a01.xml").read_bytes())
    assert [(row[0], row[2]) for row in rows(parsed)] == [
        (ms("2024-03-30T23:00Z"), 50.1), (ms("2024-03-31T01:00Z"), 61.0),
    ]  # fmt: skip
    assert "position 4 of 3" in parsed.refused[0].reason


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ((GOLDEN / "entsoe_no_data.xml").read_text(), "No matching data found"),
        ("<a><b></a>", "no XML"),
        ('<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', "declares entities"),
        ("<GL_MarketDocument><type>A65</type></GL_MarketDocument>", "expected Publication"),
    ],
)
def test_what_is_no_price_document_is_refused_with_the_reason(text: str, said: str) -> None:
    with pytest.raises(InvalidError, match=said):
        decode(source(format="entsoe", node="X", unit="EUR/MWh"), text.encode())


COLUMNS = {"time": "when", "value": "price"}


def test_a_csv_of_any_columns_with_commas_zones_and_negative_prices() -> None:
    here = source(
        format="csv", node="DE", unit="EUR/MWh", time_zone="Europe/Berlin", step_s=3600.0,
        known="day before 12:55",
        columns={"time": "MTU begin", "value": "Preis", "node": "Zone", "delimiter": ";",
                 "decimal": ",", "format": "%d.%m.%Y %H:%M"},
    )  # fmt: skip
    text = "Zone;MTU begin;Preis\nDE;01.07.2026 12:00;-1.234,56\nFR;01.07.2026 12:00;5\n"
    parsed = decode(here, text.encode())
    assert rows(parsed) == [(ms("2026-07-01T12:00+02:00"), ms("2026-07-01T13:00+02:00"), -1234.56)]
    assert parsed.quotes[0].published_ms[0] == ms("2026-06-30T12:55+02:00")


@pytest.mark.parametrize("is_falling", [False, True])
@pytest.mark.parametrize("zone", ["America/Chicago", "Europe/Berlin", "Australia/Lord_Howe", "UTC"])
def test_local_times_come_back_as_every_quarter_once(zone: str, is_falling: bool) -> None:
    moments = [
        moment
        for begin, end in (("2026-03-01", "2026-04-10"), ("2026-10-01", "2026-11-05"))
        for moment in range(ms(f"{begin}T00:00Z"), ms(f"{end}T00:00Z"), 900_000)
    ]
    if is_falling:
        moments.reverse()
    text = "when,price\n" + "".join(
        f"{dt.datetime.fromtimestamp(m / 1000, ZoneInfo(zone)).replace(tzinfo=None)},{n}\n"
        for n, m in enumerate(moments)
    )
    here = source(format="csv", time_zone=zone, step_s=900.0, columns=COLUMNS)
    parsed = decode(here, text.encode())
    assert parsed.refused == ()
    assert [row[0] for row in rows(parsed)] == sorted(moments)


def test_what_cannot_be_read_is_told_with_its_line_and_the_rest_goes_on() -> None:
    text = (
        "when,price\n2026-03-29T02:30,5\n2026-03-29T12:00,six\n2026-03-29T13:00,7\n"
        "2026-03-29T13:00,8\n2026-03-29T13:00,7\nyesterday,1\n2026-03-29T14:00,1e9\n"
        "2026-03-29T15:00,\n2026-03-29T16:00,inf\n"
    )
    here = source(format="csv", time_zone="Europe/Berlin", step_s=3600.0, columns=COLUMNS)
    parsed = decode(here, text.encode())
    assert [row[2] for row in rows(parsed)] == [7.0]
    told = {one.line: one.reason for one in parsed.refused}
    assert list(told) == [2, 3, 5, 7, 8, 9, 10]
    for line, said in {2: "does not exist", 3: "'six'", 5: "keep one", 7: "expected the format",
                       8: "check the unit", 9: "empty", 10: "finite"}.items():  # fmt: skip
        assert said in told[line]


def test_a_decimal_comma_is_not_read_as_thousands() -> None:
    here = source(format="csv", step_s=3600.0, columns=COLUMNS | {"delimiter": ";"})
    with pytest.raises(InvalidError, match="'12,5'"):
        decode(here, b"when;price\n2026-01-01T00:00Z;12,5\n")


def test_json_by_paths() -> None:
    here = source(
        format="json", quantity="hashprice", unit="USD/TH/day", node="",
        columns={"rows": "data.points", "time": "0", "value": "1.usd", "format": "epoch-ms"},
    )  # fmt: skip
    text = (
        b'{"data": {"points": [[1767225600000, {"usd": 0.052}], [1767229200000, {"usd": null}]]}}'
    )
    parsed = decode(here, text)
    assert rows(parsed) == [(1767225600000, OPEN_MS, 0.052)]
    assert parsed.refused[0].line == 2
    for wrong, said in [
        (b"{", "no JSON"),
        (b"{}", "nothing at"),
        (b'{"data":{"points":3}}', "list"),
    ]:
        with pytest.raises(InvalidError, match=said):
            decode(here, wrong)


@given(st.binary(max_size=300), st.sampled_from(["csv", "json", "ercot", "entsoe"]))
def test_whatever_comes_nothing_but_our_error(data: bytes, form: str) -> None:
    here = source(format=form, step_s=60.0, columns=COLUMNS)
    with contextlib.suppress(InvalidError):
        assert decode(here, data).refused_n >= 0


@given(
    st.lists(st.floats(-500, 5000).map(lambda price: round(price, 2)), min_size=1, max_size=60),
    st.sampled_from(["A01", "A03"]),
)
def test_entsoe_round_trip(prices: list[float], curve: str) -> None:
    begin = ms("2026-01-01T00:00Z")
    end = dt.datetime.fromtimestamp(begin / 1000 + 900 * len(prices), dt.UTC)
    points = "".join(
        f"<Point><position>{n}</position><price.amount>{price}</price.amount></Point>"
        for n, price in enumerate(prices, 1)
        if curve == "A01" or n == 1 or price != prices[n - 2]
    )
    text = (
        f"<Publication_MarketDocument><type>A44</type><TimeSeries><curveType>{curve}</curveType>"
        f"<Period><timeInterval><start>2026-01-01T00:00Z</start><end>{end:%Y-%m-%dT%H:%MZ}</end>"
        f"</timeInterval><resolution>PT15M</resolution>{points}</Period></TimeSeries>"
        "</Publication_MarketDocument>"
    )
    found = rows(decode(source(format="entsoe", node="X", unit="EUR/MWh"), text.encode()))
    assert [row[2] for row in found] == prices
    assert [row[0] for row in found] == [begin + 900_000 * n for n in range(len(prices))]


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"unit": "euro"}, "unit"), ({"time_zone": "Mars/Base"}, "Mars/Base"),
        ({"format": "csv"}, "columns"), ({"known": "soon"}, "known"), ({"every_s": 1.0}, "every_s"),
        ({"url": "ftp://x"}, "http"), ({"url": "https://u:p@x"}, "password"),
        ({"secret": "../x", "secret_header": "a"}, "small letters"), ({"secret": "k"}, "goes with"),
        ({"colour": "red"}, "colour"), ({"quantity": "tea"}, "quantity"), ({"node": ""}, "node"),
    ],
)  # fmt: skip
def test_a_description_that_cannot_be_says_why(more: dict[str, object], said: str) -> None:
    with pytest.raises(InvalidError, match=said):
        source(**more)


def values(*spans: tuple[int, int, float, int]) -> Values:
    begin, until, value, published = (np.array(column) for column in zip(*spans, strict=True))
    return Values(unit="", from_ms=begin, until_ms=until, value=value.astype(float),
                  published_ms=published)  # fmt: skip


def test_a_correction_of_another_resolution_lies_on_top() -> None:
    known = values((0, 3600, 40.0, 1), (1800, 2700, 100.0, 2), (3600, 7200, 50.0, 1))
    assert over(known, *periods(0, 8, 0.9)).tolist() == [40, 40, 100, 40, 50, 50, 50, 50]
    assert over(known, *periods(0, 3, 3.6)).tolist()[:2] == [55.0, 50.0]
    assert np.isnan(over(known, *periods(0, 3, 3.6))[2])


def test_a_gap_is_missing_and_never_filled() -> None:
    known = values((0, 3600, 40.0, 1), (7200, 10800, 50.0, 1))
    found = over(known, *periods(0, 3, 3.6))
    assert found[0] == 40
    assert np.isnan(found[1])
    assert np.isnan(over(known, *periods(1800, 1, 3.6))[0])
