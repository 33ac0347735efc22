"""`lode-hub detect FILE.csv --out SCORES.csv`: rows, times, values, errors, all or nothing."""

import csv
import re
import sys
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from lode_hub import cli
from lode_hub.detect import series
from lode_hub.detect.cli import detect
from lode_hub.errors import InvalidError
from lode_models.series import replay

START_S = 1_760_054_400


def written(path: Path, text: str | bytes) -> Path:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def scored(tmp_path: Path, text: str | bytes) -> list[list[str]]:
    file, out = written(tmp_path / "in.csv", text), tmp_path / "out.csv"
    series.run(file, out)
    with out.open(newline="") as lines:
        return list(csv.reader(lines))


def refused(tmp_path: Path, text: str | bytes) -> str:
    file, out = written(tmp_path / "in.csv", text), tmp_path / "out.csv"
    with pytest.raises(InvalidError) as told:
        series.run(file, out)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.csv"]
    return str(told.value)


def spiky() -> list[float]:
    values = np.random.default_rng(1).normal(100, 1, 300).round(3)
    values[250] = 150
    return values.tolist()


def of(times: list[str], values: list[float] | None = None) -> str:
    rows = zip(times, values or spiky(), strict=True)
    return "timestamp,value\n" + "".join(f"{at},{value}\n" for at, value in rows)


def times(write: str) -> list[str]:
    seconds = [START_S + 300 * row for row in range(300)]
    here = [
        datetime.fromisoformat("2025-10-10T00:00:00") + timedelta(minutes=5 * row)
        for row in range(300)
    ]
    return {
        "unix s": [str(at) for at in seconds],
        "unix ms": [str(at * 1000) for at in seconds],
        "unix s with a fraction": [f"{at}.000" for at in seconds],
        "space": [str(at) for at in here],
        "T": [at.isoformat() for at in here],
        "Z": [at.isoformat() + "Z" for at in here],
        "a zone": [(at + timedelta(hours=2)).isoformat() + "+02:00" for at in here],
    }[write]


@pytest.mark.parametrize(
    "write", ["unix s", "unix ms", "unix s with a fraction", "space", "T", "Z", "a zone"]
)
def test_a_time_may_be_written_in_many_ways(tmp_path: Path, write: str) -> None:
    rows = scored(tmp_path, of(times(write)))
    assert rows[0] == ["timestamp", "value", "anomaly_score"]
    assert [row[0] for row in rows[1:]] == times(write)
    at_ms = np.array([(START_S + 300 * row) * 1000 for row in range(300)])
    expected = replay(at_ms, np.array(spiky())).score
    assert [row[2] for row in rows[1:]] == [f"{score:.6f}" for score in expected.tolist()]
    assert float(rows[251][2]) > 0.5


def test_values_are_copied_as_they_were(tmp_path: Path) -> None:
    text = '\ufefftimestamp, Value ,note\r\n0, 1e3 ,x\r\n\r\n60,007,"y, z"\r\n60,,\r\n30,-0.50,\r\n'
    rows = scored(tmp_path, text)
    assert [row[:2] for row in rows[1:]] == [
        ["0", " 1e3 "],
        ["60", "007"],
        ["60", ""],
        ["30", "-0.50"],
    ]


def test_a_missing_value_scores_0_and_changes_no_other(tmp_path: Path) -> None:
    values = spiky()
    plain = scored(tmp_path, of(times("unix s")))
    lines = of(times("unix s"), values).splitlines()
    for place, gap in enumerate(["", "NaN", "null", "inf", "broken"]):
        lines.insert(100 + 30 * place, f"{START_S + 300 * (98 + 30 * place)},{gap}")
    gaps = scored(tmp_path, "\n".join(lines))
    missing = [row for row in gaps if row[1] in {"", "NaN", "null", "inf", "broken"}]
    assert [row[2] for row in missing] == ["0.000000"] * 5
    assert [row for row in gaps if row not in missing] == plain


def test_what_cannot_be_read_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scored(tmp_path, "timestamp,value\n0,1\n1,oops\n2,1_000\n3,4\n")
    told = capsys.readouterr().err
    assert "line 3: value 'oops' is not a number; 2 of 4 values like it" in told


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "line 1: no column timestamp; the first line must name timestamp,value"),
        ("timestamp,value\n", "no rows below the header"),
        ("time,value\n0,1\n", "line 1: no column timestamp"),
        ("timestamp\n0\n", "line 1: no column value"),
        ("timestamp,value,value\n0,1,1\n", "more than one column value"),
        ("timestamp,value\n0,1\n1\n", "line 3: 1 fields below a header of 2"),
        ("timestamp,value\n0,1\n1,2,3\n", "line 3: 3 fields"),
        ("timestamp,value\n0,1\nsoon,2\n", "line 3: timestamp 'soon' is not a number of s or ms"),
        ("timestamp,value\n,1\n", "line 2: timestamp '' is not a date and time"),
        ("timestamp,value\nnan,1\n", "line 2: timestamp 'nan'"),
        ("timestamp,value\n1e300,1\n", "line 2: timestamp '1e300'"),
        ("timestamp,value\n2026-01-31,1\n2026-02-31,2\n", "line 3: timestamp '2026-02-31'"),
        ("timestamp,value\n2026-01-31,1\n5,2\n", "line 3: timestamp '5' is not a date"),
        ("timestamp,value\n0,a\n1,b\n", "line 2: value 'a' is not a number, nor is any other"),
        ('timestamp,value\n0,1\n1,"2\n', "line 3: not CSV"),
        (b"timestamp,value\n0,\xff\n", "not UTF-8"),
        ("timestamp,value\n0," + "9" * 200_000 + "\n", "line 2: not CSV: field larger"),
    ],
)
def test_a_bad_file_is_refused_with_its_line(tmp_path: Path, text: str, told: str) -> None:
    assert told in refused(tmp_path, text)


def test_a_file_has_a_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(series, "_ROWS_MOST", 3)
    assert "more than 3 rows" in refused(tmp_path, "timestamp,value\n0,1\n1,1\n2,1\n3,1\n")


def test_an_old_result_stays_until_the_new_one_is_whole(tmp_path: Path) -> None:
    out = written(tmp_path / "out.csv", "old")
    with pytest.raises(InvalidError):
        series.run(written(tmp_path / "in.csv", "timestamp,value\nx,1\n"), out)
    assert out.read_text() == "old"
    series.run(written(tmp_path / "in.csv", "timestamp,value\n0,1\n"), out)
    assert out.read_text() == "timestamp,value,anomaly_score\n0,1,0.000000\n"


@pytest.mark.parametrize(
    ("out", "told"),
    [("in.csv", "is what is read"), (".", "is not a file"), ("no/out.csv", "cannot be written")],
)
def test_a_place_that_cannot_be_written_is_refused(tmp_path: Path, out: str, told: str) -> None:
    file = written(tmp_path / "in.csv", "timestamp,value\n0,1\n")
    with pytest.raises(InvalidError, match=told):
        series.run(file, tmp_path / out)
    assert list(tmp_path.iterdir()) == [file]
    assert file.read_text() == "timestamp,value\n0,1\n"


@pytest.mark.parametrize(
    ("out", "status", "lines", "told"),
    [("-", 0, 301, ""), (".", 1, 0, "lode-hub: .: is not a file; name another file to write\n")],
)
def test_the_command_needs_nothing_but_the_file(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    out: str,
    status: int,
    lines: int,
    told: str,
) -> None:
    written(tmp_path / "in.csv", of(times("space")))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["lode-hub", "detect", "in.csv", "--out", out])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    printed = capsys.readouterr()
    assert (ended.value.code, len(printed.out.splitlines()), printed.err) == (status, lines, told)
    assert [path.name for path in tmp_path.iterdir()] == ["in.csv"]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"file": "in.csv"}, "--out is missing"),
        ({"out": "o.csv"}, "nothing to read; give FILE.csv, or --fleet with --rigs"),
        ({"file": "in.csv", "rigs": "r.csv", "out": "o.csv"}, "--rigs goes with --fleet"),
        ({"fleet": "f.csv", "out": "o.csv"}, "--fleet needs --rigs"),
        ({"file": "in.csv", "fleet": "f.csv", "rigs": "r.csv", "out": "o"}, "are two things"),
        ({"file": "in.csv", "out": "o.csv"}, "in.csv: cannot be read: No such file or directory"),
    ],
)
def test_options_that_make_no_sense_are_refused(
    tmp_path: Path, options: dict[str, str], told: str
) -> None:
    with pytest.raises(InvalidError, match=re.escape(told)):
        detect(**{name: tmp_path / path for name, path in options.items()})
    assert list(tmp_path.iterdir()) == []
