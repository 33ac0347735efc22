"""The site's limits: a TOML file signed by the site's owner, which no command and no plan exceeds.

    envelope.toml + envelope.toml.sig ─► signature, agent, form ─► Envelope

The signature is Ed25519, in base64, over the file's bytes as they are.
"""

import base64
import binascii
import tomllib
from collections.abc import Collection
from pathlib import Path
from typing import Annotated

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from lode_edge.control.keys import bounded, public_keys
from lode_edge.errors import EdgeError

MAX_BYTES = 1 << 20
_DOMAIN = b"lode envelope 1\n"  # keeps these signatures from meaning anything elsewhere
_ANY_MODEL = "*"
_WRITTEN_S = 5.0  # for which the files must stay as they are, to be taken for whole

Kilowatts = Annotated[float, msgspec.Meta(gt=0, le=1e6)]
Watts = Annotated[float, msgspec.Meta(ge=0, le=1e6)]
Seconds = Annotated[float, msgspec.Meta(ge=0, le=7 * 86_400)]
Celsius = Annotated[float, msgspec.Meta(gt=-40, lt=150)]


class EnvelopeError(EdgeError):
    """There is no envelope that can be relied on; the agent only reads."""


class _Form(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Frozen, named, and nothing else in it."""


class Line(_Form, frozen=True, kw_only=True):
    """What a feeder, or the whole site, bears; None is not limited.

    `start_spacing_s` is the least time between two rigs that begin to hash.
    """

    limit_kw: Kilowatts | None = None
    ramp_up_kw_per_min: Kilowatts | None = None
    ramp_down_kw_per_min: Kilowatts | None = None
    start_spacing_s: Seconds = 0.0


class Model(_Form, frozen=True, kw_only=True):
    """What a rig of a model may be made to do; None is not limited.

    `power_max_w` is also what a rig is taken to draw while nothing better is known, and `sleep_w`
    what it draws asleep.
    """

    power_max_w: Watts
    power_min_w: Watts = 0.0
    sleep_w: Watts = 100.0
    chip_temp_max_c: Celsius | None = None
    inlet_temp_max_c: Celsius | None = None
    cool_by_c: Annotated[float, msgspec.Meta(ge=1, le=50)] = 8.0  # below the limit, to wake again
    cool_for_s: Seconds = 600.0
    starts_per_day: Annotated[int, msgspec.Meta(ge=0, le=1000)] | None = None
    min_up_s: Seconds = 0.0
    min_down_s: Seconds = 0.0


UNNAMED = Model(power_max_w=0.0)
"""Stands for a model that an envelope does not name: its least times and starts bind nobody."""


class Envelope(_Form, frozen=True, kw_only=True):
    """All limits of one agent's part of a site. The model `*` stands for every other model."""

    agent: str
    site: Line = Line()
    feeders: dict[str, Line] = {}
    models: dict[str, Model]

    def __post_init__(self) -> None:
        """Refuse what the types cannot say."""
        for name, model in self.models.items():
            if model.power_min_w > model.power_max_w:
                raise ValueError(f"models.{name}: power_min_w is above power_max_w")

    def model(self, name: str) -> Model | None:
        """Give what holds for a model; None when the envelope says nothing of it."""
        found = {known.casefold(): limits for known, limits in self.models.items()}
        return found.get(name.casefold(), found.get(_ANY_MODEL))

    def line(self, feeder: str) -> Line:
        """Give what a feeder bears, apart from the site's own limits."""
        return self.feeders.get(feeder, Line())

    def unfed(self, feeders: Collection[str]) -> str:
        """Say which of its feeders are none of those that rigs name; empty when all are."""
        lost = [name for name in self.feeders if name not in feeders]
        if not lost:
            return ""
        known = ", ".join(sorted(filter(None, feeders))) or "none"
        return (
            f"no rig is behind {', '.join(lost)}, whose limits hold for nobody; rigs name {known}"
        )


class EnvelopeFile:
    """The envelope's file, and whether another one has been laid in its place.

    A change is looked at once nothing has been written for a moment: the envelope and its
    signature are two files.
    """

    def __init__(self, path: Path, owner_key: Path, agent: str) -> None:
        self._path, self._owner_key, self._agent = path, owner_key, agent
        self._seen = self._known = self._stamp()
        self._seen_s = 0.0

    def load(self) -> Envelope:
        """Read the envelope.

        Raises:
            EdgeError: it, or the owner's key, cannot be relied on.
        """
        return load(self._path, self._owner_key, self._agent)

    def changed(self, now_s: float) -> Envelope | EdgeError | None:
        """Give another envelope, or what is wrong with it, once; None while there is none."""
        stamp = self._stamp()
        if stamp != self._seen:
            self._seen, self._seen_s = stamp, now_s
        if stamp == self._known or now_s - self._seen_s < _WRITTEN_S:
            return None
        self._known = stamp
        try:
            return self.load()
        except EdgeError as error:
            return error

    def _stamp(self) -> tuple[object, ...]:
        return tuple(map(_written, (self._path, signature_path(self._path))))


def signature_path(path: Path) -> Path:
    """Say where an envelope's signature lies."""
    return path.with_name(f"{path.name}.sig")


def load(path: Path, owner_key: Path, agent: str) -> Envelope:
    """Read an envelope that is the owner's and for this agent.

    Raises:
        EnvelopeError: it is missing, not signed by the owner, for another agent, or malformed.
    """
    data = _bytes(path)
    written = _bytes(signature_path(path))
    keys = public_keys(owner_key)
    try:
        signature = base64.b64decode(written.strip(), validate=True)
    except binascii.Error:
        raise EnvelopeError(f"{signature_path(path)}: no base64; sign the envelope anew") from None
    if not any(_fits(key, signature, data) for key in keys.values()):
        raise EnvelopeError(
            f"{path}: its signature is not the owner's; sign it anew after every change"
        )
    envelope = parse(data, str(path))
    if envelope.agent != agent:
        raise EnvelopeError(f"{path}: is for agent {envelope.agent!r}, not {agent!r}")
    return envelope


def parse(data: bytes, place: str) -> Envelope:
    """Read an envelope's text.

    Raises:
        EnvelopeError: it is malformed; the message names the key.
    """
    try:
        return msgspec.convert(tomllib.loads(data.decode()), Envelope)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError) as error:
        raise EnvelopeError(f"{place}: {error}; correct that place and sign it") from None


def sign(path: Path, key: Ed25519PrivateKey) -> Path:
    """Write an envelope's signature beside it; give where.

    Raises:
        EnvelopeError: the envelope is malformed or cannot be read.
    """
    data = _bytes(path)
    parse(data, str(path))
    target = signature_path(path)
    target.write_text(base64.b64encode(key.sign(_DOMAIN + data)).decode() + "\n", "ascii")
    return target


def _fits(key: Ed25519PublicKey, signature: bytes, data: bytes) -> bool:
    try:
        key.verify(signature, _DOMAIN + data)
    except InvalidSignature:
        return False
    return True


def _bytes(path: Path) -> bytes:
    return bounded(path, MAX_BYTES, "envelope", EnvelopeError)


def _written(path: Path) -> tuple[int, int, int] | None:
    """Tell one writing of a file from another; None while there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
