"""Control as the settings ask for it: one that acts, or one that only reads and says why."""

from collections.abc import Iterable
from dataclasses import replace

import structlog

from lode_edge.control.control import Control, Place
from lode_edge.control.envelope import Envelope, EnvelopeError, EnvelopeFile, load
from lode_edge.control.keys import KeyFileError, TrustedKeys
from lode_edge.control.now import Heard
from lode_edge.control.site import Device
from lode_edge.drivers.driver import DeviceEntry, Driver, Stream
from lode_edge.errors import EdgeError
from lode_edge.settings import Settings
from lode_edge.spool import Spool
from lode_edge.trust import hub_keys_file
from lode_edge.uplink import Uplink

_NO_OWNER = "control.owner_key_file is missing; set it"

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
    place = _place(settings)

    def heard() -> Heard:
        status = uplink.status
        return Heard(at_s=status.heard_s, hub_ms=status.hub_ms, hub_at_s=status.hub_at_s)

    made = [Device(entry, number, driver) for entry, number, driver in devices]
    control = Control(place, made, spool, heard=heard)
    uplink.on_command(control.take)
    spool.on_new_epoch.append(control.offers.forget)
    return control


def check(settings: Settings) -> None:
    """Check the envelope that the settings name, if they name one.

    Raises:
        EdgeError: the agent would not act by it, or it limits a feeder that no rig names.
    """
    told = settings.control
    if told.envelope_file is None:
        return
    if told.owner_key_file is None:
        raise EnvelopeError(_NO_OWNER)
    found = load(told.envelope_file, told.owner_key_file, settings.agent.name)
    unfed = found.unfed(_feeders(settings))
    if unfed:
        raise EnvelopeError(f"{told.envelope_file}: {unfed}; write both alike, and sign it anew")


def _feeders(settings: Settings) -> set[str]:
    return {entry.feeder for entry in settings.devices if entry.kind == "rig"}


def _place(settings: Settings) -> Place:
    """Give what the agent may act by; without keys or an envelope it only reads, and says why."""
    told, agent = settings.control, settings.agent.name
    nothing = Place(
        agent=agent,
        directory=settings.agent.data_dir,
        envelope=Envelope(agent=agent, models={}),
        keys={},
        interval_s=told.interval_s,
    )
    hub_keys = hub_keys_file(settings)
    try:
        keys = {} if hub_keys is None else TrustedKeys(hub_keys)
    except KeyFileError as error:
        return replace(nothing, blocked=_said(error))
    if told.envelope_file is None or told.owner_key_file is None:
        return replace(nothing, keys=keys, blocked=_said(EnvelopeError(_NO_OWNER)))
    file = EnvelopeFile(told.envelope_file, told.owner_key_file, agent)
    known = replace(nothing, keys=keys, envelope_file=file)
    try:
        found = file.load()
    except EdgeError as error:
        return replace(known, blocked=_said(error))
    if unfed := found.unfed(_feeders(settings)):
        log.warning("the envelope limits feeders of no rig", reason=unfed)
    return replace(known, envelope=found)


def _said(error: EdgeError) -> str:
    log.error("the agent only reads", reason=str(error))
    return f"the agent only reads: {error}"
