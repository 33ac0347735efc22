"""From an order to power down, through the whole system, with 1,000 rigs that answer in 200 ms.

API ─► hub ─► broker ─► agent ─► 1,000 rigs (lode-sim) ─► the site's meter, as it truly is
"""

import re
import time
from collections.abc import Callable, Iterator

from lode_sim.control import SITE_SOCKET, Order, send
from lode_sim.limits import Limits
from lode_sim.stack import Stack, StackError
from tests.bench import stage
from tests.bench.figure import Figure
from tests.system.acting import Acting

RIGS, ANSWER_S, INTERVAL_S = 1000, 0.2, 10.0
MODELS = ("luxos-s19kpro", "whatsminer-m50s", "braiins-s21pro")
NO_RAMP = Limits(ramp_down_kw_per_min=100_000.0, ramp_up_kw_per_min=100_000.0)
LIMIT_FIRST_S, LIMIT_MOST_S = 2.0, 30.0
FIRST_KW, MOST = 1.0, 0.9
LOOK_S = 0.05
_POWER = re.compile(r"([\d.]+) kW")


def run() -> Iterator[Figure]:
    """Curtail all rigs, and give them back."""
    options = tuple(word for model in MODELS for word in ("--model", model))
    options += ("--delay", str(ANSWER_S))
    how = {"rigs": RIGS, "interval_s": INTERVAL_S, "limits": NO_RAMP, "site_options": options}
    with stage.stack(base="auto", **how) as found:
        found.start()
        site = Acting(found)
        site.wait_until_offered(RIGS, timeout_s=180)
        shown = site.post("curtailments/preview", {"site": "north"})
        taken, target_kw = len(shown["taken"]), shown["expected_w"] / 1000
        before_kw, began_s = true_kw(found), time.monotonic()
        begun = site.post("curtailments", {"preview": shown["curtailment_id"]})
        first_s = until(found, lambda kw: kw <= before_kw - FIRST_KW) - began_s
        most_s = until(found, lambda kw: kw <= before_kw - MOST * target_kw) - began_s
        (lease,) = begun["commands"]
        site.until(lease, "effective", timeout_s=300)
        proved_s = time.monotonic() - began_s
        low_kw, began_s = true_kw(found), time.monotonic()
        site.post(f"curtailments/{shown['curtailment_id']}/release")
        back_s = until(found, lambda kw: kw >= low_kw + MOST * (before_kw - low_kw)) - began_s
    name = f"act: {taken:,} rigs that answer in {ANSWER_S * 1000:.0f} ms,"
    yield _within(f"{name} order to first watt down", first_s, LIMIT_FIRST_S)
    yield _within(f"{name} order to 90 % of the target", most_s, LIMIT_MOST_S)
    yield _within(f"{name} release to 90 % back", back_s, LIMIT_MOST_S)
    yield Figure(name=f"{name} order to every rig proved", value=proved_s, unit="s")


def true_kw(found: Stack) -> float:
    """Give what the site truly draws."""
    order = Order(do="status", devices=["meter-site"])
    (line,) = send(found.home / "sim" / SITE_SOCKET, order)
    said = _POWER.search(line)
    assert said is not None, line
    return float(said[1])


def until(found: Stack, holds: Callable[[float], bool], most_s: float = 120.0) -> float:
    """Wait until the site's power is so; give when (monotonic, in s)."""
    end_s = time.monotonic() + most_s
    while not holds(kw := true_kw(found)):
        if time.monotonic() > end_s:
            raise StackError(f"the site still draws {kw:.0f} kW after {most_s:.0f} s")
        time.sleep(LOOK_S)
    return time.monotonic()


def _within(name: str, value_s: float, limit_s: float) -> Figure:
    against = f"the limit of {limit_s:.0f} s"
    return Figure(name=name, value=value_s, unit="s", ratio=value_s / limit_s, against=against)
