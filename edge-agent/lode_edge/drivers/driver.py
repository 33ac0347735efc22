"""What every driver is: one device that says what it is and how it is."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from lode_edge.errors import DriverError
from lode_wire.records import Record


@dataclass(frozen=True, kw_only=True, slots=True)
class Login:
    """How to log in to a device; the password is shown nowhere."""

    username: str = ""
    password: str = field(default="", repr=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class DeviceEntry:
    """A device as the settings name it."""

    name: str
    driver: str  # asic | modbus | opcua | mqtt | sparkplug | snmp
    address: str  # host[:port]
    kind: str  # rig | meter | sensor | pdu | plc | other
    rack: str = ""
    interval_s: float = 10.0
    profile: str = ""  # name of a description in lode_profiles; a rig may be found by its model
    unit: int = 1  # modbus only
    timeout_s: float = 2.0  # for one whole reading
    feeder: str = ""  # the meter that its power goes through
    outlet: str = ""  # pdu:number, where a PDU switches it
    mac: str = ""  # who it is; empty: whoever answered there first
    topic: str = ""  # mqtt: stands for {topic} in the profile; sparkplug: group/node[/device]
    login: Login | None = None  # None: the vendor's default, if the driver knows it


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """What a device is: said by itself, completed by its description. Empty or None: not known."""

    vendor: str = ""
    model: str = ""
    firmware: str = ""
    serial: str = ""
    mac: str = ""
    profile: str = ""
    rated_hashrate_ths: float | None = None
    rated_power_w: float | None = None
    rated_boards: int | None = None
    rated_fans: int | None = None
    chip_temp_max_c: float | None = None
    board_temp_max_c: float | None = None


class Driver(Protocol):
    """One device that is polled.

    Nobody reads it twice at once: the poller holds the lock of its address.
    """

    address: str  # host:port; devices behind one gateway share it

    async def identify(self) -> Facts:
        """Ask the device what it is.

        Raises:
            DriverError: it did not say.
        """

    async def read(self, at_ms: int) -> Sequence[Record]:
        """Read the device once; every record carries `at_ms`.

        Raises:
            DriverError: nothing usable came; `missed` makes the record that says so.
        """

    def missed(self, at_ms: int, error: DriverError) -> Sequence[Record]:
        """Say that a reading was due and did not come, and why; its figures are missing."""

    async def close(self) -> None:
        """Let go of the connection, if there is one; may be called twice."""


@runtime_checkable
class Stream(Protocol):
    """One device that speaks by itself, or tells a broker; it is listened to, not polled."""

    address: str

    async def run(
        self, emit: Callable[[Sequence[Record]], None], learn: Callable[[Facts], None]
    ) -> None:
        """Listen until cancelled, over every loss of the connection.

        Silence longer than the device's interval gives the record that says so, once an interval.
        """


def endpoint(address: str, port: int) -> tuple[str, int]:
    """Split `host[:port]`, with an IPv6 host in brackets when a port follows."""
    host, colon, tail = address.rpartition(":")
    if colon and tail.isdigit() and (":" not in host or host.startswith("[")):
        return host.strip("[]"), int(tail)
    return address.strip("[]"), port
