"""A model is run only if it is what its card says, and says the same as it did in training."""

import hashlib
import shutil
import sys
import tomllib
from importlib import resources
from pathlib import Path

import msgspec
import numpy as np
import pytest

from lode_models.errors import ModelError
from lode_models.rig import FEATURES, Model, load
from lode_models.rig.card import CARD, MODEL, read, write
from lode_models.rig.model import SHIPPED

NAMES = [feature.name for feature in FEATURES]


@pytest.fixture
def folder(tmp_path) -> Path:
    return shutil.copytree(SHIPPED, tmp_path / "rig")


def usual(n: int = 1) -> np.ndarray:
    return np.tile(np.array(load().card.center, np.float32), (n, 1))


def test_the_shipped_model_is_part_of_the_package_small_and_as_its_card_says():
    files = resources.files("lode_models") / "artifacts" / "rig"
    card = load().card
    model = (files / MODEL).read_bytes()
    assert hashlib.sha256(model).hexdigest() == card.model_sha256
    assert len(model) < 60_000
    assert card.held_out_false_share < 3 * card.stated_false_share
    for text in (card.what, card.data, card.limits, card.licences):
        assert len(text) > 40


def test_a_card_is_plain_toml_and_comes_back_as_it_was(tmp_path):
    card = read(SHIPPED)
    write(card, tmp_path)
    assert read(tmp_path) == card
    assert tomllib.loads((tmp_path / CARD).read_text())["versions"]["scikit-learn"]


def test_another_model_than_the_card_s_is_refused(folder):
    with (folder / MODEL).open("ab") as file:
        file.write(b"\0")
    with pytest.raises(ModelError, match="SHA-256"):
        load(folder)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("schema = 1", "schema = 2", "schema 2, this version knows 1"),
        ("schema = 1", "", "schema None"),
        ('"hashrate", ', '"power", ', "features are not"),
        ('kind = "autoencoder"', 'kind = "oracle"', "kind 'oracle'"),
        ("threshold = ", "treshold = ", "no card of a model"),
        ("schema = 1", "schema = ", "no card of a model"),
        ("residual = [", "residual = [1.0, ", "unequal length"),
    ],
)
def test_a_card_of_another_kind_is_refused(folder, old, new, told):
    text = (folder / CARD).read_text()
    assert old in text
    (folder / CARD).write_text(text.replace(old, new, 1))
    with pytest.raises(ModelError, match=told):
        load(folder)


def test_no_model_and_no_onnx_are_told(tmp_path, folder):
    with pytest.raises(ModelError, match="cannot be read"):
        load(tmp_path / "nowhere")
    card = msgspec.structs.replace(read(folder), model_sha256=hashlib.sha256(b"x").hexdigest())
    with pytest.raises(ModelError, match="cannot run it"):
        Model(card, b"x")


def test_a_usual_rig_is_not_strange_and_a_strange_one_is_for_its_reason():
    x = usual(2)
    x[1, NAMES.index("chip_over_board")] += 8
    model = load()
    scores, weights = model.score(x)
    assert scores[0] < 0.3
    assert scores[1] > 0.5
    first = model.reasons(x[1], weights[1])[0]
    assert first.feature == "chip_over_board"
    assert first.told.startswith("+")
    assert 0.3 < first.weight <= 1
    assert weights[1].sum() == pytest.approx(1, abs=1e-5)


def test_what_is_unknown_is_no_reason_and_of_nothing_known_nothing_is_said():
    x = np.concatenate([usual(), usual() * np.nan, usual()])
    x[0, 3:7] = np.nan
    x[2, 4:] = np.nan
    scores, weights = load().score(x)
    assert scores[0] < 0.5
    assert not weights[0, 3:7].any()
    assert np.isnan(scores[1:]).all()


def test_a_score_does_not_depend_on_who_else_is_asked():
    x = usual(50) + np.random.default_rng(1).normal(0, 0.02, (50, len(NAMES))).astype(np.float32)
    model = load()
    together = model.score(x)[0]
    alone = np.concatenate([model.score(row[None])[0] for row in x])
    np.testing.assert_allclose(together, alone, rtol=1e-4)
    assert np.isfinite(model.score(x * np.float32(1e30))[0]).all()


def test_without_onnxruntime_there_is_no_model_and_it_says_why(monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(ModelError, match="onnxruntime cannot be loaded"):
        load()
