"""lode-hub plan, run as a person runs it: no settings, no database."""

import csv
import os
import subprocess
import sys
from pathlib import Path

import pytest

GOLDEN = Path(__file__).parents[3] / "golden" / "energy"
DOCS = Path(__file__).parents[4] / "docs" / "energy.md"


def run(*arguments: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "lode_hub", "plan", *map(str, arguments)]
    return subprocess.run(
        command, cwd=cwd, capture_output=True, text=True, timeout=120, check=False,
        env={"PATH": os.environ["PATH"]},
    )  # fmt: skip


@pytest.fixture(scope="module")
def day(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("plan")
    for name in ("prices", "forecast"):
        lines = (GOLDEN / f"pjm_{name}.csv").read_text().splitlines()[:25]
        (folder / f"{name}.csv").write_text("\n".join(lines) + "\n")
    (folder / "site.toml").write_text((GOLDEN / "site.toml").read_text())
    return folder


def test_the_example_of_the_docs_runs_and_adds_up(day):
    assert (day / "site.toml").read_text() in DOCS.read_text()
    done = run(
        "--site", "site.toml", "--prices", "prices.csv", "--forecast", "forecast.csv",
        "--out", "plan.csv", cwd=day,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    with (day / "plan.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 24
    profit = 0.0
    for row in rows:
        assert sum(int(row[name]) for name in row if name.startswith("rigs:S21:")) == 400
        assert sum(int(row[name]) for name in row if name.startswith("rigs:S19j Pro:")) == 300
        assert float(row["power_w"]) <= 3e6
        profit += float(row["profit_usd"])
    summary = dict(line.split(maxsplit=1) for line in done.stdout.splitlines()[1:7])
    told = {name: float(text.split()[0].replace(",", "")) for name, text in summary.items()}
    assert told["profit"] == pytest.approx(profit + told["demand"] + told["penalty"], abs=0.5)
    assert "against always on under the same limits" in done.stdout
    assert "against greedy under the same limits" in done.stdout
    assert [path.name for path in day.iterdir() if path.name.endswith(".part")] == []


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"--site": "none.toml"}, "lode-hub: none.toml: No such file or directory"),
        ({"--prices": "site.toml"}, "lode-hub: site.toml line 1: no column timestamp"),
        ({"--out": "no/where.csv"}, "lode-hub: no/where.csv: No such file or directory; give a"),
    ],
)
def test_a_trouble_is_one_line_and_status_1(day, changed, says):
    usual = {"--site": "site.toml", "--prices": "short.csv", "--out": "x.csv"}
    short = (day / "prices.csv").read_text().splitlines()[:4]
    (day / "short.csv").write_text("\n".join(short) + "\n")
    done = run(*(part for pair in (usual | changed).items() for part in pair), cwd=day)
    assert done.returncode == 1
    assert done.stderr.startswith(says)
    assert done.stderr.count("\n") == 1
    assert not (day / "x.csv").exists()
