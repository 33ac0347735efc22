"""The detector of rigs at work: samples in, a step each tick, what it finds out.

samples ─► rounds ─┬─► Peers.step ─► Found ─► words ─► findings, by rule and subject
                   └─► SecondOpinion ─► beside these ─┘
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from lode_hub.committed import Finding
from lode_hub.sites.judgement import words
from lode_hub.sites.judgement.latest import Latest
from lode_hub.sites.judgement.second import SecondOpinion
from lode_hub.sites.tables import Mask, Times
from lode_hub.store.judgement import Device
from lode_models.peers import SAMPLE, Found, Peers, Rig, Rigs
from lode_models.peers.sample import Table

LAG_MS = 3_000
"""How long a reading may be on its way: it is judged as of then who is silent."""

OFFLINE_MS = 60_000
"""By then a plain rule says that nothing is heard of a rig, or it is left to us; see `renew`."""

Told = Callable[[int], bool]


class RigWatch:
    """Judges the rigs of the fleet; slots are the fleet's.

    `is_told` tells of a slot whether a plain rule says already that nothing is heard of the rig.
    """

    def __init__(self, latest: Latest, is_told: Told, second: SecondOpinion) -> None:
        self.peers = Peers(Rigs([]))
        self._second = second
        self.open: dict[tuple[str, str], int] = {}  # what is active, and the site it is at
        self._latest = latest
        self._is_told = is_told
        self._devices: Sequence[Device] = ()
        self._site_ids: dict[int, int] = {}
        self._slots: dict[str, int] = {}  # by subject

    def fit(self, devices: Sequence[Device], is_ours: Mask) -> None:
        """Take the rigs as they are now, by slot."""
        rigs = [_rig(one, ours) for one, ours in zip(devices, is_ours.tolist(), strict=True)]
        self._devices = devices
        self._slots = {f"device:{one.device_id}": slot for slot, one in enumerate(devices)}
        self._site_ids = {one.device_id: one.site_id or 0 for one in devices}
        if [repr(rig) for rig in rigs] == [repr(rig) for rig in self.peers.rigs.rows]:
            return
        self.peers.fit(Rigs(rigs))
        self._second.fit(rigs, {one.site_id: one.site for one in devices if one.site_id})

    def step(self, now_ms: int, back_ms: Times) -> list[Finding]:
        """Judge what came since the last step, and who is silent.

        `back_ms` is since when each rig's agent has been heard without a pause, by slot.
        """
        if not len(self.peers.rigs):
            return []
        as_of_ms, found = now_ms - LAG_MS, list[Found]()
        nobody = np.full(len(self.peers.rigs), now_ms)
        turns = list(self._latest.turns())
        for slots, rows in turns[:-1]:
            # Who is behind in a backlog is not silent.
            found += self.peers.step(min(int(rows["at_ms"].max()), as_of_ms), slots, rows, nobody)
            self._second.take(slots, rows)
        slots, rows = turns[-1] if turns else _NOTHING
        back_ms = np.maximum(back_ms, self._latest.held_ms)
        found += self.peers.step(as_of_ms, slots, rows, back_ms)
        self._second.take(slots, rows)
        findings = self._say(found)
        self._second.judge(as_of_ms, np.flatnonzero(self.in_trouble()).tolist())
        return findings

    def renew(self, now_ms: int) -> list[Finding]:
        """Say again what goes on, and that it is over of what is not there any more."""
        before = dict(self.open)
        findings = self._say(self.peers.renew(now_ms - LAG_MS))
        said = {(finding.rule, finding.subject) for finding in findings}
        for rule, subject in before.keys() - said:
            del self.open[rule, subject]
            findings.append(
                Finding(
                    rule=rule, subject=subject, is_active=False, severity="info", at_ms=now_ms,
                    evidence={"reason": "its rigs are others now"},
                )
            )  # fmt: skip
        return findings

    def sites_in_events(self) -> set[int]:
        """Give the sites at which an event of many is going on."""
        return {site for (rule, _), site in self.open.items() if rule.startswith("site-")}

    def in_trouble(self) -> Mask:
        """Tell by slot who has a trouble of its own."""
        mask = np.zeros(len(self._devices), bool)
        mask[[self._slots[subject] for _, subject in self.open if subject in self._slots]] = True
        return mask

    def _say(self, found: Sequence[Found]) -> list[Finding]:
        findings: list[Finding] = []
        for one in found:
            if one.group is not None:
                members = [self._devices[slot] for slot in one.members]
                findings += words.of_event(one, members)
            elif (finding := self._of_rig(one)) is not None:
                findings.append(finding)
        for finding in findings:
            key = (finding.rule, finding.subject)
            if finding.is_active:
                self.open[key] = self._site_of(finding.subject)
            else:
                self.open.pop(key, None)
        return findings

    def _of_rig(self, found: Found) -> Finding | None:
        finding = words.of_rig(found, self._devices[found.slot])
        is_watched = bool(self.peers.rigs.is_watched[found.slot])
        is_early = found.at_ms - found.since_ms < OFFLINE_MS
        is_left = found.kind == "offline" and (is_early or self._is_told(found.slot))
        if finding.is_active and is_watched and not is_left:
            return self._second.beside(found.slot, finding)
        if (finding.rule, finding.subject) not in self.open:
            return None  # nobody was told that it began
        return words.of_rig(replace(found, is_active=False), self._devices[found.slot])

    def _site_of(self, subject: str) -> int:
        what, number, *_ = subject.split(":")
        return int(number) if what == "site" else self._site_ids[int(number)]


_NOTHING: tuple[np.ndarray, Table] = (np.zeros(0, np.intp), np.zeros(0, SAMPLE))


def _rig(device: Device, is_ours: bool) -> Rig:
    return Rig(
        name=str(device.device_id),
        model=device.model,
        site=str(device.site_id or ""),
        rack=device.rack,
        rated_hashrate_ths=_number(device.rated_hashrate_ths),
        rated_power_w=_number(device.rated_power_w),
        interval_s=_number(device.interval_s),
        is_watched=is_ours and device.is_configured and device.site_id is not None,
    )


def _number(value: float | None) -> float:
    return float("nan") if value is None else value
