"""Keep a site at its setpoint: measure, trim, order, and say who does not obey."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from lode_hub import alerts
from lode_hub.commands.desk import Desk
from lode_hub.committed import Finding
from lode_hub.energy.live.fleet import obstacle
from lode_hub.energy.live.lines import of_rig
from lode_hub.energy.live.nouns import LoopRow
from lode_hub.energy.live.power import Measured, measure
from lode_hub.energy.live.rig import Rig
from lode_hub.energy.live.schedule import Schedule, standing_orders, trimmed
from lode_hub.energy.live.site import Steered, learned, owned, send
from lode_hub.energy.live.solve import read_rigs
from lode_hub.energy.live.trim import Seen, seen_of
from lode_hub.store import Store, energy_live
from lode_hub.store.asking import asking

DISOBEYED = "planner-disobeyed"
MOST_NAMED = 100
RENEW_MS = 300_000
"""A trim that is still wanted is ordered anew so long before the agents end it by themselves."""


async def steer(store: Store, desk: Desk, steered: Steered, now_ms: int) -> None:
    """Look at a site once, and move what has to be.

    Raises:
        HubError: an order was not possible, or the database is away.
    """
    aim = steered.aim(now_ms)
    if steered.stands is None and aim is None:
        return
    async with asking(store) as conn:
        rigs = await read_rigs(conn, steered.name)
        measured = await measure(conn, steered.name, steered.meters)
        await energy_live.learn(conn, learned(steered, rigs, now_ms, with_power=False))
    if not measured.is_metered:
        measured = steered.reckoned(now_ms, measured, rigs)
    rigs = owned(steered, rigs, now_ms)
    planned = {} if steered.stands is None else steered.stands.now(now_ms)
    before = dict(steered.trim.override)
    if aim is None:
        steered.trim.override.clear()
        steered.trim.disobeying.clear()
    elif measured.power_w is not None:
        seen = _seen(steered, rigs, now_ms)
        aim = replace(aim, is_metered=measured.is_metered)
        steered.trim.step(now_ms, measured.power_w, aim, planned, seen)
    override = steered.trim.override
    runs_out = bool(override) and now_ms > steered.trimmed_until_ms - RENEW_MS
    if override != before or runs_out or steered.is_unsent:
        await order(desk, steered, rigs, now_ms)
    row = _row(steered, rigs, measured, now_ms)
    async with asking(store) as conn:
        await energy_live.set_loop(conn, steered.site_id, now_ms, row)
    await _tell(store, steered, now_ms)


async def order(desk: Desk, steered: Steered, rigs: Sequence[Rig], now_ms: int) -> list[str]:
    """Order what stands, trimmed; give the commands.

    Raises:
        HubError: it was not possible; then nothing was ordered.
    """
    until_ms = steered.trim_until_ms(now_ms)
    # Where nothing was worth an order every rig is in full, and may still have to be trimmed.
    stands = steered.stands or Schedule(edges_ms=(now_ms, until_ms), rigs=(), modes={})
    override = steered.trim.override
    others = [
        rig for rig in rigs if rig.device_id in override and rig.device_id not in stands.modes
    ]
    wanted = trimmed(stands, override, others, now_ms, until_ms)
    steered.is_unsent = True
    made = await send(desk, steered, standing_orders(wanted), now_ms)
    steered.is_unsent, steered.trimmed_until_ms = False, until_ms
    return made


def disobeying(steered: Steered) -> dict[int, str]:
    """Say of the rigs that do not do what they are told that they do not."""
    return dict.fromkeys(steered.trim.unreliable, "does not sleep when told to")


def idle(steered: Steered, now_ms: int) -> LoopRow:
    """Show that nothing is steered."""
    return LoopRow(
        site=steered.name, at_ms=now_ms, is_active=False, measured_w=None, source="",
        setpoint_w=None, error_w=None, says="the planner does not act here",
    )  # fmt: skip


def _seen(steered: Steered, rigs: Sequence[Rig], now_ms: int) -> list[Seen]:
    """Give the rigs that may be trimmed, and those that do not obey."""
    found = []
    told: Mapping[int, str] = disobeying(steered)
    for rig in rigs:
        if obstacle(rig, {}):
            continue
        model = of_rig(rig, steered.limits)
        for_s = None if rig.turned_ms is None else (now_ms - rig.turned_ms) / 1000
        found.append(
            seen_of(
                rig,
                model.sleep_w,
                may_sleep=rig.device_id in told or for_s is None or for_s >= model.min_up_s,
                may_wake=(for_s is None or for_s >= model.min_down_s) and rig.starts_left != 0,
            )
        )
    return found


def _row(steered: Steered, rigs: Sequence[Rig], measured: Measured, now_ms: int) -> LoopRow:
    names = {rig.device_id: rig.name for rig in rigs}
    aim, trim = steered.aim(now_ms), steered.trim

    def named(numbers: Sequence[int]) -> tuple[str, ...]:
        return tuple(sorted(names[n] for n in numbers if n in names)[:MOST_NAMED])

    error_w = None
    if aim is not None and measured.power_w is not None:
        error_w = measured.power_w - aim.setpoint_w
    return LoopRow(
        site=steered.name,
        at_ms=now_ms,
        is_active=aim is not None,
        measured_w=measured.power_w,
        source=measured.source,
        setpoint_w=None if aim is None else aim.setpoint_w,
        error_w=error_w,
        shed=named([n for n, is_asleep in trim.override.items() if is_asleep]),
        restored=named([n for n, is_asleep in trim.override.items() if not is_asleep]),
        disobeying=named(list(trim.disobeying)),
        says=_says(measured, is_active=aim is not None),
    )


def _says(measured: Measured, *, is_active: bool) -> str:
    if measured.is_metered:
        return ""
    if measured.power_w is None:
        return f"power is not known: {measured.source}; what stands goes on"
    how = "with the PUE, rigs not heard as high as they may be"
    until = "; until its meters can be trusted again rigs are only put to sleep" * is_active
    return f"power by {measured.source}, {how}{until}"


async def _tell(store: Store, steered: Steered, now_ms: int) -> None:
    """Have one alert of all rigs of a site that do not obey, while there are any."""
    numbers = sorted(steered.trim.disobeying)
    if not numbers and not steered.is_told:
        return
    finding = Finding(
        rule=DISOBEYED,
        subject=f"site:{steered.site_id}",
        is_active=bool(numbers),
        severity="warning",
        at_ms=now_ms,
        title=f"{len(numbers)} rigs do not sleep when the planner tells them to",
        likely_cause="they do not take the order, or somebody wakes them; others sleep instead",
        members=tuple(f"device:{number}" for number in numbers),
        evidence={"rigs": len(numbers)},
    )
    await alerts.take(store, [finding], now_ms)
    steered.is_told = bool(numbers)
