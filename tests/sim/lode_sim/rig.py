"""One rig: who it is, what is wrong with it, and what it would say now."""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from lode_sim.faults import CLOCK_JUMP_S, RIG_FAULTS, Fault
from lode_sim.models import Model
from lode_sim.physics import Conditions, Physics
from lode_sim.port import Port
from lode_sim.writes import Writes

API_PORT = 4028
SHARES_PER_TH_S = 0.00075  # accepted shares per second and TH/s, at the pool's usual difficulty
REJECTED_RATIO = 0.002
UNIT_MISTAKE = 0.001
TREMBLE_C = 0.6
"""What a temperature sensor's readings scatter by, from second to second."""
_ANSWERED_S = 0.02


@dataclass(frozen=True, kw_only=True, slots=True)
class Identity:
    """What never changes about a rig."""

    name: str
    host: str
    rack: str
    container: str
    serial: str
    mac: str
    worker: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Board:
    """One hash board at one moment."""

    is_alive: bool
    chips: int
    hashrate_ths: float
    average_ths: float
    board_temp_c: float
    chip_max_c: float
    chip_avg_c: float
    chip_min_c: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Snapshot:
    """Everything a rig can say about one moment, before a vendor puts it into words."""

    when: int  # Unix seconds by the rig's own clock
    elapsed_s: int
    mode: str
    hashrate_ths: float
    average_ths: float
    power_w: float
    inlet_c: float
    boards: tuple[Board, ...]
    fans_rpm: tuple[int, ...]
    fan_percent: int
    accepted: int
    rejected: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Clocks:
    """The simulator's time: monotonic seconds, and Unix seconds."""

    monotonic: Callable[[], float]
    wall: Callable[[], float]


class Rig:
    """A simulated rig; its state advances when somebody looks."""

    kind = "rig"
    possible = RIG_FAULTS

    def __init__(
        self,
        model: Model,
        identity: Identity,
        *,
        seed: str,
        clocks: Clocks,
        ambient_c: Callable[[float], float],
    ) -> None:
        self.model = model
        self.identity = identity
        self.name = identity.name
        self.faults: dict[Fault, str] = {}
        self.port: Port | None = None  # of the API
        self.doors: list[Port] = []  # further ports: web, ...
        self.kept: dict[str, Any] = {}  # settings, as the vendor keeps them
        self.writes = Writes()
        self._away: list[Port] = []
        self._restarts = 0  # begun, and not ended
        self._clocks = clocks
        self._ambient_c = ambient_c
        self._seed = seed
        self._random = random.Random(seed)
        self._conditions = Conditions()
        self._inlet_offset_c = self._random.uniform(-1.5, 2.5)
        self._board_offsets_c = [self._random.uniform(-4.0, 0.0) for _ in range(model.boards)]
        self._board_offsets_c[self._random.randrange(model.boards)] = 0.0
        self._still_c: tuple[float, float] | None = None  # boards, chips, while they stand still
        self._shares = float(self._random.randrange(1_000, 50_000))
        self._accepted = int(self._shares)
        self._shares_s = clocks.monotonic()
        self.physics = Physics(model, self._random, clocks.monotonic())
        self._look(clocks.monotonic())
        uptime_s = self._random.uniform(3_600, 20 * 86_400)
        self.physics.settle(clocks.monotonic(), uptime_s, self._conditions)

    def snapshot(self) -> Snapshot:
        """Say what the rig would say now."""
        now_s = self._clocks.monotonic()
        self._look(now_s)
        self.physics.advance(now_s, self._conditions)
        self._mine(now_s)
        lie = self._unit()
        return Snapshot(
            when=int(self._clocks.wall() + self._clock_error_s()),
            elapsed_s=int(self.physics.uptime_s(now_s)),
            mode=self._conditions.mode,
            hashrate_ths=self.physics.hashrate_ths * lie,
            average_ths=self.physics.average_ths * lie,
            power_w=self.physics.power_w,
            inlet_c=self._conditions.inlet_c,
            boards=self._boards(),
            fans_rpm=self._fans(),
            fan_percent=round(100 * self.physics.fan_ratio),
            accepted=self._accepted,
            rejected=int(self._accepted * REJECTED_RATIO),
        )

    def power_w(self) -> float:
        """Give what the rig truly draws now, in W, whatever it says."""
        now_s = self._clocks.monotonic()
        self._look(now_s)
        self.physics.advance(now_s, self._conditions)
        return self.physics.power_w

    def next_serial(self) -> int:
        """Count one more `summary` reply: the accepted shares then name this reply alone.

        A real rig forgets its shares when it reboots. This one does not: the number is the proof
        that a reading in the database is the reply that was served.
        """
        self._accepted = max(self._accepted + 1, int(self._shares))
        return self._accepted

    def resume_serial(self, served: int) -> None:
        """Go on above a number that an earlier run may have served."""
        self._shares = max(self._shares, float(served))
        self._accepted = max(self._accepted, served)

    def set_mode(self, mode: str) -> None:
        """Switch between the modes of `lode_sim.physics.MODES`."""
        self.snapshot()
        self._conditions.mode = mode

    @property
    def is_away(self) -> bool:
        """Tell whether some of its ports do not answer yet after a restart."""
        return bool(self._away) or self._restarts > 0

    def limit_power(self, power_w: float | None) -> None:
        """Let the rig draw at most so much, in W; None is as its mode has it."""
        self.snapshot()
        self._conditions.limit_w = power_w

    def fix_fans(self, percent: int | None) -> None:
        """Turn the fans at a fixed speed; None lets the rig turn them."""
        self.snapshot()
        self._conditions.fan_percent = percent

    def restart_mining(self) -> None:
        """Restart the mining program: it starts cold, and its API is away for a while."""
        self._restart([self.port] if self.port else [])

    def reboot(self) -> None:
        """Restart the whole rig: nothing of it answers for a while."""
        self._restart([*([self.port] if self.port else []), *self.doors])

    def _restart(self, ports: list[Port]) -> None:
        self.snapshot()
        self.physics.boot(self._clocks.monotonic())
        self._restarts += 1
        loop = asyncio.get_running_loop()
        loop.call_later(_ANSWERED_S, self._leave, ports)  # the answer goes out before
        loop.call_later(_ANSWERED_S + self.writes.restart_s, self._return, ports)

    def _leave(self, ports: list[Port]) -> None:
        self._away += ports
        self._set_ports()

    def _return(self, ports: list[Port]) -> None:
        self._restarts -= 1
        for port in ports:
            if port in self._away:
                self._away.remove(port)
        self._set_ports()

    def _set_ports(self) -> None:
        for port in [*([self.port] if self.port else []), *self.doors]:
            if port.state == "closed":
                continue  # the site has ended
            if port in self._away:
                port.refuse()
            else:
                set_port(port, self.faults)

    @property
    def mode(self) -> str:
        """The rig's mode."""
        return self._conditions.mode

    def changed(self, fault: Fault, *, began: bool) -> None:
        """Let a fault take effect, or its end."""
        now_s = self._clocks.monotonic()
        self.physics.advance(now_s, self._conditions)
        self._look(now_s)
        if fault is Fault.REBOOT and not began:
            self.physics.boot(now_s)
        if fault is Fault.FLAT:
            self._still_c = self._felt_c() if began else None
        self._set_ports()

    def _look(self, now_s: float) -> None:
        conditions = self._conditions
        conditions.inlet_c = self._ambient_c(now_s) + self._inlet_offset_c
        conditions.boards_lost = int(Fault.BOARD in self.faults)
        conditions.fans_lost = int(Fault.FAN in self.faults)
        conditions.overheats = Fault.OVERHEAT in self.faults
        conditions.is_on = Fault.REBOOT not in self.faults

    def _mine(self, now_s: float) -> None:
        passed_s = max(now_s - self._shares_s, 0.0)
        self._shares_s = now_s
        self._shares += passed_s * self.physics.hashrate_ths * SHARES_PER_TH_S
        self._accepted = max(self._accepted, int(self._shares))

    def _clock_error_s(self) -> float:
        value = self.faults.get(Fault.CLOCK)
        return 0.0 if value is None else float(value or CLOCK_JUMP_S)

    def _unit(self) -> float:
        value = self.faults.get(Fault.UNIT)
        return 1.0 if value is None else float(value or UNIT_MISTAKE)

    def _boards(self) -> tuple[Board, ...]:
        physics, model, lie = self.physics, self.model, self._unit()
        board_temp_c, chip_temp_c = self._still_c or self._felt_c()
        alive = max(model.boards - self._conditions.boards_lost, 0)
        return tuple(
            Board(
                is_alive=number < alive,
                chips=model.chips_per_board if number < alive else 0,
                hashrate_ths=physics.hashrate_ths * lie / alive if number < alive else 0.0,
                average_ths=physics.average_ths * lie / alive if number < alive else 0.0,
                board_temp_c=board_temp_c + offset_c,
                chip_max_c=chip_temp_c + offset_c,
                chip_avg_c=chip_temp_c + offset_c - 5.0,
                chip_min_c=chip_temp_c + offset_c - 14.0,
            )
            for number, offset_c in enumerate(self._board_offsets_c)
        )

    def _felt_c(self) -> tuple[float, float]:
        second = random.Random(f"{self._seed} {int(self.physics.now_s)}")
        tremble_c = second.gauss(0.0, TREMBLE_C)
        return self.physics.board_temp_c + tremble_c, self.physics.chip_temp_c + tremble_c

    def _fans(self) -> tuple[int, ...]:
        rpm = self.physics.fan_ratio * self.model.fan_max_rpm
        lost = self._conditions.fans_lost
        # tachometers count in steps, and no two fans turn alike
        return tuple(
            0 if number < lost else round(rpm * (1.0 - 0.012 * number) / 30) * 30
            for number in range(self.model.fans)
        )


def set_port(port: Port, faults: dict[Fault, str]) -> None:
    """Make a port behave as the line faults say."""
    if Fault.OFFLINE in faults or Fault.REBOOT in faults:
        port.drop()
    elif Fault.REFUSE in faults:
        port.refuse()
    else:
        port.open()
