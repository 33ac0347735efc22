"""Alerts made up as detectors make them: a hot rig, a fleet event, some untold, a storm."""

from dataclasses import replace
from typing import TYPE_CHECKING

from lode_hub.queries.alert_nouns import AlertEventRow
from lode_hub.queries.nouns import AlertRow, Series, Span
from tests.ui import made, world_alarms

if TYPE_CHECKING:
    from tests.ui.world_alarms import Alarms

MINUTE_MS = 60_000
HEAT = {
    "rule_version": 3, "reason": "above-limit-twice", "since_ms": 1, "sensor": "chip",
    "temp_c": 94.6, "limit_c": 90.0, "chip_temp_c": 94.6, "board_temp_c": 78.2,
    "inlet_temp_c": 31.4, "fan_rpm": 3980.0, "fans_alive": 3,
}  # fmt: skip
PEERS = {
    "peers": 118,
    "hashrate_ths": {"value": 71.2, "own_level": 104.3, "peer_median": 103.8},
    "hashrate_chart": {"seconds": 180, "deviation": -31.7, "limit": 6.2, "unit": "%",
                       "spreads": 7.5},
    "power_w": {"value": 2110.0, "own_level": 3068.0, "peer_median": 3060.0},
    "boards_alive": 2.0, "boards_expected": 3.0,
}  # fmt: skip


def alerts(number_of: int) -> list[AlertRow]:
    """Give so many alerts: the first ones each of their own kind, then a storm of links."""
    now = made.now_ms()
    first = [
        made.alert(1, evidence=HEAT, title="rig-017 is too hot: chip 94.6 °C, limit 90 °C",
                   likely_cause="1 of 4 fans does not turn: replace it", stake_usd_h=0.21,
                   since_ms=now - 23 * MINUTE_MS, opened_ms=now - 22 * MINUTE_MS, rule_version=3),
        made.alert(2, rule="pool-down", subject="site north", device_id=None, cause="pool",
                   title="320 rigs of north make nothing: their pool gives no work",
                   likely_cause="the pool, or the way to it: look at the site's link",
                   members=[f"device:{n}" for n in range(1, 41)], stake_usd_h=64.0,
                   confidence=0.97, rack="", since_ms=now - 6 * MINUTE_MS,
                   evidence={"members": 40, "of": 40, "share": 1.0}),
        made.alert(3, rule="rig-board-loss", severity="warning", cause="hash", subject="rig-023",
                   device_id=23, title="rig-023 lost a board: 71.2 of 104 TH/s", evidence=PEERS,
                   likely_cause="a board that does not hash: reseat or replace it",
                   stake_usd_h=0.06, confidence=0.93, since_ms=now - 190 * MINUTE_MS),
        made.alert(4, rule="rig-unreachable", severity="warning", cause="link", device_id=5,
                   subject="rig-005", title="rig-005 cannot be reached", rack="B2",
                   untold="inhibited by alert 2", likely_cause="its cable or its switch",
                   evidence={"quality": ["timed_out"]}, told_ms=None),
        made.alert(5, rule="quality-clock", severity="warning", cause="quality", device_id=None,
                   subject="agent north-1", rack="", title="the clock of north-1 is 45 s slow",
                   state="acknowledged", acknowledged_by="noor", acknowledged_ms=now - MINUTE_MS,
                   likely_cause="no time server is reached", evidence={"clock_offset_s": -45.2}),
        made.alert(6, severity="info", rule="notify-failed", subject="channel:sms", site=None,
                   device_id=None, cause="control", rack="", likely_cause="its password",
                   title="sms does not deliver", evidence={}, untold="silence 1"),
        made.alert(7, state="resolved", resolved_ms=now - 30 * MINUTE_MS, subject="rig-029",
                   device_id=29, title="rig-029 is too hot", since_ms=now - 60 * MINUTE_MS),
    ]  # fmt: skip
    storm = [
        made.alert(n, rule="rig-silent", severity="warning", cause="link", device_id=n,
                   subject=f"rig-{n:05d}", title=f"nothing is heard of rig-{n:05d}",
                   rack=f"C{n % 40}", likely_cause="the rack's switch", evidence={"silent_s": 42},
                   stake_usd_h=0.2, site="north" if n % 2 else "south")
        for n in range(8, number_of + 1)
    ]  # fmt: skip
    return first + storm


def tell(alarms: "Alarms") -> None:
    """Let the first alert have a past: told, escalated, noted; and plans be there."""
    now = made.now_ms()
    alarms.events[1] = [
        AlertEventRow(what="flapping", at_ms=now - 15 * MINUTE_MS, by=None, note=""),
    ]
    alarms.deliveries[1] = [
        world_alarms.delivery(2, channel="sms", recipient="+49 170 000", what="escalated",
                              alerts=1, state="waiting", attempts=3, error="503 from the gateway",
                              finished_ms=None, created_ms=now - 7 * MINUTE_MS),
        world_alarms.delivery(1, finished_ms=now - 21 * MINUTE_MS),
    ]  # fmt: skip
    alarms.silences[1] = world_alarms.silence(1)
    alarms.silences[2] = world_alarms.silence(
        2, site=None, cause=None, rack=None, rule="rig-silent", starts_ms=now + 3_600_000,
        ends_ms=now + 7_200_000, comment="the switch is replaced",
    )  # fmt: skip
    alarms.maintenance[1] = world_alarms.maintenance(1)


def ramp(metric: str, span: Span, base: float) -> Series:
    """Make a series that rises by a quarter, and has done so since 23 min of an hour."""
    wave = made.series(metric, span, base)
    n = len(wave.mean)
    rise = [1 + 0.25 * min(1.0, max(0.0, (at - n * 0.45) / (n * 0.2))) for at in range(n)]
    return replace(
        wave,
        mean=[value * up for value, up in zip(wave.mean, rise, strict=True)],
        low=[value * up for value, up in zip(wave.low, rise, strict=True)],
        high=[value * up for value, up in zip(wave.high, rise, strict=True)],
    )
