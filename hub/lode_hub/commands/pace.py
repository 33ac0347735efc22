"""How long a curtailment takes at least, down and back up, by what the agents' envelopes allow."""

from collections import defaultdict
from collections.abc import Iterable

from lode_hub.commands.choose import Candidate

Line = tuple[str | None, ...]  # an agent with all that it has, or with one of its feeders


def least_s(taken: Iterable[Candidate]) -> tuple[float | None, float | None]:
    """Give the seconds down and back up of rigs that are taken together; None: no ramp is told.

    It takes longer where devices answer slowly: an agent counts a change until a minute after it
    was seen.
    """
    rigs = list(taken)
    down = [(r, r.site_ramp_down_kw_per_min, r.feeder_ramp_down_kw_per_min) for r in rigs]
    up = [(r, r.site_ramp_up_kw_per_min, r.feeder_ramp_up_kw_per_min) for r in rigs]
    return _slowest_s(down), _slowest_s(up)


def _slowest_s(rigs: Iterable[tuple[Candidate, float | None, float | None]]) -> float | None:
    power_kw: defaultdict[Line, float] = defaultdict(float)
    ramps: dict[Line, float] = {}
    for rig, of_agent, of_feeder in rigs:
        for line, ramp in (((rig.agent,), of_agent), ((rig.agent, rig.feeder), of_feeder)):
            power_kw[line] += (rig.draw_w or 0.0) / 1000
            if ramp is not None:
                ramps[line] = ramp  # one envelope says it of all that hangs there
    return max((60 * power_kw[line] / ramp for line, ramp in ramps.items()), default=None)
