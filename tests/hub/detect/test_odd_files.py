"""CSV files as people have them: marks, quotes, line ends, columns, times, numbers of all kinds."""

import csv
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lode_hub.detect import series, table
from lode_hub.errors import InvalidError

START_S = 1_760_054_400


def scored(folder: Path, data: bytes) -> list[list[str]]:
    file, out = folder / "in.csv", folder / "out.csv"
    file.write_bytes(data)
    series.run(file, out)
    with out.open(newline="", encoding="utf-8") as lines:
        header, *rows = csv.reader(lines)
    assert header == ["timestamp", "value", "anomaly_score"]
    return rows


@pytest.mark.parametrize(
    "data",
    [
        b"timestamp,value\n2026-01-31T12:00:00Z,1\n2026-01-31T12:05:00Z,2\n",
        b"timestamp,value\r\n2026-01-31T12:00:00Z,1\r\n2026-01-31T12:05:00Z,2\r\n",
        b"timestamp,value\n2026-01-31T12:00:00Z,1\n2026-01-31T12:05:00Z,2",
        b"\xef\xbb\xbftimestamp,value\n2026-01-31T12:00:00Z,1\n2026-01-31T12:05:00Z,2\n",
        b'"timestamp","value"\n"2026-01-31T12:00:00Z","1"\n"2026-01-31T12:05:00Z","2"\n',
        b"value,timestamp\n1,2026-01-31T12:00:00Z\n2,2026-01-31T12:05:00Z\n",
        b"rig,timestamp,value\nx,2026-01-31T12:00:00Z,1\ny,2026-01-31T12:05:00Z,2\n",
    ],
    ids=["plain", "windows", "no last end", "mark", "quoted", "turned", "another column"],
)
def test_the_same_series_in_many_dresses(tmp_path: Path, data: bytes) -> None:
    found = scored(tmp_path, data)
    assert [row[:2] for row in found] == [
        ["2026-01-31T12:00:00Z", "1"],
        ["2026-01-31T12:05:00Z", "2"],
    ]


@pytest.mark.parametrize(
    ("cell", "at_ms"),
    [
        ("2026-01-31T12:00:00Z", 1_769_860_800_000),
        ("2026-01-31T12:00:00", 1_769_860_800_000),  # without a zone it is UTC
        ("2026-01-31 12:00", 1_769_860_800_000),
        ("2026-01-31T13:00:00+01:00", 1_769_860_800_000),
        ("2026-01-31T12:00:00.250Z", 1_769_860_800_250),
        ("2026-01-31", 1_769_817_600_000),
        ("1769860800", None),  # a number is no date
        ("31.01.2026 12:00", None),
        ("2026-02-30T00:00:00Z", None),
        ("", None),
    ],
)
def test_a_date_and_time(cell: str, at_ms: int | None) -> None:
    assert series._iso_ms(cell) == at_ms


@pytest.mark.parametrize(
    ("cell", "at_ms"),
    [
        ("1769860800", 1_769_860_800_000),
        ("1769860800.25", 1_769_860_800_250),
        ("1769860800000", 1_769_860_800_000),
        ("1.7698608e9", 1_769_860_800_000),
        ("0", 0),
        ("-60", -60_000),
        ("99999999999", 99_999_999_999_000),  # below 1e11 it is seconds
        ("100000000000", 100_000_000_000),
        ("1e300", None),
        ("inf", None),
        ("nan", None),
        ("1_769_860_800", None),
        ("noon", None),
    ],
)
def test_a_number_of_seconds_or_milliseconds(cell: str, at_ms: int | None) -> None:
    assert series._unix_ms(cell) == at_ms


@pytest.mark.parametrize("missing", ["", "-", "NA", "n/a", "NaN", "None", "NULL", " null "])
def test_a_missing_value_scores_nothing_and_is_no_complaint(tmp_path, capsys, missing) -> None:
    lines = [f"{START_S + 300 * n},{missing if n == 5 else 10}" for n in range(10)]
    found = scored(tmp_path, ("timestamp,value\n" + "\n".join(lines)).encode())
    assert found[5][2] == "0.000000"
    assert found[5][1].strip() == missing.strip()
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (["2026-01-31T12:00:00Z,1", "1769860800,2"], "line 3: timestamp '1769860800' is not a"),
        (["1769860800,1", "2026-01-31T12:00:00Z,2"], "line 3: timestamp '2026-01-31T12:00:00Z'"),
        ([",1"], "line 2: timestamp '' is not"),
        (["1769860800,x", "1769860900,y"], "line 2: value 'x' is not a number, nor is any other"),
        ([], "no rows below the header"),
    ],
)
def test_what_is_no_series_is_told_with_its_line(tmp_path, rows, said) -> None:
    with pytest.raises(InvalidError) as refused:
        scored(tmp_path, "\n".join(["timestamp,value", *rows, ""]).encode())
    assert said in str(refused.value)
    assert [path.name for path in tmp_path.iterdir()] == ["in.csv"]


def test_a_series_that_never_moves_has_no_anomaly(tmp_path: Path) -> None:
    lines = "\n".join(f"{START_S + 60 * n},7" for n in range(200))
    found = scored(tmp_path, f"timestamp,value\n{lines}\n".encode())
    assert {row[2] for row in found} == {"0.000000"}


@given(data=st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_whatever_a_file_is_there_are_scores_or_our_error(tmp_path_factory, data: bytes) -> None:
    folder = tmp_path_factory.mktemp("odd")
    refused = ""
    try:
        found = scored(folder, b"timestamp,value\n" + data)
    except InvalidError as error:
        refused, found = str(error), []
    assert (str(folder) in refused) == (not found)
    assert (folder / "out.csv").exists() == bool(found)
    assert all(float(score) >= 0 for *_, score in found)


def test_a_table_that_fails_half_way_leaves_what_was_there(tmp_path: Path) -> None:
    out, source = tmp_path / "out.csv", tmp_path / "in.csv"
    out.write_text("before")
    source.write_text("what is read")

    def rows():
        yield ("1",)
        raise InvalidError("half way")

    with pytest.raises(InvalidError, match="half way"):
        table.write(out, source, ("a",), rows())
    assert out.read_text() == "before"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.csv", "out.csv"]
