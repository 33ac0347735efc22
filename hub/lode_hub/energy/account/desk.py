"""What people and machines do about energy: allowed, checked, done."""

import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol, get_args

import msgspec
import numpy as np

from lode_hub.access import Access, Right
from lode_hub.access import Person as Member
from lode_hub.energy.account.bills import of_bill
from lode_hub.energy.account.make import Made, Span, of_event, span_of, told
from lode_hub.energy.live import limits
from lode_hub.energy.live.nouns import PlannerMode
from lode_hub.energy.prices import OPEN_MS, Parsed, Refusal
from lode_hub.energy.signals import economics, programme
from lode_hub.energy.signals.calls import Way
from lode_hub.energy.signals.taking import Ours, take
from lode_hub.energy.sources import decode, described
from lode_hub.energy.sources.keep import keep
from lode_hub.energy.tariff import described as tariff_of
from lode_hub.errors import ConflictError, ForbiddenError, InvalidError, NotFoundError
from lode_hub.store import (
    Store,
    energy,
    energy_accounts,
    energy_calls,
    energy_documents,
    energy_live,
)
from lode_hub.store.asking import asking
from lode_hub.store.connection import Connection

DocumentKind = Literal["tariff", "source", "programme", "economics", "limits"]
MAX_NAME_CHARS = 60
MAX_GAPS = 100
_CHECKS: dict[str, Callable[[str, str], object]] = {
    "tariff": tariff_of,
    "source": described,
    "programme": programme.described,
    "economics": economics.described,
    "limits": limits.described,
}


class Person(Protocol):
    """Who does it."""

    @property
    def name(self) -> str:
        """The login name."""

    @property
    def role(self) -> str:
        """The role at login."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Uploaded:
    """What became of an upload: rows read, values that say something new, rows refused, gaps."""

    rows: int
    fresh: int
    refused_n: int
    refused: tuple[Refusal, ...]
    gaps_ms: tuple[tuple[int, int], ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Proof:
    """Whether an account comes out the same when it is made again from what it rests on."""

    is_same: bool
    digest: str
    digest_now: str


class EnergyDesk:
    """Keeps documents, takes uploads and calls, makes accounts, for those who may.

    Whether they may is asked anew each time, for the site it is about; what is about all sites
    needs a person who may act at all of them. Each call raises ForbiddenError otherwise, and
    NotFoundError when there is no such site.
    """

    def __init__(
        self,
        store: Store,
        access: Access,
        clock_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        self._store = store
        self._access = access
        self._clock_ms = clock_ms

    async def save(
        self, person: Person, kind: DocumentKind, name: str, body: str, *, site: str | None
    ) -> int:
        """Keep a document, or a further revision of it; give the revision's number.

        Raises:
            InvalidError: it cannot be.
        """
        await self._demand(person, "energy.manage", site)
        if kind not in get_args(DocumentKind):
            raise InvalidError(f"{kind}: no such kind; use one of {', '.join(_CHECKS)}")
        if not 0 < len(name) <= MAX_NAME_CHARS or not name.isprintable() or set(name) & set("/+#"):
            raise InvalidError(f"{kind} {name[:40]!r}: a name has 1 to 60 characters, no / + #")
        if site is None and kind != "source":
            raise InvalidError(f"{kind} {name}: of which site? only sources are of all")
        _CHECKS[kind](body, f"{kind} {name}")
        async with asking(self._store) as conn:
            number = await _site(conn, site)
            return await energy_documents.save(
                conn, number, kind, name, body, person=person.name, saved_ms=self._clock_ms()
            )

    async def remove(
        self, person: Person, kind: DocumentKind, name: str, *, site: str | None
    ) -> None:
        """Remove a document; accounts of the past still know it."""
        await self._demand(person, "energy.manage", site)
        async with asking(self._store) as conn:
            number = await _site(conn, site)
            await _body(conn, kind, name, number)
            await energy_documents.save(
                conn, number, kind, name, None, person=person.name, saved_ms=self._clock_ms()
            )

    async def set_planner(self, person: Person, site: str, mode: PlannerMode) -> None:
        """Let the planner do nothing at a site, only advise, or act; who said so is kept.

        To let it act takes the right to order; the rest may be done by who may order, or manage.

        Raises:
            InvalidError: there is no such mode.
        """
        if mode not in get_args(PlannerMode):
            raise InvalidError(f"planner {mode}: no such mode; use off, advise or act")
        member = Member(name=person.name, role=person.role)
        may_manage = await self._access.may(member, "energy.manage", site)
        if mode == "act" or not may_manage:
            await self._demand(person, "commands.order", site)
        async with asking(self._store) as conn:
            number = await _site(conn, site)
            await energy_live.set_mode(conn, number or 0, mode, person.name)

    async def upload(
        self, person: Person, source: str, data: bytes, *, site: str | None
    ) -> Uploaded:
        """Take a file of a source: what it says that is new is kept, nothing is overwritten.

        Raises:
            InvalidError: nothing of it can be read.
        """
        await self._demand(person, "energy.manage", site)
        async with asking(self._store) as conn:
            number = await _site(conn, site)
            told_source = described(await _body(conn, "source", source, number), f"source {source}")
        parsed = decode(told_source, data)
        async with asking(self._store) as conn:
            fresh = await keep(conn, number, source, parsed, self._clock_ms())
        return Uploaded(
            rows=len(parsed),
            fresh=fresh,
            refused_n=parsed.refused_n,
            refused=parsed.refused,
            gaps_ms=tuple(_gaps(parsed)),
        )

    async def call(
        self, person: Person, programme_name: str, said: Mapping[str, Any], *, site: str,
        way: Way = "page",
    ) -> int:  # fmt: skip
        """Take a call for demand response; one that is there already is the same, and no error.

        Raises:
            InvalidError: it cannot be.
            ConflictError: a later modification of it is there, or this one says something else.
        """
        await self._demand(person, "energy.call", site)
        async with asking(self._store) as conn:
            number = await _site(conn, site)
            body = await _body(conn, "programme", programme_name, number)
            told_programme = programme.described(body, f"programme {programme_name}")
            ours = Ours(site_id=number or 0, site=site, name=programme_name, told=told_programme)
            said = {"event": f"{way}-{uuid.uuid4().hex[:12]}", **said}
            return await take(conn, ours, said, way, person=person.name, now_ms=self._clock_ms())

    async def account_of_call(self, person: Person, call_id: int) -> int:
        """Make the account of a call that is over; give its number.

        Raises:
            ConflictError: it is not over.
            InvalidError: the site has no meter.
        """
        async with asking(self._store) as conn:
            call = await energy_calls.call(conn, call_id)
            if call is None:
                raise NotFoundError(f"call {call_id}: there is no such call")
        if call["until_ms"] > self._clock_ms():
            raise ConflictError(f"call {call_id}: it is not over; come back then")
        return await self._make(person, call["site"], span_of(call))

    async def account(
        self, person: Person, site: str, kind: Literal["curtailment", "plan", "day", "month"],
        subject: str, span_ms: tuple[int, int],
    ) -> int:  # fmt: skip
        """Make the account of a span; give its number.

        Raises:
            InvalidError: it is too long, in the future, or the site has no meter.
        """
        if span_ms[1] > self._clock_ms():
            raise InvalidError(f"account of {subject}: it is not over; come back then")
        span = Span(kind=kind, subject=subject[:MAX_NAME_CHARS], from_ms=span_ms[0],
                    until_ms=span_ms[1])  # fmt: skip
        return await self._make(person, site, span)

    async def prove(self, person: Person, account_id: int) -> Proof:
        """Make an account again from what it rests on, and compare.

        Raises:
            NotFoundError: there is no such account.
        """
        async with asking(self._store) as conn:
            row = await energy_accounts.account(conn, account_id)
        if row is None:
            raise NotFoundError(f"account {account_id}: there is no such account")
        await self._demand(person, "energy.account", row["site"])
        span = msgspec.convert(row["body"]["span"], Span)
        made, _ = await self._made(row["site"], span, row["as_of_ms"])
        return Proof(
            is_same=made.digest == row["digest"]
            and msgspec.json.decode(msgspec.json.encode(made.body)) == row["body"]["account"],
            digest=row["digest"],
            digest_now=made.digest,
        )

    async def _make(self, person: Person, site: str, span: Span) -> int:
        await self._demand(person, "energy.account", site)
        as_of_ms = self._clock_ms()
        made, number = await self._made(site, span, as_of_ms)
        async with asking(self._store) as conn:
            return await energy_accounts.add(
                conn,
                body={"span": span, "account": made.body},
                site=number,
                kind=span.kind,
                subject=span.subject,
                from_ms=span.from_ms,
                until_ms=span.until_ms,
                as_of_ms=as_of_ms,
                digest=made.digest,
                person=person.name,
            )

    async def _made(self, site: str, span: Span, as_of_ms: int) -> tuple[Made, int]:
        async with asking(self._store) as conn:
            number = await _site(conn, site) or 0
            documents = await told(conn, site, number, as_of_ms)
            make = of_bill if span.kind in {"day", "month"} else of_event
            return await make(conn, documents, span, as_of_ms), number

    async def _demand(self, person: Person, right: Right, site: str | None) -> None:
        member = Member(name=person.name, role=person.role)
        may = (
            self._access.may(member, right, site)
            if site
            else (self._access.may_everywhere(member, right))
        )
        if not await may:
            where = f"at {site}" if site else "at all sites"
            raise ForbiddenError(
                f"{right}: {person.name} as {person.role} may not do that {where}; ask an "
                "administrator"
            )


async def _site(conn: Connection, site: str | None) -> int | None:
    if site is None:
        return None
    number = await energy.site_id(conn, site)
    if number is None:
        raise NotFoundError(f"site {site}: there is no such site; see /api/v1/sites")
    return number


async def _body(conn: Connection, kind: DocumentKind, name: str, site: int | None) -> str:
    rows = await energy_documents.documents(conn, kind, site)
    found = [row for row in rows if row["name"] == name and row["site_id"] == site]
    if not found:
        raise NotFoundError(f"{kind} {name}: there is none; save it first")
    return str(found[-1]["body"])


def _gaps(parsed: Parsed) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    for quotes in parsed.quotes:
        ends, begins = quotes.until_ms[:-1], quotes.from_ms[1:]
        places = np.flatnonzero((ends != OPEN_MS) & (ends < begins))[:MAX_GAPS]
        found += [(int(ends[n]), int(begins[n])) for n in places]
    return found[:MAX_GAPS]
