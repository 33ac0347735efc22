"""What the agent says of itself and of its devices: at birth, and when a device has said more.

    identify ─► known by MAC or serial? ─► the device: what it said completes what is known
                     └► another one ─► said in the log; who the device is, stays

A device is who answered first, or whose MAC the settings name; so until the settings say
otherwise a rig that only took its address is no news, neither to the hub nor to `discover`.
"""

import contextlib
import importlib.metadata
import socket
import sys
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path

import msgspec
import structlog

from lode_edge.clock import SYSTEM, Clock
from lode_edge.drivers.driver import Facts
from lode_edge.settings import DeviceEntry, Settings
from lode_wire.records import Birth, Death, Device, DeviceKind, Record

VERSION = importlib.metadata.version("lode-edge")

log = structlog.get_logger(__name__)


class Inventory:
    """The agent's devices and what is known of them.

    What devices have said of themselves is remembered in a file, so that the birth of the next
    boot says it, too. Without that file who answers next is taken for the device.
    """

    def __init__(
        self, settings: Settings, numbers: Mapping[str, int], boot: str, *, clock: Clock = SYSTEM
    ) -> None:
        self._settings, self._boot, self._clock = settings, boot, clock
        self._config_hash = settings.digest()
        self._entries = {entry.name: entry for entry in settings.devices}
        self._numbers = numbers
        self._path = _file(settings)
        self._facts = _read(settings)
        self._strangers: dict[str, Facts] = {}  # who answers in a device's place, by its name
        self._is_saved = True

    def birth(self) -> list[Record]:
        """Say that the agent has started, and what it reads."""
        at_ms = self._clock.now_ms()
        born = Birth(
            at_ms=at_ms,
            boot=self._boot,
            site=self._settings.agent.site,
            version=VERSION,
            config_hash=self._config_hash,
            hostname=socket.gethostname(),
            devices=len(self._entries),
        )
        return [born, *(self._device(entry, at_ms) for entry in self._entries.values())]

    def death(self, reason: str) -> Death:
        """Say that the agent stops in good order."""
        return Death(at_ms=self._clock.now_ms(), boot=self._boot, reason=reason)

    def learned(self, name: str, facts: Facts) -> Device | None:
        """Take in what a device says it is; give its record when that is news.

        What it did not say this time is still known. Another one in its place is no news.
        """
        entry = self._entries[name]
        known = _known(self._facts, entry)
        proof = is_same(known, facts)
        if proof is False or (proof is None and name in self._strangers):
            self._noticed(entry, known, facts)
            return None
        if self._strangers.pop(name, None) is not None:
            log.info("the device is back in its place", device=name, address=entry.address)
        whole = _completed(known, facts)
        if self._facts.get(_key(entry)) == whole:
            return None
        self._facts[_key(entry)] = _shared(whole)
        self._is_saved = False
        return self._device(entry, self._clock.now_ms())

    def present(self, name: str) -> Facts:
        """Say who answers where a device is: the device, or another in its place."""
        return self._strangers.get(name) or _known(self._facts, self._entries[name])

    def other(self, name: str) -> str:
        """Name who answers in a device's place, and whom it stands for; empty: the device."""
        stranger = self._strangers.get(name)
        known = _named(_known(self._facts, self._entries[name]))
        return "" if stranger is None else f"{_named(stranger)} instead of {known}"

    def _noticed(self, entry: DeviceEntry, known: Facts, stranger: Facts) -> None:
        """Say once of each stranger that it is there."""
        before = self._strangers.get(entry.name)
        if before is not None and is_same(before, stranger) is not False:
            self._strangers[entry.name] = _completed(before, stranger)
            return
        self._strangers[entry.name] = stranger
        log.warning(
            "another device answers; run discover, then correct its address or its mac",
            device=entry.name,
            address=entry.address,
            known=_named(known),
            found=_named(stranger),
        )

    def save(self) -> None:
        """Remember what is new; a disk that does not take it is asked again."""
        if self._is_saved:
            return
        fresh = self._path.with_suffix(".new")
        with contextlib.suppress(OSError):
            fresh.write_bytes(msgspec.json.encode(self._facts))
            fresh.replace(self._path)
            self._is_saved = True

    def _device(self, entry: DeviceEntry, at_ms: int) -> Device:
        facts = _known(self._facts, entry)
        return Device(
            at_ms=at_ms,
            number=self._numbers[entry.name],
            name=entry.name,
            kind=DeviceKind[entry.kind.upper()],
            driver=entry.driver,
            address=entry.address,
            rack=entry.rack,
            interval_s=entry.interval_s,
            profile=facts.profile or entry.profile,
            vendor=facts.vendor,
            model=facts.model,
            firmware=facts.firmware,
            serial=facts.serial,
            mac=facts.mac,
            rated_hashrate_ths=facts.rated_hashrate_ths,
            rated_power_w=facts.rated_power_w,
            rated_boards=facts.rated_boards,
            rated_fans=facts.rated_fans,
            chip_temp_max_c=facts.chip_temp_max_c,
            board_temp_max_c=facts.board_temp_max_c,
        )


def remembered(settings: Settings) -> dict[str, Facts]:
    """Give what each configured device last said of itself, by its name."""
    facts = _read(settings)
    return {entry.name: _known(facts, entry) for entry in settings.devices}


def marks(facts: Facts) -> dict[str, str]:
    """Give what tells a device from all others, however its firmware writes it."""
    said = {"mac": facts.mac.replace(":", "").replace("-", ""), "serial": facts.serial}
    return {name: mark.casefold() for name, mark in said.items() if mark}


def is_same(known: Facts, found: Facts) -> bool | None:
    """Tell whether this is the device that is known: one mark in common is enough.

    Without one to compare, another model is another device; the same proves nothing: None.
    """
    ours, theirs = marks(known), marks(found)
    both = ours.keys() & theirs.keys()
    if both:
        return any(ours[name] == theirs[name] for name in both)
    is_renamed = ours and known.model and found.model and found.model != known.model
    return False if is_renamed else None


def _completed(known: Facts, said: Facts) -> Facts:
    """Give what is known of a device once it has said more; figures go with their model."""
    if said.model and said.model != known.model:
        known = Facts(mac=known.mac, serial=known.serial)
    return replace(known, **{key: value for key, value in asdict(said).items() if value})


def _named(facts: Facts) -> str:
    return " ".join(part for part in (facts.model, facts.mac, facts.serial) if part)


def _known(facts: Mapping[str, Facts], entry: DeviceEntry) -> Facts:
    return facts.get(_key(entry)) or Facts(mac=entry.mac)


def _read(settings: Settings) -> dict[str, Facts]:
    with contextlib.suppress(OSError, msgspec.MsgspecError):
        known = msgspec.json.decode(_file(settings).read_bytes(), type=dict[str, Facts])
        configured = {_key(entry) for entry in settings.devices}
        return {key: facts for key, facts in known.items() if key in configured}
    return {}


def _shared(facts: Facts) -> Facts:
    """Keep what thousands of devices have in common but once."""
    return replace(
        facts,
        vendor=sys.intern(facts.vendor),
        model=sys.intern(facts.model),
        firmware=sys.intern(facts.firmware),
        profile=sys.intern(facts.profile),
    )


def _file(settings: Settings) -> Path:
    return settings.agent.data_dir / "facts.json"


def _key(entry: DeviceEntry) -> str:
    """Name what was asked, and who was expected; once that is corrected, all is learned anew."""
    return f"{entry.name} {entry.driver} {entry.address} {entry.unit} {entry.profile} {entry.mac}"
