"""A trained model at run time: features of all rigs in, scores and what weighs most out.

features ─► z, clipped; unknown is usual ─► onnxruntime, one thread ─► score, share of each feature
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from lode_models.errors import ModelError
from lode_models.features import Floats
from lode_models.rig import card as cards
from lode_models.rig.card import Card
from lode_models.rig.features import FEATURES, told

if TYPE_CHECKING:
    import onnxruntime

SHIPPED = Path(__file__).parent.parent / "artifacts" / "rig"
CLIP = 8.0
LEAST_KNOWN = 5  # features; of fewer nothing is said
REASONS = 3
KINDS = ("autoencoder", "forest")


@dataclass(frozen=True, kw_only=True, slots=True)
class Reason:
    """A feature that makes a rig strange."""

    feature: str
    words: str
    value: float
    told: str
    weight: float  # share of the rig's strangeness, 0 to 1


class Model:
    """A model that has been checked against its card."""

    def __init__(self, card: Card, model: bytes) -> None:
        """Take a model.

        Raises: ModelError if these are not the bytes that the card is of, or of no known kind.
        """
        found = hashlib.sha256(model).hexdigest()
        if found != card.model_sha256:
            raise ModelError(
                f"rig model: its SHA-256 is {found}, its card says {card.model_sha256}; "
                "do not use it, and look who changed it"
            )
        if card.kind not in KINDS:
            raise ModelError(f"rig model: kind {card.kind!r}; known are {', '.join(KINDS)}")
        self.card = card
        self._center = np.array(card.center, np.float32)
        self._spread = np.array(card.spread, np.float32)
        self._residual = np.array(card.residual, np.float32)
        self._session = session(model)

    def score(self, features: Floats) -> tuple[Floats, Floats]:
        """Give each rig's score (0 to 1, 0.5 is the threshold) and each feature's weight in it.

        NaN where too little is known of a rig to say anything.
        """
        weights = np.zeros_like(features)
        scores = np.full(len(features), np.nan, np.float32)
        known = ~np.isnan(features)
        rows = np.flatnonzero(known.sum(axis=1) >= LEAST_KNOWN)
        if not len(rows):
            return scores, weights
        z = standardise(features[rows], self._center, self._spread)
        made = run(self._session, self.card.kind, z)
        strangeness, parts = strange(self.card.kind, z, known[rows], made, self._residual)
        scores[rows] = strangeness / (strangeness + np.float32(self.card.threshold))
        weights[rows] = parts / np.maximum(parts.sum(axis=1, keepdims=True), np.float32(1e-9))
        return scores, weights

    def reasons(self, features: Floats, weights: Floats) -> tuple[Reason, ...]:
        """Give what weighs most in one rig's score, the most first."""
        order = np.argsort(-weights, kind="stable")[:REASONS]
        return tuple(
            Reason(
                feature=FEATURES[i].name, words=FEATURES[i].words, value=float(features[i]),
                told=told(FEATURES[i], float(features[i])), weight=float(weights[i]),
            )
            for i in order.tolist() if weights[i] > 0
        )  # fmt: skip


def load(folder: Path = SHIPPED) -> Model:
    """Load a model and its card.

    Raises: ModelError if it may not be used.
    """
    return Model(cards.read(folder), cards.read_model(folder))


def standardise(features: Floats, center: Floats, spread: Floats) -> Floats:
    """Give features as multiples of their usual spread, clipped, 0 where unknown."""
    z = np.clip((features - center) / spread, -CLIP, CLIP)
    return np.asarray(np.nan_to_num(z), np.float32)


def strange(
    kind: str, z: Floats, known: np.ndarray, out: Floats, residual: Floats
) -> tuple[Floats, Floats]:
    """Give how strange each row is, and each feature's part in it.

    An autoencoder's is the mean squared error of what it makes of the known features, each in its
    usual error; a forest's is the score of Liu, Ting and Zhou (2008), 0 to 1, to which features
    are held to contribute as they deviate.
    """
    if kind == "autoencoder":
        parts = np.where(known, ((z - out) / residual) ** 2, np.float32(0))
        return parts.sum(axis=1) / np.maximum(known.sum(axis=1), 1).astype(np.float32), parts
    return np.float32(0.5) - out.reshape(-1), np.where(known, z * z, np.float32(0))


def run(session: "onnxruntime.InferenceSession", kind: str, z: Floats) -> Floats:
    """Give what a model makes of (rig, feature): the same shape, or one figure a rig."""
    (made,) = session.run(["variable" if kind == "autoencoder" else "scores"], {"X": z})
    # A network of many outputs is converted to one long column.
    return np.asarray(made, np.float32).reshape(len(z), -1)


def session(model: bytes) -> "onnxruntime.InferenceSession":
    """Make a model ready to run, on one thread.

    Raises: ModelError if it cannot be run, or there is nothing to run it with.
    """
    try:
        import onnxruntime  # noqa: PLC0415 -- heavy, and not there on every machine
    except ImportError as error:
        raise ModelError(f"rig model: onnxruntime cannot be loaded: {error}") from None
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime raises its own kinds, which it does not publish
        raise ModelError(f"rig model: onnxruntime cannot run it: {error}") from None
