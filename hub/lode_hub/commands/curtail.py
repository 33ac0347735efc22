"""Curtailments: look at who would be taken and why the others not, then begin with just those.

Ask ─► preview (kept) ─► start: still so? ─► one lease for each agent ─► release
"""

import secrets
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from lode_hub.commands import choose, pace
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
            chosen = _chosen(choice, rigs, site_power_w, source)
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
        choice = _still(ask, row["chosen"], rigs)

        async def first(conn: Connection) -> None:
            await _check_begin(conn, curtailment_id, choice)
            before = row["chosen"]
            power_w, source = before["site_power_w"], before["site_power_source"]
            chosen = _chosen(choice, rigs.values(), power_w, source)
            await commands_curtail.begin(conn, curtailment_id, person.name, chosen)

        wanted = [
            Wanted(
                person.name,
                _lease(mine, terms),
                sited(place),
                rules.LEASE_VALID_S,
                curtailment_id=curtailment_id,
                expected_w={rig.name: rig.power_w for rig in mine},
            )
            for place in places
            if (mine := [rig for rig in choice.taken if rig.agent == place.agent])
        ]
        asked = ["start", curtailment_id]
        return await self._desk.write_down(person, wanted, asked, request, first)

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
                person.name,
                orders.Release(lease=lease["id"]),
                sited(places[lease["agent"]]),
                rules.LEASE_VALID_S,
                curtailment_id=curtailment_id,
            )
            for lease in leases
            if lease["agent"] in places
        ]
        asked = ["release", curtailment_id]
        return await self._desk.write_down(person, wanted, asked, request, first)


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
    known = (rig.draw_w for rig in rigs if rig.state != "silent")
    figures = [draw_w for draw_w in known if draw_w is not None]
    return (sum(figures), "rigs") if figures else (None, "none")


def _needed(ask: Ask, site_power_w: float | None) -> float | None:
    if ask.reduce_by_w is not None:
        return ask.reduce_by_w
    if ask.reduce_to_w is None:
        return None
    if site_power_w is None:
        raise ConflictError(f"site {ask.site}: its power is not known now; reduce by an amount")
    return max(0.0, site_power_w - ask.reduce_to_w)


def _chosen(
    choice: Choice, rigs: Iterable[Candidate], site_power_w: float | None, source: str
) -> dict[str, Any]:
    taken = {rig.device_id for rig in choice.taken}
    down_s, up_s = pace.least_s(rig for rig in rigs if rig.device_id in taken)
    return {
        "site_power_w": site_power_w,
        "site_power_source": source,
        "needed_w": choice.needed_w,
        "expected_w": choice.expected_w,
        "is_enough": choice.is_enough,
        "down_s": down_s,
        "up_s": up_s,
        "feeders": choice.feeders,
        "taken": choice.taken,
        "skipped": choice.skipped,
    }


def _read_asked(row: Mapping[str, Any]) -> tuple[Ask, Terms]:
    asked = row["asked"]
    return msgspec.convert(asked["ask"], Ask), msgspec.convert(asked["terms"], Terms)


def _read_taken(chosen: Mapping[str, Any]) -> list[TakenRig]:
    return msgspec.convert(chosen["taken"], list[TakenRig])


def _still(ask: Ask, before: Mapping[str, Any], rigs: Mapping[int, Candidate]) -> Choice:
    """Leave out of what was chosen those who can no longer be taken."""
    taken: list[TakenRig] = []
    skipped = msgspec.convert(before["skipped"], list[SkippedRig])
    for rig in _read_taken(before):
        now = rigs.get(rig.device_id)
        why = choose.obstacle(ask, now) if now else ("unreachable", "no longer configured")
        if why is None:
            taken.append(rig)
        else:
            reason, detail = why
            skipped.append(
                SkippedRig(device_id=rig.device_id, name=rig.name, reason=reason, detail=detail)
            )
    return Choice(needed_w=before["needed_w"], taken=taken, skipped=skipped)


async def _check_begin(conn: Connection, curtailment_id: str, choice: Choice) -> None:
    """Let none begin that has begun, is old, or is no longer what was shown."""
    row = await commands_curtail.locked(conn, curtailment_id)
    if row is None or row["started_ms"] is not None:
        raise ConflictError(f"curtailment {curtailment_id}: it has begun already")
    again = f"preview it again; curtailment {curtailment_id}"
    if row["age_s"] > FRESH_S:
        raise ConflictError(f"{again}: its preview is old")
    if not choice.taken:
        raise ConflictError(f"{again}: no rig can be taken")
    shown_w = sum(rig.power_w for rig in _read_taken(row["chosen"]))
    if choice.expected_w < (1 - MAY_CHANGE) * shown_w:
        raise ConflictError(
            f"{again}: of {shown_w:.0f} W only {choice.expected_w:.0f} W can still be taken"
        )
    held = await commands_curtail.held(conn, row["site"], [r.device_id for r in choice.taken])
    if held:
        raise ConflictError(f"{again}: another lease has just taken {held} of its rigs")


def _lease(taken: Sequence[TakenRig], terms: Terms) -> orders.Curtail:
    step = orders.Step(wish=orders.Sleep(), devices=tuple(rig.name for rig in taken))
    return orders.Curtail(steps=(step,), terms=terms)
