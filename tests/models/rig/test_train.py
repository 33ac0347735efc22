"""Training: other rigs and later readings judge it, the same data give the same model."""

import csv
import subprocess
import sys

import numpy as np
import pytest
from typer.testing import CliRunner

from lode_models.cli import app, main
from lode_models.errors import TrainingError
from lode_models.rig import examples as gathering
from lode_models.rig import load
from lode_models.rig import train as training
from lode_models.rig.card import CARD, MODEL
from lode_models.rig.examples import Course, Fault, gather, together
from lode_models.rig.model import run, session
from lode_models.rig.train import lasts, split, train
from lode_sim.fleet_faults import KINDS, Fleet
from tests.bench.learned_score import run as score_fleets
from tests.models.rig.halls import T0_MS, frames, rigs_of

N, STEPS = 24, 260
BOARD = 5


def broken(step, columns):
    if step >= 150:
        columns["boards_alive"][BOARD] = 2
        columns["hashrate_ths"][BOARD] *= 2 / 3


@pytest.fixture(scope="module")
def examples():
    fault = Fault(kind="board_loss", since_ms=T0_MS + 150 * 30_000)
    return gather(frames(N, STEPS, broken), rigs_of(N), {BOARD: fault})


@pytest.mark.parametrize("kind", ["autoencoder", "forest"])
def test_a_model_is_trained_the_same_again_and_runs_as_it_was_trained(
    examples, kind, tmp_path, monkeypatch
):
    monkeypatch.setattr(training, "TREES", 20)
    course = Course(kind=kind, seed=3, false_share=0.01, data="a hall", limits="it is made up")
    card = train(examples, course, tmp_path / "a")
    assert train(examples, course, tmp_path / "b") == card
    for name in (MODEL, CARD):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    model = load(tmp_path / "a")
    assert (model.card.kind, model.card.seed, model.card.data) == (kind, 3, "a hall")
    assert model.card.found == {"board_loss": 1.0}
    scores, _ = model.score(examples.x)
    assert (scores[examples.is_healthy] >= 0.5).mean() < 0.03
    assert card.held_out_false_share < 0.05


def test_the_network_says_the_same_in_onnx_as_in_scikit_learn(examples, tmp_path, monkeypatch):
    fitted = []
    fit = training._fit
    monkeypatch.setattr(training, "_fit", lambda *args: fitted.append(fit(*args)) or fitted[-1])
    train(examples, Course(), tmp_path)
    z = np.random.default_rng(1).normal(0, 2, (40, examples.x.shape[1])).astype(np.float32)
    made = run(session((tmp_path / MODEL).read_bytes()), "autoencoder", z)
    np.testing.assert_allclose(made, fitted[0].predict(z), atol=2e-5)


def test_no_rig_and_no_time_is_on_two_sides(examples):
    parts = split(examples, seed=1)
    rigs = [set(examples.rig[part].tolist()) for part in (parts.fit, parts.threshold,
                                                          parts.held_out)]  # fmt: skip
    assert all(rigs)
    assert not rigs[0] & rigs[1] | rigs[0] & rigs[2] | rigs[1] & rigs[2]
    for later in (parts.threshold, parts.held_out):
        assert examples.at_ms[parts.fit].max() < examples.at_ms[later].min()
    for part in (parts.fit, parts.threshold, parts.held_out):
        sick = (examples.rig == BOARD) & (examples.at_ms >= T0_MS + 150 * 30_000)
        assert not (part & sick).any()


def test_fleets_together_keep_their_rigs_and_faults_apart(examples):
    both = together([examples, examples])
    assert both.rigs == 2 * N
    assert set(both.faults) == {BOARD, N + BOARD}
    np.testing.assert_array_equal(both.rig[len(examples.rig) :], examples.rig + N)


def test_too_little_is_refused(tmp_path):
    few = gather(frames(N, 40), rigs_of(N), {})
    with pytest.raises(TrainingError, match=r"24 rigs with \d+ healthy rig minutes; at least 20"):
        train(few, Course(), tmp_path)


def test_too_much_is_refused_and_not_cut_off(monkeypatch):
    monkeypatch.setattr(gathering, "ROWS_MOST", 100)
    with pytest.raises(TrainingError, match="over 100 rig minutes"):
        gather(frames(N, 60), rigs_of(N), {})


def test_strange_for_long_enough_is_in_a_row():
    at = np.arange(6) * 60_000
    assert lasts(np.array([0, 1, 1, 1, 0, 0]), at)
    assert not lasts(np.array([1, 1, 0, 1, 1, 0]), at)
    assert not lasts(np.array([1, 1, 1]), np.array([0, 60_000, 600_000]))


def write_files(folder):
    with (folder / "rigs.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["rig", "model", "site", "rack", "rated_hashrate_ths", "rated_power_w"])
        writer.writerows([rig.name, rig.model, rig.site, "", 100, 3000] for rig in rigs_of(N).rows)
    with (folder / "readings.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        for now_ms, _, rows in frames(N, STEPS, broken):
            names = list(rows.dtype.names)
            if now_ms == T0_MS:
                writer.writerow(["rig", *names])
            writer.writerows([f"r{i}", *row.tolist()] for i, row in enumerate(rows))
    since = T0_MS + 150 * 30_000
    (folder / "findings.csv").write_text(
        f"at_ms,rig_or_group,kind,severity,since_ms,evidence\n{since},r{BOARD},board_loss,,{since},\n"
    )


def test_the_command_trains_on_the_files_of_detect(tmp_path, examples):
    write_files(tmp_path)
    told = CliRunner().invoke(
        app,
        ["train", "rig", str(tmp_path / "readings.csv"), "--rigs", str(tmp_path / "rigs.csv"),
         "--findings", str(tmp_path / "findings.csv"), "--out", str(tmp_path / "model")],
    )  # fmt: skip
    assert told.exit_code == 0, told.output
    assert "autoencoder of" in told.output
    card = load(tmp_path / "model").card
    assert card.found == {"board_loss": 1.0}
    assert card.data.startswith("readings.csv: 6,240 readings")
    assert card.rows == split(examples, 1).fit.sum()


def test_a_wrong_file_is_told_in_one_line(tmp_path, capsys, monkeypatch):
    (tmp_path / "rigs.csv").write_text("rig,model\na,b\n")
    rigs = str(tmp_path / "rigs.csv")
    line = ["lode-models", "train", "rig", rigs, "--rigs", rigs, "--out", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", line)
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 1
    assert "rigs.csv, line 1: no column site" in capsys.readouterr().err


def test_without_the_extra_it_says_what_to_install():
    code = (
        "import sys; sys.modules['sklearn'] = None\n"
        "import lode_models.rig, lode_models.cli\n"  # the rest works without it
        "import lode_models.rig.train"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert "sklearn is not installed; install lode-models with its extra `train`" in ended.stderr


@pytest.mark.slow
def test_the_shipped_model_sees_faults_of_a_fleet_that_it_never_saw():
    score = score_fleets(
        [Fleet(seed=7, rigs=200, hours=3.0, quiet_h=1.0, per_kind=5, interval_s=(15.0, 30.0))]
    )
    seen = ("board_loss", "fan_failure", "chip_loss", "power_up", "overheating", "hash_decay")
    faults = sum(score.faults[kind] for kind in seen)
    assert faults == 5 * len(seen)
    assert sum(score.learned[kind] for kind in seen) >= 0.9 * faults, score.text()
    assert set(score.faults) == set(KINDS)
    assert score.alone <= 8, score.text()  # in 25 rig days with a curtailment and an outage
