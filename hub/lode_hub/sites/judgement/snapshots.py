"""What the detectors remember, a site at a time: into bytes and back.

Peers.snapshot ─► the columns of a site's rigs, and its events ─► npz, compressed ─► a row
"""

import io
import json
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from lode_hub.sites.judgement import series
from lode_hub.store.judgement import Snapshot
from lode_models.peers import VERSION, Peers, Rig
from lode_models.peers.rigs import LEVELS, Group
from lode_models.peers.sample import Slots
from lode_models.rig import VERSION as LEARNED_VERSION

FORMAT = 1
VERSIONS = {
    "peers": FORMAT * 1000 + VERSION,
    "series": FORMAT * 1000 + series.VERSION,
    "learned": FORMAT * 1000 + LEARNED_VERSION,
}
MAX_BYTES = 256 << 20
"""Of one snapshot, unpacked: some 300,000 rigs."""

Arrays = Mapping[str, np.ndarray]


def packed(state: bytes) -> bytes:
    """Make bytes smaller; quickly, for it is done each minute."""
    return zlib.compress(state, 1)


def unpacked(state: bytes) -> bytes:
    """Give what was packed.

    Raises: ValueError if it is damaged or too large.
    """
    unpacking = zlib.decompressobj()
    try:
        made = unpacking.decompress(state, MAX_BYTES)
    except zlib.error as error:
        raise ValueError(f"snapshot: damaged: {error}") from None
    if not unpacking.eof:
        raise ValueError(f"snapshot: cut short, or larger than {MAX_BYTES} bytes")
    return made


def of_site(
    arrays: Arrays, rigs: Sequence[Rig], groups: Sequence[Sequence[Group]], site: str
) -> bytes:
    """Take a site's part out of what `Peers.snapshot` gave."""
    slots = [slot for slot, rig in enumerate(rigs) if rig.site == site and rig.is_watched]
    part = {name: array[..., slots] for name, array in arrays.items() if name != "head"}
    head = json.loads(bytes(arrays["head"]))
    place = {slot: number for number, slot in enumerate(slots)}
    events = []
    for event in head.pop("events"):
        members = [place[slot] for slot in event["members"] if slot in place]
        if members:
            group = groups[event["level"]][event.pop("number")]
            events.append({**event, "members": members, "name": group.name})
    head |= {"events": events, "rigs": [_known_as(rigs[slot]) for slot in slots]}
    out = io.BytesIO()
    part["head"] = np.frombuffer(json.dumps(head).encode(), np.uint8)
    np.savez(out, allow_pickle=False, **part)
    return out.getvalue()


def together(peers: Peers, parts: Mapping[str, bytes]) -> dict[str, str]:
    """Give detectors back what was kept of their sites; rigs that are others now begin anew.

    Gives the sites whose part is not what `of_site` made, and why; these begin anew, alone.
    """
    good, dropped = peers.snapshot(), dict[str, str]()
    slots = {_known_as(rig): slot for slot, rig in enumerate(peers.rigs.rows)}
    for site, data in parts.items():
        try:
            whole = _with(good, peers, slots, (site, data))
            peers.restore(whole)
        except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
            # What a damaged head says can be of any kind; nothing of it may stay.
            peers.restore(good)
            dropped[site] = f"{type(error).__name__}: {error}"
        else:
            good = whole
    return dropped


def _with(
    good: Arrays, peers: Peers, slots: Mapping[str, int], part: tuple[str, bytes]
) -> dict[str, np.ndarray]:
    """Give the state of all with a site's part put in; `good` stays as it is."""
    site, data = part
    whole = {name: array.copy() for name, array in good.items()}
    arrays = _loaded(data)
    head, kept = json.loads(bytes(whole["head"])), json.loads(bytes(arrays.pop("head")))
    events = {(one["kind"], one["level"], one["number"]): one for one in head["events"]}
    here = [slots.get(name, -1) for name in kept["rigs"]]
    _put(whole, arrays, np.array(here, np.intp))
    for event in kept["events"]:
        members = [here[number] for number in event["members"] if here[number] >= 0]
        _join(events, peers, {**event, "members": members}, site)
    head = _newer(head, kept) | {"events": list(events.values())}
    whole["head"] = np.frombuffer(json.dumps(head).encode(), np.uint8)
    return whole


class Raw:
    """A copy of what is remembered: nothing in it changes while it is packed."""

    def __init__(
        self,
        peers: Peers,
        kept: Mapping[str, Mapping[int, bytes]],
        site_ids: Sequence[int],
        now_ms: int,
    ) -> None:
        """Take what `peers` knows now, and what other detectors keep, by their name and by site."""
        self._arrays = peers.snapshot()
        self._rigs, self._groups = peers.rigs.rows, peers.rigs.groups
        self._kept, self._site_ids = kept, site_ids
        self._now_ms = now_ms

    def packed(self) -> list[Snapshot]:
        """Make the rows."""
        states = [
            ("peers", site_id, of_site(self._arrays, self._rigs, self._groups, str(site_id)))
            for site_id in self._site_ids
        ]
        for detector, sites in self._kept.items():
            states += [(detector, site_id, state) for site_id, state in sites.items()]
        return [
            Snapshot(
                site_id=site_id,
                detector=detector,
                version=VERSIONS[detector],
                at_ms=self._now_ms,
                state=packed(state),
            )
            for detector, site_id, state in states
        ]


def _known_as(rig: Rig) -> str:
    return f"{rig.name} {rig.rated_hashrate_ths} {rig.model}"


def _loaded(data: bytes) -> dict[str, np.ndarray]:
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as found:
            return dict(found)
    except (OSError, EOFError, KeyError, TypeError, ValueError, zipfile.BadZipFile) as error:
        raise ValueError(f"snapshot: cannot be read: {error}") from None


def _put(whole: dict[str, np.ndarray], part: Arrays, here: Slots) -> None:
    known = np.flatnonzero(here >= 0)
    for name, array in whole.items():
        if name == "head":
            continue
        kept = part.get(name)
        if (
            kept is None
            or kept.dtype != array.dtype
            or kept.shape != (*array.shape[:-1], len(here))
        ):
            raise ValueError(f"snapshot: {name} is not what this version keeps")
        array[..., here[known]] = kept[..., known]


def _newer(head: dict[str, Any], kept: dict[str, Any]) -> dict[str, Any]:
    """Take what is of all rigs from whoever knows more of it."""
    gaps = max(head["gaps"], kept["gaps"], key=lambda gaps: gaps["due"])
    newest = {name: max(head[name], kept[name]) for name in ("refreshed_ms", "late")}
    return head | newest | {"gaps": gaps}


def _join(
    events: dict[tuple[int, int, int], dict[str, Any]],
    peers: Peers,
    event: dict[str, Any],
    site: str,
) -> None:
    level, name = event["level"], event.pop("name")
    is_fleet = LEVELS[level] == "fleet"
    of = Group(level=LEVELS[level], site="" if is_fleet else site, name=name)
    if of not in peers.rigs.groups[level] or not event["members"]:
        return
    number = peers.rigs.groups[level].index(of)
    known = events.setdefault((event["kind"], level, number), {**event, "number": number})
    known["members"] = sorted({*known["members"], *event["members"]})
