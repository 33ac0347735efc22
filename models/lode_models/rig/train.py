"""Trains a model of healthy rigs; the only module that needs the extra `train`.

examples ─► split by rig and by time ─► fit ─► threshold from other rigs, later ─► model, card
"""

import hashlib
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import onnxruntime

from lode_models.errors import TrainingError
from lode_models.features import Floats
from lode_models.peers.sample import Mask
from lode_models.rig import card as cards
from lode_models.rig.card import Card
from lode_models.rig.drift import bins
from lode_models.rig.examples import STEP_MS, Course, Examples
from lode_models.rig.features import FEATURES, SCHEMA
from lode_models.rig.learned import LASTING, STRANGE
from lode_models.rig.model import Model, run, session, standardise

try:
    import skl2onnx
    import sklearn
    from sklearn.ensemble import IsolationForest
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPRegressor
except ImportError as error:
    missing = str(error.name).split(".", 1)[0]
    raise TrainingError(
        f"train: {missing} is not installed; install lode-models with its extra `train`"
    ) from None

LEAST_RIGS, LEAST_ROWS = 20, 2_000
FIT_MOST = 60_000  # rows; more teach nothing new
FIT, THRESHOLD = 0.6, 0.2  # shares of the rigs; the rest are held out
HIDDEN, EPOCHS = (10, 5, 10), 40
TREES, TREE_ROWS = 50, 256
BINS = 10
LEAST_RESIDUAL = 0.5
OPSET = {"": 17, "ai.onnx.ml": 3}
LICENCES = "model: Apache-2.0, as this project; scikit-learn: BSD-3-Clause; skl2onnx: Apache-2.0"


@dataclass(frozen=True, kw_only=True)
class Split:
    """Which examples each step may see: other rigs, and later readings, for what judges it."""

    fit: Mask
    threshold: Mask
    held_out: Mask


def train(examples: Examples, course: Course, folder: Path) -> Card:
    """Train a model and write it with its card into a folder.

    Raises: TrainingError if there are too few examples.
    """
    parts = split(examples, course.seed)
    x = examples.x[parts.fit]
    center, spread = usual(x)
    chance = np.random.default_rng(course.seed)
    chosen = np.sort(chance.choice(len(x), min(len(x), FIT_MOST), replace=False))
    z = standardise(x[chosen], center, spread)
    fitted = _fit(course, z)
    model = skl2onnx.to_onnx(fitted, z[:1], name="rig", target_opset=OPSET).SerializeToString()
    residual = _residual(course.kind, model, z, ~np.isnan(x[chosen]))
    card = _card(examples, course, parts, model, (center, spread, residual))
    card = _with_threshold(card, model, examples, parts)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / cards.MODEL).write_bytes(model)
    cards.write(card, folder)
    return card


def split(examples: Examples, seed: int) -> Split:
    """Split by rig and by time.

    Raises: TrainingError if there are too few rigs or examples.
    """
    rigs = np.unique(examples.rig)
    if len(rigs) < LEAST_RIGS or examples.is_healthy.sum() < LEAST_ROWS:
        raise TrainingError(
            f"train: {len(rigs)} rigs with {int(examples.is_healthy.sum()):,} healthy rig minutes; "
            f"at least {LEAST_RIGS} and {LEAST_ROWS:,} are needed, from 10 min after a start on"
        )
    mixed = np.random.default_rng(seed).permutation(rigs)
    first, second = int(FIT * len(rigs)), int((FIT + THRESHOLD) * len(rigs))
    late = examples.is_healthy & ~examples.is_early
    return Split(
        fit=examples.is_healthy & examples.is_early & np.isin(examples.rig, mixed[:first]),
        threshold=late & np.isin(examples.rig, mixed[first:second]),
        held_out=late & np.isin(examples.rig, mixed[second:]),
    )


def usual(x: Floats) -> tuple[Floats, Floats]:
    """Give the usual value of each feature, and its spread by quantiles, so that few weigh less."""
    least = np.array([feature.least for feature in FEATURES], np.float32)
    known = ~np.isnan(x).all(axis=0)
    low, middle, high = np.zeros((3, x.shape[1]), np.float32)
    low[known], middle[known], high[known] = np.nanquantile(x[:, known], (0.05, 0.5, 0.95), axis=0)
    return middle, np.maximum((high - low) / np.float32(3.29), least)


def shares_found(examples: Examples, scores: Floats) -> dict[str, float]:
    """Give the share of known faults, by kind, that were strange for long enough at any time."""
    found: dict[str, list[bool]] = {}
    for rig, fault in sorted(examples.faults.items()):
        own = (examples.rig == rig) & (examples.at_ms >= fault.since_ms)
        if own.any():
            found.setdefault(fault.kind, []).append(lasts(scores[own], examples.at_ms[own]))
    return {kind: float(np.mean(hits)) for kind, hits in sorted(found.items())}


def lasts(scores: Floats, at_ms: np.ndarray) -> bool:
    """Tell whether one rig's scores are strange so often in a row that it is an opinion."""
    row, before = 0, 0
    for score, now in zip(scores.tolist(), at_ms.tolist(), strict=True):
        goes_on = now - before <= 2 * STEP_MS
        row = (row if goes_on else 0) + 1 if score >= STRANGE else 0
        before = now
        if row >= LASTING:
            return True
    return False


def _fit(course: Course, z: Floats) -> Any:  # noqa: ANN401 -- scikit-learn's, which has no types
    if course.kind == "forest":
        return IsolationForest(
            n_estimators=TREES, max_samples=TREE_ROWS, random_state=course.seed
        ).fit(z)
    net = MLPRegressor(
        hidden_layer_sizes=HIDDEN, activation="tanh", batch_size=512, max_iter=EPOCHS,
        n_iter_no_change=EPOCHS,
        random_state=course.seed,
    )  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # so many rounds, and no more
        return net.fit(z, z)


def _residual(kind: str, model: bytes, z: Floats, known: Mask) -> Floats:
    if kind == "forest":
        return np.ones(len(FEATURES), np.float32)
    made = run(session(model), kind, z)
    error = np.where(known, (z - made) ** 2, 0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    return np.asarray(np.maximum(np.sqrt(error), LEAST_RESIDUAL), np.float32)


def _card(
    examples: Examples, course: Course, parts: Split, model: bytes, scale: tuple[Floats, ...]
) -> Card:
    center, spread, residual = (tuple(float(v) for v in part) for part in scale)
    x = examples.x[parts.fit]
    edges, shares = zip(*(_bins(x[:, number]) for number in range(x.shape[1])), strict=True)
    data = hashlib.sha256(examples.x.tobytes() + examples.rig.astype("<i8").tobytes())
    return Card(
        schema=SCHEMA, kind=course.kind, data=course.data, limits=course.limits,
        what="How strange a rig's readings look beside its class and its past; a third opinion.",
        licences=LICENCES, seed=course.seed,
        rigs=len(np.unique(examples.rig[parts.fit])), rows=int(parts.fit.sum()),
        model_sha256=hashlib.sha256(model).hexdigest(), data_sha256=data.hexdigest(),
        stated_false_share=course.false_share, held_out_false_share=0.0, threshold=1.0,
        versions=_versions(), found={}, features=tuple(f.name for f in FEATURES),
        center=center, spread=spread, residual=residual, edges=edges, shares=shares,
    )  # fmt: skip


def _bins(values: Floats) -> tuple[tuple[float, ...], tuple[float, ...]]:
    known = values[~np.isnan(values)]
    cuts = np.quantile(known, np.arange(1, BINS) / BINS) if len(known) else np.zeros(0)
    edges = np.unique(cuts.astype(np.float32))
    shares = np.bincount(bins(values, edges), minlength=len(edges) + 2) / max(len(values), 1)
    return tuple(edges.astype(float).tolist()), tuple(shares.tolist())


def _with_threshold(card: Card, model: bytes, examples: Examples, parts: Split) -> Card:
    """Set the threshold on other rigs' later readings, and measure it on still others'."""
    scores, _ = Model(card, model).score(examples.x)
    strangeness = scores / (1 - scores)  # the threshold is 1 so far
    calm = strangeness[parts.threshold]
    threshold = float(np.nanquantile(calm, 1 - card.stated_false_share))
    is_strange = strangeness >= threshold
    known = parts.held_out & ~np.isnan(scores)
    return msgspec.structs.replace(
        card,
        threshold=threshold,
        held_out_false_share=float(is_strange[known].mean()),
        found=shares_found(examples, np.where(is_strange, 1, 0).astype(np.float32)),
    )


def _versions() -> dict[str, str]:
    return {
        "numpy": np.__version__,
        "onnxruntime": onnxruntime.__version__,
        "scikit-learn": sklearn.__version__,
        "skl2onnx": skl2onnx.__version__,
    }
