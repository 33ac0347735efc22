"""What the agent says of itself and of its devices: at birth, and when a device has said more."""

import contextlib
import importlib.metadata
import socket
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import msgspec

from lode_edge.clock import SYSTEM, Clock
from lode_edge.drivers.driver import Facts
from lode_edge.settings import DeviceEntry, Settings
from lode_wire.records import Birth, Death, Device, DeviceKind, Record

VERSION = importlib.metadata.version("lode-edge")


class Inventory:
    """The agent's devices and what is known of them.

    What devices have said of themselves is remembered in a file, so that the birth of the next
    boot says it, too. Losing that file costs nothing but a second telling.
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
        """Take in what a device says it is; give its record when that is news."""
        entry = self._entries[name]
        if self._facts.get(_key(entry)) == facts:
            return None
        self._facts[_key(entry)] = _shared(facts)
        self._is_saved = False
        return self._device(entry, self._clock.now_ms())

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
        facts = self._facts.get(_key(entry), Facts())
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
    return {entry.name: facts.get(_key(entry), Facts()) for entry in settings.devices}


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
    """Name what was asked, so that another device in its place is not taken for it."""
    return f"{entry.name} {entry.driver} {entry.address} {entry.unit} {entry.profile}"
