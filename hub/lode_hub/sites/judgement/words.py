"""What the detector of rigs found, in the words and with the subjects of the hub."""

from collections.abc import Sequence

import numpy as np

from lode_hub.committed import Finding
from lode_hub.store.judgement import Device
from lode_models.peers import KINDS, Found

DRIFT = "model-drift"
SERIES = ("hash-ratio", "chip-temp", "hashrate", "power", "meter-power", "point")
RULES = (
    *(f"rig-{kind.name.replace('_', '-')}" for kind in KINDS),
    *(f"site-{kind.common.replace('_', '-')}" for kind in KINDS),
    *(f"series-{metric}" for metric in SERIES),
    DRIFT,
)
"""Everything that is said from here; each has its entry in the book of rules."""

TITLES = {
    "offline": "{rig} fell silent",
    "board_loss": "{rig} hashes with {boards_alive:.0f} of {boards_expected:.0f} boards",
    "fan_failure": "{rig} has a fan that fails",
    "chip_loss": "{rig} hashes with {chips_alive:.0f} of {chips_expected:.0f} chips",
    "overheating": "{rig} becomes hotter than its peers",
    "restarting": "{rig} restarts again and again",
    "hash_loss": "{rig} lost hashrate at once",
    "power_up": "{rig} draws more power for the same hash",
    "hash_decay": "{rig} loses hashrate by and by",
    "offset": "{rig} is worse than its neighbours since it was first seen",
    "rejected_shares": "{rig} has far more rejected shares than its peers",
    "flatline": "{rig} repeats the same values",
}
COMMON_TITLES = {
    "pool_outage": "{members} rigs of {where} lost their hashrate together",
    "common_offline": "{members} rigs of {where} fell silent together",
    "cooling_failure": "{members} rigs of {where} become hot together",
}
COMMON_TITLE = "{members} rigs of {where}: {what} at once"
EXAMPLES = 5


def of_rig(found: Found, device: Device) -> Finding:
    """Say what one rig has, or no longer has."""
    figures = {"rig": device.name, **found.evidence}
    try:
        title = TITLES[found.kind].format(**figures)
    except (KeyError, TypeError, ValueError):  # a count that nobody gave
        title = f"{device.name}: {found.kind.replace('_', ' ')}"
    evidence = _evidence(found) | _lost(found.evidence.get("hashrate_ths"))
    return Finding(
        rule=f"rig-{found.kind.replace('_', '-')}",
        subject=f"device:{device.device_id}",
        is_active=found.is_active,
        severity=found.severity,
        at_ms=found.at_ms,
        title=title,
        likely_cause=found.likely_cause,
        confidence=found.confidence,
        evidence=evidence,
    )


def of_event(found: Found, devices: Sequence[Device]) -> list[Finding]:
    """Say what a whole group has; an event of several sites is told to each of them.

    `devices` are the members in the order of `found.members`.
    """
    sites = list(dict.fromkeys(device.site_id for device in devices if device.site_id))
    findings = []
    for site_id in sites:
        mine = [device for device in devices if device.site_id == site_id]
        subject, where = _place(found, mine[0])
        title = COMMON_TITLES.get(found.kind, COMMON_TITLE)
        what = found.kind.removeprefix("common_").replace("_", " ")
        more: dict[str, object] = {"members": len(mine), "of_sites": len(sites)}
        more["examples"] = [device.name for device in mine[:EXAMPLES]]
        findings.append(
            Finding(
                rule=f"site-{found.kind.replace('_', '-')}",
                subject=subject,
                is_active=found.is_active,
                severity=found.severity,
                at_ms=found.at_ms,
                title=title.format(members=len(mine), where=where, what=what),
                likely_cause=found.likely_cause,
                confidence=found.confidence,
                members=tuple(f"device:{device.device_id}" for device in mine),
                evidence=_evidence(found) | more,
            )
        )
    return findings


def _place(found: Found, device: Device) -> tuple[str, str]:
    group = found.group
    site, name = f"site:{device.site_id}", device.site
    if group is None or group.level in ("site", "fleet"):
        return site, name
    return f"{site}:{group.level}:{group.name}", f"{group.level} {group.name} at {name}"


def _evidence(found: Found) -> dict[str, object]:
    return {
        "rule_version": found.version,
        "reason": "begins" if found.is_active else "over",
        "since_ms": found.since_ms,
        **found.evidence,
    }


def _lost(hashrate: object) -> dict[str, object]:
    """Give what it makes less than it did, TH/s, for what is at stake."""
    if not isinstance(hashrate, dict):
        return {}
    made, usual = hashrate.get("value"), hashrate.get("own_level")
    if made is None or usual is None:
        return {}
    return {"lost_ths": round(float(np.maximum(usual - made, 0)), 2)}
