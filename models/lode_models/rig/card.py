"""The card of a model: what it is, of what data, how good, and what it needs to be run. TOML."""

import json
import tomllib
from pathlib import Path

import msgspec

from lode_models.errors import ModelError
from lode_models.rig.features import FEATURES, SCHEMA

CARD, MODEL = "card.toml", "model.onnx"
CARD_MOST, MODEL_MOST = 1 << 20, 8 << 20  # bytes


class Card(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything about a model but its weights."""

    schema: int
    kind: str  # autoencoder or forest
    what: str
    data: str
    limits: str
    licences: str
    seed: int
    rigs: int
    rows: int
    model_sha256: str
    data_sha256: str
    stated_false_share: float  # of judgements of healthy rigs, which set the threshold
    held_out_false_share: float  # measured on other rigs, later
    threshold: float  # of strangeness; the score is 0.5 there
    versions: dict[str, str]
    found: dict[str, float]  # share of known faults that were seen, by kind
    features: tuple[str, ...]
    center: tuple[float, ...]
    spread: tuple[float, ...]
    residual: tuple[float, ...]
    edges: tuple[tuple[float, ...], ...]  # of the bins of the reference, by feature
    shares: tuple[tuple[float, ...], ...]  # of readings in each bin, the last is unknown ones


def write(card: Card, folder: Path) -> None:
    """Write a card as TOML."""
    plain = msgspec.to_builtins(card)
    tables = {name: value for name, value in plain.items() if isinstance(value, dict)}
    lines = [f"{name} = {_toml(value)}" for name, value in plain.items() if name not in tables]
    for name, table in tables.items():
        lines += ["", f"[{name}]", *(f"{_toml(key)} = {_toml(v)}" for key, v in table.items())]
    (folder / CARD).write_text("\n".join(lines) + "\n", encoding="utf-8")


def read(folder: Path) -> Card:
    """Read a card.

    Raises: ModelError if there is none, or it is of another schema or other features.
    """
    try:
        text = _bytes(folder / CARD, CARD_MOST).decode()
        plain = tomllib.loads(text)
        schema = plain.get("schema")
        if schema != SCHEMA:
            raise ModelError(
                f"{folder / CARD}: schema {schema!r}, this version knows {SCHEMA}; train it again"
            )
        card = msgspec.convert(plain, Card)
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise ModelError(f"{folder / CARD}: no card of a model: {error}") from None
    names = tuple(feature.name for feature in FEATURES)
    if card.features != names:
        raise ModelError(f"{folder / CARD}: its features are not {', '.join(names)}; train again")
    lengths = {len(part) for part in (card.center, card.spread, card.residual, card.edges,
                                      card.shares)}  # fmt: skip
    if lengths != {len(names)} or any(
        len(share) != len(edge) + 2 for edge, share in zip(card.edges, card.shares, strict=True)
    ):
        raise ModelError(f"{folder / CARD}: lists of unequal length; train it again")
    return card


def read_model(folder: Path) -> bytes:
    """Read the bytes of a model.

    Raises: ModelError if it cannot be read or is too large.
    """
    return _bytes(folder / MODEL, MODEL_MOST)


def _bytes(file: Path, most: int) -> bytes:
    try:
        with file.open("rb") as source:
            found = source.read(most + 1)
    except OSError as error:
        raise ModelError(f"{file}: cannot be read: {error.strerror}; train a model") from None
    if len(found) > most:
        raise ModelError(f"{file}: over {most:,} bytes; no model of ours is so large")
    return found


def _toml(value: object) -> str:
    # JSON's strings, numbers and arrays are TOML's, too, if they hold no null, NaN or infinity.
    return json.dumps(value, ensure_ascii=False, allow_nan=False)
