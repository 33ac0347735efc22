"""Random sites and markets, and a judge that reads nothing but each rig's own schedule."""

import numpy as np

from lode_hub.energy.nouns import (
    Commitment,
    DemandCharge,
    Feeder,
    Market,
    Mode,
    Plan,
    RigClass,
    Site,
    Standing,
)

Case = tuple[Site, Market, tuple[Standing, ...]]


def market(price, *, dt_s=3600.0, hashprice=50.0, **given) -> Market:
    """A market of prices by period, the rest as usual."""
    periods = len(price)
    usual = {
        "dt_s": np.full(periods, float(dt_s)),
        "day": (np.arange(periods) * dt_s // 86_400).astype(int),
        "adder_usd_mwh": np.zeros(periods),
        "hashprice_usd_phd": np.full(periods, float(hashprice)),
        "pue": np.ones(periods),
        "cap_w": np.full(periods, np.inf),
    }
    return Market(start_ms=0, price_usd_mwh=np.asarray(price, float), **(usual | given))


def rested(site: Site, mode: int = 0) -> tuple[Standing, ...]:
    """All rigs in one mode, or asleep, for long."""
    return tuple(
        Standing(
            mode=np.full(kind.count, mode),
            since_s=np.full(kind.count, np.inf),
            starts=np.zeros(kind.count, int),
        )
        for kind in site.classes
    )


def random_case(seed: int, *, most: int = 60) -> Case:
    """A site of a few classes, most of its limits binding now and then, its rigs anyhow."""
    chance = np.random.default_rng(seed)
    dt_s = float(chance.choice([300, 900, 3600]))
    lines = int(chance.integers(1, 4))
    classes = tuple(
        _class(chance, f"c{n}", f"f{n % lines}", dt_s, most)
        for n in range(int(chance.integers(lines, 7)))
    )
    whole_w = sum(kind.count * kind.full.power_w for kind in classes)
    rigs_w = max(kind.full.power_w for kind in classes)

    def ramp(share_w: float) -> float | None:
        if chance.random() < 0.3:
            return None
        return max(share_w * chance.uniform(0.05, 0.6), 3.0 * lines * rigs_w) / 1000 / (dt_s / 60)

    feeders = tuple(
        Feeder(name=f"f{n}", limit_w=1.5 * whole_w, ramp_kw_min=ramp(whole_w / lines))
        for n in range(lines)
    )
    site = Site(
        name="any", classes=classes, feeders=feeders, limit_w=1.5 * whole_w, step_s=dt_s,
        ramp_kw_min=ramp(whole_w), pool_fee_ratio=0.02,
    )  # fmt: skip
    return site, _market(chance, site, whole_w, dt_s), tuple(_stand(chance, k) for k in classes)


def _class(chance, name: str, feeder: str, dt_s: float, most: int) -> RigClass:
    ths, j_th = chance.uniform(60, 250), chance.uniform(14, 40)
    speeds = np.sort(chance.uniform(0.4, 1.3, int(chance.integers(1, 5))))
    return RigClass(
        name=name,
        count=int(chance.integers(1, most + 1)),
        modes=tuple(
            Mode(name=f"m{n}", power_w=50 + ths * s * j_th * s**0.6, hashrate_ths=ths * s)
            for n, s in enumerate(speeds)
        ),
        feeder=feeder,
        sleep_w=float(chance.choice([0, 15])),
        start_cost_usd=float(chance.choice([0, 0.05, 0.5])),
        warm_up_s=float(chance.choice([0, 200, 700])),
        min_up_s=float(chance.choice([0, 1, 2.5, 6])) * dt_s,
        min_down_s=float(chance.choice([0, 1, 2.5, 5])) * dt_s,
        starts_per_day=int(chance.integers(1, 5)) if chance.random() < 0.7 else None,
    )


def _market(chance, site: Site, whole_w: float, dt_s: float) -> Market:
    periods = int(chance.integers(1, 40))
    at = np.arange(periods)
    price = 60 + 60 * np.sin(at / chance.uniform(2, 9)) + chance.normal(0, 25, periods)
    begin, length = int(chance.integers(0, periods)), int(chance.integers(1, 8))
    called = (at >= begin) & (at < begin + length)
    cap_w = np.where(called, whole_w * chance.uniform(0.02, 0.9), np.inf)
    return market(
        price,
        dt_s=dt_s,
        day=((at + int(chance.integers(0, 24))) * dt_s // 86_400).astype(int),
        pue=1.0 + chance.uniform(0, 0.15, periods),
        cap_w=cap_w if chance.random() < 0.6 else np.full(periods, np.inf),
        demand_charges=(DemandCharge(name="peak", usd_kw=0.3, counts=at % 3 == 0),),
        commitments=(
            Commitment(
                name="call", kind="reduce_by", counts=called, penalty_usd_mwh=700,
                watts=0.5 * whole_w, baseline_w=whole_w,
            ),
        ),
    )  # fmt: skip


def _stand(chance, kind: RigClass) -> Standing:
    awake = chance.random(kind.count) < chance.random()
    longest = max(kind.min_up_s, kind.min_down_s, 1.0)
    return Standing(
        mode=np.where(awake, chance.integers(0, len(kind.modes), kind.count), -1),
        since_s=chance.uniform(0, 2 * longest, kind.count),
        starts=chance.integers(0, (kind.starts_per_day or 3) + 1, kind.count),
    )


def broken(case: Case, plan: Plan) -> dict[str, list[str]]:
    """Name every limit a plan breaks, by kind, from each rig's schedule."""
    site, told, standings = case
    begins = np.concatenate([[0.0], np.cumsum(told.dt_s)])[:-1]
    found: dict[str, list[str]] = {
        "cap": [],
        "ramp": [],
        "min_up": [],
        "min_down": [],
        "starts": [],
    }
    power = {feeder.name: np.zeros(told.periods + 1) for feeder in site.feeders}
    for kind, stand, rows in zip(site.classes, standings, plan.schedule, strict=True):
        watts = np.array([*(mode.power_w for mode in kind.modes), kind.sleep_w])
        power[kind.feeder] += watts[np.column_stack([stand.mode, rows])].sum(axis=0)
        for rig in range(kind.count):
            _judge_rig(kind, stand, rig, rows[rig] >= 0, (begins, told.day), found)
    _judge_power(site, told, power, found)
    return {name: what for name, what in found.items() if what}


def _judge_rig(kind, stand, rig, awake, times, found) -> None:
    begins, day = times
    was, since, starts = stand.mode[rig] >= 0, -stand.since_s[rig], int(stand.starts[rig])
    for at, now in enumerate(awake):
        starts = 0 if at and day[at] != day[at - 1] else starts
        if now == was:
            continue
        least, name = (kind.min_up_s, "min_up") if was else (kind.min_down_s, "min_down")
        if begins[at] - since < least - 1e-3:
            found[name].append(f"{kind.name} {rig} at {at}")
        starts += now
        if now and kind.starts_per_day is not None and starts > kind.starts_per_day:
            found["starts"].append(f"{kind.name} {rig} at {at}")
        was, since = now, begins[at]


def _judge_power(site, told, power, found) -> None:
    limits = [(f.name, (f.name,), f.limit_w, f.ramp_kw_min) for f in site.feeders]
    limits += [(part.name, part.feeders, part.limit_w, part.ramp_kw_min) for part in site.parts]
    for name, inside, limit_w, ramp in [*limits, ("site", power, site.limit_w, site.ramp_kw_min)]:
        drawn = sum(power[line] for line in inside)
        cap_w = np.full(told.periods, limit_w)
        if name == "site":
            cap_w = np.minimum(cap_w, told.cap_w) / told.pue
        found["cap"] += [f"{name} at {at}" for at in np.flatnonzero(drawn[1:] > cap_w + 0.01)]
        if ramp is not None:
            most_w = ramp * 1000 * told.dt_s / 60
            over = np.abs(np.diff(drawn)) > most_w + 0.01
            found["ramp"] += [f"{name} at {at}" for at in np.flatnonzero(over)]
