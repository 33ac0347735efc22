"""A curtailment of 1,000 rigs that answer in 200 ms, and its way back, in real time.

command ─► checks ─► courses ─► ramps ─► rigs ─► power ─► proof ─► states
"""

import asyncio
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from lode_wire import orders
from lode_wire.records import Stage
from tests.bench.figure import Figure
from tests.edge.control.rig import Rig
from tests.edge.control.world import World, limits

RIGS, RAMP_KW_PER_MIN = 1_000, 12_000.0
FIRST_LIMIT_S, MOST_LIMIT_S = 2.0, 30.0
PLENTY_S = 180.0


class RealTime(World):
    """The site of the tests, on a loop whose time is everybody's."""

    def make_loop(self) -> asyncio.AbstractEventLoop:
        """Give a loop that waits."""
        return asyncio.SelectorEventLoop()

    def until(self, holds: object, most_s: float = PLENTY_S, every_s: float = 0.02) -> float:
        """Wait until a condition holds; give how long that took."""
        return super().until(holds, most_s, every_s)  # type: ignore[arg-type]


def run() -> Iterator[Figure]:
    """Measure a curtailment there and back."""
    with tempfile.TemporaryDirectory() as home:
        rigs = [Rig(f"r{number:04}") for number in range(RIGS)]
        site = RealTime(Path(home), rigs, envelope=limits(ramp=RAMP_KW_PER_MIN), poll_s=10.0)
        try:
            yield from _figures(site)
        finally:
            site.close()


def _figures(site: World) -> Iterator[Figure]:
    site.until(lambda: all(device.abilities for device in site.control.site.devices.values()))
    before_w, cpu_s = site.power_w, time.process_time()
    order = site.curtail()
    first_s = site.until(lambda: site.power_w < before_w)
    most_s = first_s + site.until(lambda: site.power_w < 0.1 * before_w)
    proved_s = most_s + site.until(lambda: Stage.EFFECTIVE in site.hub.stages(order))
    used_s = time.process_time() - cpu_s
    site.send(orders.Release(lease=order))
    back_s = site.until(lambda: site.power_w > 0.9 * before_w)
    site.until(lambda: site.hub.is_at(order, Stage.RELEASED))
    steepest_kw = max(site.steepest_w(-1), site.steepest_w(1)) / 1000
    what = f"curtail: {RIGS:,} rigs"
    yield _limited(f"{what}, first watt down", first_s, FIRST_LIMIT_S)
    yield _limited(f"{what}, 90 % down", most_s, MOST_LIMIT_S)
    yield _limited(f"{what}, 90 % back", back_s, MOST_LIMIT_S)
    yield Figure(name=f"{what}, all proved", value=proved_s, unit="s")
    yield Figure(name=f"{what}, CPU until then", value=used_s, unit="s")
    yield Figure(
        name=f"{what}, steepest minute",
        value=steepest_kw,
        unit="kW/min",
        ratio=steepest_kw / RAMP_KW_PER_MIN,
        against="the ramp",
    )


def _limited(name: str, value_s: float, limit_s: float) -> Figure:
    against = f"the limit of {limit_s:.0f} s"
    return Figure(name=name, value=value_s, unit="s", ratio=value_s / limit_s, against=against)
