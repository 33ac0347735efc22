"""Take a call, whichever way it came: once, and a later modification of it instead of the earlier.

message ─► what it says of each call
what it says, and what stands of it ─► number ─► Call ─► kept, or the same as before, or refused
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lode_hub.energy.prices import Refusal
from lode_hub.energy.signals.calls import Call, Way, call_of
from lode_hub.energy.signals.message import heard
from lode_hub.energy.signals.programme import Programme
from lode_hub.errors import ConflictError, InvalidError
from lode_hub.store import Store, energy_calls
from lode_hub.store.asking import asking
from lode_hub.store.connection import Connection

_SAYS = ("from_ms", "until_ms", "reduce", "power_kw", "is_test")
Row = dict[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Ours:
    """A programme at one of our sites."""

    site_id: int
    site: str
    name: str
    told: Programme


@dataclass(frozen=True, kw_only=True, slots=True)
class Taken:
    """The numbers of the calls that a message told, and the places of those that were refused."""

    calls: tuple[int, ...]
    refused: tuple[Refusal, ...]

    @property
    def trouble(self) -> str:
        """Say what was refused; empty when nothing was."""
        if not self.refused:
            return ""
        first = self.refused[0]
        more = f", and {len(self.refused) - 1} more" if len(self.refused) > 1 else ""
        return f"call {first.line}: {first.reason}{more}"


async def take_message(
    store: Store, ours: Ours, data: bytes, way: Way, *, now_ms: int, is_retained: bool = False
) -> Taken:
    """Take the calls of a message; one that cannot be is refused and the rest goes on.

    A retained message tells what was told before: what a later modification has overtaken is none.

    Raises:
        InvalidError: it has no call in it.
        UnavailableError: the database is away; nothing is lost when it comes again.
    """
    found = heard(ours.told, data)
    taken: list[int] = []
    refused = list(found.refused)
    for place, said in found.calls:
        try:
            async with asking(store) as conn:
                taken.append(await take(conn, ours, said, way, person="", now_ms=now_ms))
        except (InvalidError, ConflictError) as error:
            if not is_retained or isinstance(error, InvalidError):
                refused.append(Refusal(line=place, reason=str(error)))
    return Taken(calls=tuple(taken), refused=tuple(sorted(refused, key=lambda one: one.line)))


async def keep_call(
    conn: Connection, site: int, call: Call, way: Way, *, person: str, now_ms: int
) -> int | None:
    """Keep a call; give its number, or None when it, or a later modification, was there."""
    return await energy_calls.add(
        conn,
        site=site,
        way=way,
        person=person,
        received_ms=now_ms,
        **{name: getattr(call, name) for name in call.__slots__},
    )


async def take(
    conn: Connection, ours: Ours, said: Mapping[str, Any], way: Way, *, person: str, now_ms: int
) -> int:
    """Take what a person or a machine says of a call; give its number. The same again is no error.

    One without a number of its modification follows what stands when it says something else. One
    that is cancelled need not say more.

    Raises:
        InvalidError: it cannot be.
        ConflictError: a later modification is there, or the same number says something else.
    """
    event = str(said.get("event"))
    known = await energy_calls.modifications(conn, ours.site_id, ours.name, event)
    where = f"call of {ours.name}, event {event[:40]}"
    call = call_of(ours.name, ours.told, _whole(said, known, where), site=ours.site)
    if len(known) >= energy_calls.MAX_MODIFICATIONS:
        raise InvalidError(f"{where}: {len(known)} modifications; give it a name of its own")
    same = next((row for row in known if _is_same(row, call, said)), None)
    if same is not None and same is known[0]:
        return int(same["call_id"])
    if same is not None and "modification" not in said:
        raise ConflictError(f"{where}: an earlier modification says so; number this one")
    kept = await keep_call(conn, ours.site_id, call, way, person=person, now_ms=now_ms)
    if kept is None:
        raise ConflictError(f"{where}: a later modification is there; number this higher")
    return kept


def _whole(said: Mapping[str, Any], known: Sequence[Row], where: str) -> dict[str, Any]:
    """Fill in the number, and of what is cancelled all that it need not say."""
    last = known[0] if known else None
    found = {"modification": 0 if last is None else last["modification"] + 1, **said}
    if said.get("is_cancelled") is True and "from_ms" not in said:
        if last is None:
            raise InvalidError(f"{where}: it is cancelled, and never came; see its event")
        found |= {name: last[name] for name in _SAYS} | {"random_s": 0.0}
    return found


def _is_same(row: Row, call: Call, said: Mapping[str, Any]) -> bool:
    """Tell whether this is a modification that is known: by its number, and by what it says.

    What it leaves to the programme does not count: that may have been another when it came first.
    """
    if "modification" in said and row["modification"] != call.modification:
        return False
    if row["is_cancelled"] or call.is_cancelled:
        return bool(row["is_cancelled"] and call.is_cancelled)
    return all(
        row[name] == getattr(call, name)
        for name in _SAYS
        if said.get(name) is not None or name in {"from_ms", "until_ms"}
    )
