"""Curtailments: look at who would be taken and why the others not, then begin with just those.

Ask ─► preview (kept) ─► start: still so? ─► one lease for each agent ─► release
"""

import secrets
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from lode_hub.commands import choose
from lode_hub.commands import orders as rules
from lode_hub.commands.choose import Ask, Candidate, Choice
from lode_hub.commands.desk import Desk, Person
from lode_hub.commands.make import Wanted, sited
from lode_hub.errors import ConflictError, InvalidError, NotFoundError
from lode_hub.queries.command_nouns import SkippedRig, TakenRig
from lode_hub.store import Connection, commands, commands_curtail
from lode_hub.store.asking import asking
from lode_wire import orders
from lode_wire.orders import Terms

FRESH_S = 600.0
"""How long a preview can be begun."""

MAY_CHANGE = 0.1
"""The share of the expected power that may be gone when a preview is begun."""

MAX_EXCLUDED = 20_000
MOST_W = 1e9


class Curtailments:
    """Previews, begins and releases curtailments."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def preview(self, person: Person, ask: Ask, terms: Terms | None = None) -> str:
        """Choose rigs for a curtailment and do nothing; give the id to look at and begin it by.

        Raises:
            ForbiddenError: the person may not order anything there.
            NotFoundError: there is no such site.
            InvalidError: the ask contradicts itself.
        """
        terms = terms or Terms()
        _check(ask)
        rules.check_whole(
            orders.Curtail(steps=(orders.Step(wish=orders.Sleep(), devices=("-",)),), terms=terms),
            None,
            self._desk.clock_ms(),
        )
        await self._desk.demand(person, "commands.order", ask.site)
        curtailment_id = secrets.token_hex(16)
        async with asking(self._desk.store) as conn:
            if not await commands.places_of_site(conn, ask.site):
                raise NotFoundError(f"site {ask.site!r}: no agent is there; see /api/v1/sites")
            rigs = await _candidates(conn, ask.site)
            site_power_w, source = await _site_power(conn, ask.site, rigs)
            choice = choose.choose(ask, rigs, _needed(ask, site_power_w))
            asked = {"ask": ask, "terms": terms}
            chosen = _chosen(choice, site_power_w, source)
            await commands_curtail.add(conn, curtailment_id, ask.site, person.name, asked, chosen)
        return curtailment_id

    async def start(self, person: Person, curtailment_id: str, *, request: str = "") -> list[str]:
        """Begin a preview with the rigs it showed; give its leases, one for each agent.

        Raises:
            ForbiddenError: the person may not order anything there.
            NotFoundError: there is no such preview.
            ConflictError: it has begun, is too old, would take nobody, or too much has changed.
        """
        async with asking(self._desk.store) as conn:
            row = await commands_curtail.curtailment(conn, curtailment_id)
            if row is None:
                raise NotFoundError(f"curtailment {curtailment_id}: there is none; preview it")
            rigs = {rig.device_id: rig for rig in await _candidates(conn, row["site"])}
            places = await commands.places_of_site(conn, row["site"])
        await self._desk.demand(person, "commands.order", row["site"])
        ask, terms = _read_asked(row)
        taken, lost = _still(ask, _read_taken(row), rigs)
        before = row["chosen"]
        skipped = msgspec.convert(before["skipped"], list[SkippedRig]) + lost
        choice = Choice(needed_w=before["needed_w"], taken=taken, skipped=skipped)
        chosen = _chosen(choice, before["site_power_w"], before["site_power_source"])

        async def first(conn: Connection) -> None:
            locked = await commands_curtail.locked(conn, curtailment_id)
            if locked is None or locked["started_ms"] is not None:
                raise ConflictError(f"curtailment {curtailment_id}: it has begun already")
            _check_fresh(curtailment_id, locked, taken)
            await commands_curtail.begin(conn, curtailment_id, person.name, chosen)

        wanted = [
            Wanted(
                actor=person.name,
                intent=_lease(mine, terms),
                place=sited(place),
                valid_s=rules.LEASE_VALID_S,
                curtailment_id=curtailment_id,
                expected_w={rig.name: rig.power_w for rig in mine},
            )
            for place in places
            if (mine := [rig for rig in taken if rig.agent == place.agent])
        ]
        asked = ["start", curtailment_id]
        return await self._desk.make(person, wanted, asked, request, first)

    async def release(self, person: Person, curtailment_id: str, *, request: str = "") -> list[str]:
        """End a curtailment now, as its terms say; give the commands that do.

        Raises:
            ForbiddenError: the person may not order anything there.
            NotFoundError: there is no such curtailment.
            ConflictError: none of its leases holds any more.
        """
        async with asking(self._desk.store) as conn:
            row = await commands_curtail.curtailment(conn, curtailment_id)
            if row is None:
                raise NotFoundError(f"curtailment {curtailment_id}: there is none")
            leases = await commands_curtail.open_leases(conn, curtailment_id)
            places = {p.agent: p for p in await commands.places_of_site(conn, row["site"])}
        await self._desk.demand(person, "commands.order", row["site"])

        async def first(_: Connection) -> None:
            if not leases:
                raise ConflictError(f"curtailment {curtailment_id}: it holds nothing any more")

        wanted = [
            Wanted(
                actor=person.name,
                intent=orders.Release(lease=lease["id"]),
                place=sited(places[lease["agent"]]),
                valid_s=rules.LEASE_VALID_S,
                curtailment_id=curtailment_id,
            )
            for lease in leases
            if lease["agent"] in places
        ]
        asked = ["release", curtailment_id]
        return await self._desk.make(person, wanted, asked, request, first)


def _check(ask: Ask) -> None:
    if ask.reduce_to_w is not None and ask.reduce_by_w is not None:
        raise InvalidError("curtailment: reduce to, or reduce by, not both")
    for name in ("reduce_to_w", "reduce_by_w", "min_power_w"):
        value = getattr(ask, name)
        if value is not None and not 0 <= value <= MOST_W:
            raise InvalidError(f"{name}: {value:g}, expected 0 to {MOST_W:g}")
    if len(ask.excluding) > MAX_EXCLUDED:
        raise InvalidError(f"excluding: {len(ask.excluding)} names, at most {MAX_EXCLUDED}")


async def _candidates(conn: Connection, site: str) -> list[Candidate]:
    return [Candidate(**row) for row in await commands_curtail.candidates(conn, site)]


async def _site_power(
    conn: Connection, site: str, rigs: Sequence[Candidate]
) -> tuple[float | None, str]:
    metered_w = await commands_curtail.metered_w(conn, site)
    if metered_w is not None:
        return metered_w, "meters"
    figures = [r.power_w for r in rigs if r.power_w is not None and r.state != "silent"]
    return (sum(figures), "rigs") if figures else (None, "none")


def _needed(ask: Ask, site_power_w: float | None) -> float | None:
    if ask.reduce_by_w is not None:
        return ask.reduce_by_w
    if ask.reduce_to_w is None:
        return None
    if site_power_w is None:
        raise ConflictError(f"site {ask.site}: its power is not known now; reduce by an amount")
    return max(0.0, site_power_w - ask.reduce_to_w)


def _chosen(choice: Choice, site_power_w: float | None, source: str) -> dict[str, Any]:
    return {
        "site_power_w": site_power_w,
        "site_power_source": source,
        "needed_w": choice.needed_w,
        "expected_w": choice.expected_w,
        "is_enough": choice.is_enough,
        "feeders": choice.feeders,
        "taken": choice.taken,
        "skipped": choice.skipped,
    }


def _read_asked(row: Mapping[str, Any]) -> tuple[Ask, Terms]:
    asked = row["asked"]
    return msgspec.convert(asked["ask"], Ask), msgspec.convert(asked["terms"], Terms)


def _read_taken(row: Mapping[str, Any]) -> list[TakenRig]:
    return msgspec.convert(row["chosen"]["taken"], list[TakenRig])


def _still(
    ask: Ask, taken: Sequence[TakenRig], rigs: Mapping[int, Candidate]
) -> tuple[list[TakenRig], list[SkippedRig]]:
    """Part those that can still be taken from those that no longer can."""
    kept: list[TakenRig] = []
    lost: list[SkippedRig] = []
    for rig in taken:
        now = rigs.get(rig.device_id)
        why = choose.obstacle(ask, now) if now else ("unreachable", "no longer configured")
        if why is None:
            kept.append(rig)
        else:
            lost.append(
                SkippedRig(device_id=rig.device_id, name=rig.name, reason=why[0], detail=why[1])
            )
    return kept, lost


def _check_fresh(curtailment_id: str, row: Mapping[str, Any], taken: Sequence[TakenRig]) -> None:
    if row["age_s"] > FRESH_S:
        raise ConflictError(f"curtailment {curtailment_id}: its preview is old; preview it again")
    shown_w = sum(rig.power_w for rig in _read_taken(row))
    kept_w = sum(rig.power_w for rig in taken)
    if not taken:
        raise ConflictError(f"curtailment {curtailment_id}: no rig can be taken; preview it again")
    if kept_w < (1 - MAY_CHANGE) * shown_w:
        raise ConflictError(
            f"curtailment {curtailment_id}: of {shown_w:.0f} W only {kept_w:.0f} W can still be "
            "taken; preview it again"
        )


def _lease(taken: Sequence[TakenRig], terms: Terms) -> orders.Curtail:
    step = orders.Step(wish=orders.Sleep(), devices=tuple(rig.name for rig in taken))
    return orders.Curtail(steps=(step,), terms=terms)
