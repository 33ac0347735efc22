"""Control as the settings ask for it: one that acts, or one that only reads and says why."""

from collections.abc import Iterable, Mapping
from pathlib import Path

import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from lode_edge.control import envelope
from lode_edge.control.control import Control, Place
from lode_edge.control.envelope import Envelope, EnvelopeError
from lode_edge.control.keys import KeyFileError, TrustedKeys
from lode_edge.control.now import Heard
from lode_edge.control.site import Device
from lode_edge.drivers.driver import DeviceEntry, Driver, Stream
from lode_edge.errors import EdgeError
from lode_edge.settings import ControlSettings, Settings
from lode_edge.spool import Spool
from lode_edge.trust import hub_keys_file
from lode_edge.uplink import Uplink

log = structlog.get_logger(__name__)


def begun(
    settings: Settings,
    devices: Iterable[tuple[DeviceEntry, int, Driver | Stream]],
    spool: Spool,
    uplink: Uplink,
) -> Control:
    """Join control to spool and uplink.

    Raises:
        StoreError: what control keeps cannot be opened.
    """
    told = settings.control
    agent = settings.agent.name
    limits, keys, blocked = _trusted(told, agent, hub_keys_file(settings))
    place = Place(
        agent=agent,
        directory=settings.agent.data_dir,
        envelope=limits,
        keys=keys,
        blocked=blocked,
        interval_s=told.interval_s,
    )

    def heard() -> Heard:
        status = uplink.status
        return Heard(at_s=status.heard_s, hub_ms=status.hub_ms, hub_at_s=status.hub_at_s)

    made = [Device(entry, number, driver) for entry, number, driver in devices]
    control = Control(place, made, spool, heard=heard)
    uplink.on_command(control.take)
    spool.on_new_epoch.append(control.offers.forget)
    return control


def _trusted(
    told: ControlSettings, agent: str, hub_keys: Path | None
) -> tuple[Envelope, Mapping[str, Ed25519PublicKey], str]:
    """Give the envelope and the hub's keys, and why the agent only reads; empty: it acts."""
    nothing = Envelope(agent=agent, models={})
    keys: Mapping[str, Ed25519PublicKey]
    try:
        keys = {} if hub_keys is None else TrustedKeys(hub_keys)
    except KeyFileError as error:
        return nothing, {}, _said(error)
    if told.envelope_file is None or told.owner_key_file is None:
        return nothing, keys, _said(EnvelopeError("control.owner_key_file is missing; set it"))
    try:
        return envelope.load(told.envelope_file, told.owner_key_file, agent), keys, ""
    except EdgeError as error:
        return nothing, keys, _said(error)


def _said(error: EdgeError) -> str:
    log.error("the agent only reads", reason=str(error))
    return f"the agent only reads: {error}"
