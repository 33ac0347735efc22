"""`lode-hub detect --fleet`: readings of rigs in a file, findings out."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from lode_hub.detect import fleet
from lode_hub.errors import InvalidError

T0, RIGS = 1_700_000_000_000, 12
HEAD = "rig,model,site,rack,rated_hashrate_ths,rated_power_w"


def rigs_file(path: Path) -> Path:
    rows = [f"r{i},S19,A,k{i // 6},100,3250" for i in range(RIGS)]
    path.write_text("\n".join([HEAD, *rows]) + "\n")
    return path


def rows(turns: int, every_s: int) -> list[str]:
    """An hour of healthy rigs; r5 loses a fan at the 100th reading."""
    chance, out = np.random.default_rng(1), []
    for turn in range(turns):
        for rig in range(RIGS):
            fans = 3 if rig == 5 and turn >= 100 else 4
            hashrate, power = 100 + chance.normal(0, 1), 3250 + chance.normal(0, 20)
            out.append(
                f"{T0 + turn * every_s * 1000},r{rig},mining,{hashrate:.2f},{power:.0f},{fans}"
            )
    return out


def run(tmp_path: Path, text: str) -> list[dict[str, str]]:
    readings, out = tmp_path / "readings.csv", tmp_path / "out.csv"
    readings.write_text(text)
    fleet.run(readings, rigs_file(tmp_path / "rigs.csv"), out)
    with out.open() as file:
        return list(csv.DictReader(file))


COLUMNS = "at_ms,rig,state,hashrate_ths,power_w,fans_alive"


@pytest.mark.parametrize("every_s", [10, 30, 60])
def test_a_fan_is_found_at_any_interval(tmp_path, every_s):
    (found,) = run(tmp_path, "\n".join([COLUMNS, *rows(120, every_s)]))
    assert (found["rig_or_group"], found["kind"], found["severity"]) == (
        "r5", "fan_failure", "critical",
    )  # fmt: skip
    assert 0 <= int(found["at_ms"]) - (T0 + 100 * every_s * 1000) <= 60_000
    assert json.loads(found["evidence"])["fans_expected"] == 4.0


def test_the_order_of_rows_and_the_rest_of_a_file_change_nothing(tmp_path):
    lines = rows(120, 10)
    whole = run(tmp_path, "\n".join([COLUMNS, *lines]))
    shuffled = np.random.default_rng(2).permutation(np.array(lines)).tolist()
    assert run(tmp_path, "\n".join([COLUMNS, *shuffled])) == whole
    assert run(tmp_path, "\n".join([COLUMNS, *lines[: 110 * RIGS]])) == whole


def test_bad_rows_and_unknown_rigs_are_left_out_and_told(tmp_path, capsys):
    lines = rows(120, 10)
    lines.insert(3, f"{T0},r1,mining,many,3250,4")
    lines.insert(5, f"{T0},nobody,mining,100,3250,4")
    lines.insert(7, "too,short")
    lines.insert(9, f'{T0},"r2",dancing,100,3250,4')
    found = run(tmp_path, "\r\n".join([COLUMNS, *lines]))
    assert len(found) == 1
    told = capsys.readouterr().err
    assert "3 bad, 1 of unknown rigs" in told
    for words in ("line 5: hashrate_ths is no number", "line 7: rig 'nobody'", "line 9: 2 fields"):
        assert words in told


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("at_ms,state\n1,1\n", "line 1: one column rig is needed"),
        (COLUMNS + "\n", "no rows below the header"),
        (COLUMNS + f"\n{T0},x,1,1,1,1\n", "rig 'x' is not among the rigs"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_with_its_place(tmp_path, text, words):
    with pytest.raises(InvalidError, match=words):
        run(tmp_path, text)


def test_a_rig_that_is_listed_twice_is_refused(tmp_path):
    path = tmp_path / "rigs.csv"
    path.write_text(f"{HEAD}\na,S19,A,k,100,3000\na,S19,A,k,100,3000\n")
    with pytest.raises(InvalidError, match=r"rigs.csv, line 3: rig 'a' is there twice"):
        fleet.run(tmp_path / "none.csv", path, tmp_path / "out.csv")
