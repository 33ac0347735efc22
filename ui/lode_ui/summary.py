"""Sites added up: what the overview says of all that is chosen."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from lode_hub.queries.nouns import RigState, Series, Severity, SiteTotals
from lode_ui.figures import plural
from lode_ui.states import RIG, RIG_ORDER, TROUBLED


@dataclass(frozen=True, kw_only=True, slots=True)
class Totals:
    """The sums over some sites; a value that no site knows is None."""

    rigs: int
    by_state: dict[RigState, int]
    hashrate_ths: float | None
    rig_power_w: float | None
    meter_power_w: float | None
    efficiency_jth: float | None  # over the rigs that say what they draw
    newest_ms: int | None
    agents: int
    stale_agents: int

    @property
    def overhead_ratio(self) -> float | None:
        """Say which share of the metered power is not the rigs': cooling, network, losses."""
        if not self.meter_power_w or self.rig_power_w is None:
            return None
        return 1 - self.rig_power_w / self.meter_power_w

    @property
    def covered_ratio(self) -> float | None:
        """Say which share of the hashrate comes from rigs that say what they draw."""
        if not self.efficiency_jth or not self.hashrate_ths or self.rig_power_w is None:
            return None
        return min(1.0, self.rig_power_w / self.efficiency_jth / self.hashrate_ths)


@dataclass(frozen=True, slots=True)
class Verdict:
    """The page's first sentence, and how serious it is."""

    tone: str
    shape: str
    text: str


def total(sites: Sequence[SiteTotals]) -> Totals:
    """Add up sites."""
    hashrate = _sum(site.hashrate_ths for site in sites)
    power = _sum(site.rig_power_w for site in sites)
    return Totals(
        rigs=sum(site.rigs for site in sites),
        by_state={
            state: sum(site.rigs_by_state.get(state, 0) for site in sites) for state in RIG_ORDER
        },
        hashrate_ths=hashrate,
        rig_power_w=power,
        meter_power_w=_sum(site.meter_power_w for site in sites),
        efficiency_jth=_efficiency([(site.rig_power_w, site.efficiency_jth) for site in sites]),
        newest_ms=max((site.newest_ms for site in sites if site.newest_ms), default=None),
        agents=sum(site.agents for site in sites),
        stale_agents=sum(site.stale_agents for site in sites),
    )


def verdict(totals: Totals, severities: Sequence[Severity]) -> Verdict:
    """Say in one sentence whether anything is wrong, the worst first.

    Args:
        totals: of the sites that are shown.
        severities: of the alerts there that nobody has seen yet.
    """
    troubles = []
    critical = severities.count("critical")
    open_alerts = len(severities) - severities.count("info")
    if critical:
        troubles.append(plural(critical, "critical alert"))
    elif open_alerts:
        troubles.append(plural(open_alerts, "open alert"))
    troubles += [
        f"{plural(totals.by_state[state], 'rig')} {RIG[state].word.lower()}"
        for state in TROUBLED
        if totals.by_state[state]
    ]
    if totals.stale_agents:
        troubles.append(f"{plural(totals.stale_agents, 'agent')} stale")
    if troubles:
        is_grave = bool(critical or totals.stale_agents or totals.by_state["faulted"])
        return Verdict("bad" if is_grave else "warn", "alert", ", ".join(troubles))
    if not totals.rigs:
        return Verdict("idle", "query", "No rig has reported yet")
    idle = totals.rigs - totals.by_state["mining"]
    if idle:
        return Verdict(
            "good", "check", f"All well; {plural(idle, 'rig')} of {totals.rigs:,} at rest"
        )
    return Verdict("good", "check", f"All well: {plural(totals.rigs, 'rig')} mining")


def added(series: Sequence[Series]) -> Series | None:
    """Add up series bucket by bucket; a bucket that one of them lacks is left out.

    A sum without one of its parts would look like a drop that never was.
    """
    if not series:
        return None
    shared = set(series[0].at_ms).intersection(*(each.at_ms for each in series[1:]))
    return Series(
        device_id=0,
        metric=series[0].metric,
        bucket_s=series[0].bucket_s,
        at_ms=sorted(shared),
        mean=_added(series, shared, lambda each: each.mean),
        low=_added(series, shared, lambda each: each.low),
        high=_added(series, shared, lambda each: each.high),
    )


def joined(power: Sequence[Series], efficiency: Sequence[Series]) -> Series | None:
    """Join the efficiencies of sites by the power they go with."""
    shape = added(efficiency)
    if shape is None:
        return None
    parts = [
        (_by_time(watts), _by_time(each)) for watts, each in zip(power, efficiency, strict=True)
    ]
    mean = [
        _efficiency([(watts.get(at), each.get(at)) for watts, each in parts]) for at in shape.at_ms
    ]
    return replace(shape, mean=mean)


def _efficiency(parts: Iterable[tuple[float | None, float | None]]) -> float | None:
    # Power by efficiency is the hashrate that this power makes: that of the rigs that say theirs.
    known = [(watts, jth) for watts, jth in parts if watts and jth]
    hashrate = sum(watts / jth for watts, jth in known)
    return sum(watts for watts, _ in known) / hashrate if hashrate else None


def _by_time(series: Series) -> dict[int, float | None]:
    return dict(zip(series.at_ms, series.mean, strict=True))


def _added(
    series: Sequence[Series],
    shared: set[int],
    part: Callable[[Series], Sequence[float | None]],
) -> list[float | None]:
    maps = [dict(zip(each.at_ms, part(each), strict=True)) for each in series]
    return [_whole_sum([known[at] for known in maps]) for at in sorted(shared)]


def _whole_sum(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) if len(known) == len(values) else None


def _sum(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None
