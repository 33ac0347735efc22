"""Prices and why, tariffs and sources, calls for demand response, bills and accounts."""

from http import HTTPStatus
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Body, Path, Query, Request
from fastapi.responses import PlainTextResponse
from pydantic import BaseModel, ConfigDict, Field

from lode_hub.actions import Actions
from lode_hub.api.parts import Asker, Limit, Offset, Text
from lode_hub.api.problems import answers
from lode_hub.energy.account.desk import Proof, Uploaded
from lode_hub.errors import InvalidError, NotFoundError
from lode_hub.queries import Queries
from lode_hub.queries.energy_nouns import (
    AccountRow,
    BillRow,
    BreakEven,
    CallRow,
    DocumentKind,
    DocumentRow,
    HashpriceNow,
    HourRow,
    PriceNow,
    PriceSeries,
    ProgrammeRow,
    SourceRow,
)
from lode_hub.queries.simulations import Simulated

Site = Annotated[str, Path(max_length=64)]
Name = Annotated[str, Path(min_length=1, max_length=60)]
Number = Annotated[int, Path(ge=1, le=2**63 - 1)]
Ms = Annotated[int, Query(ge=0, lt=2**53, description="Unix ms")]
_ALL = "-"
_ASKED = answers(HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND)
_SIMULATED = answers(HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT)
_ACTED = answers(
    HTTPStatus.BAD_REQUEST, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT
)


class Csv(PlainTextResponse):
    """A table as text."""

    media_type = "text/csv"


class _Said(BaseModel):
    model_config = ConfigDict(extra="forbid")


class DocumentSaid(_Said):
    """A document as TOML."""

    body: str = Field(max_length=200_000)


class CallSaid(_Said):
    """A call; what it does not say is the programme's. `event` names it for ever.

    Without a `modification` it follows the one that stands, if it says something else.
    """

    event: str | None = Field(default=None, min_length=1, max_length=200)
    modification: int | None = Field(default=None, ge=0, lt=2**53)
    from_ms: int | None = Field(default=None, ge=0, lt=2**53)  # not needed to cancel
    until_ms: int | None = Field(default=None, ge=0, lt=2**53)
    reduce: Literal["to", "by", "all"] | None = None
    power_kw: float | None = Field(default=None, ge=0)
    random_s: float = Field(default=0.0, ge=0, le=86_400)
    is_test: bool = False
    is_cancelled: bool = False


class AccountSaid(_Said):
    """What an account is to be about: a call, or a span."""

    call_id: int | None = Field(default=None, ge=1, le=2**63 - 1)
    kind: Literal["curtailment", "plan", "day", "month"] | None = None
    subject: str = Field(default="", max_length=60)
    from_ms: int | None = Field(default=None, ge=0, lt=2**53)
    until_ms: int | None = Field(default=None, ge=0, lt=2**53)


class Made(BaseModel):
    """The number of what was made."""

    id: int


def routes(queries: Queries, actions: Actions) -> APIRouter:
    """Give the routes."""
    router = APIRouter(prefix="/energy", tags=["energy"], responses=answers())
    _add_prices(router, queries)
    _add_money(router, queries)
    _add_documents(router, queries, actions)
    _add_calls(router, queries, actions)
    _add_accounts(router, queries)
    _add_making(router, actions)
    return router


def _add_prices(router: APIRouter, queries: Queries) -> None:
    @router.get("/{site}/price", summary="What a MWh costs now, and why", responses=_ASKED)
    async def price(site: Site, at_ms: Ms | None = None) -> PriceNow:
        return await queries.energy.price_now(site, at_ms)

    @router.get("/{site}/prices", summary="Prices over a span, as known then", responses=_ASKED)
    async def prices(
        site: Site,
        from_ms: Ms,
        until_ms: Ms,
        step_s: Annotated[float, Query(ge=1, le=86_400)] = 900.0,
        known_ms: Ms | None = None,
    ) -> PriceSeries:
        return await queries.energy.price_series(site, from_ms, until_ms, step_s, known_ms)

    @router.get("/{site}/hashprice", summary="What a TH/s earns, and how sure", responses=_ASKED)
    async def hashprice(site: Site) -> HashpriceNow:
        return await queries.energy.hashprice(site)

    @router.get("/{site}/sources", summary="How the sources fare", responses=_ASKED)
    async def sources(site: Site) -> list[SourceRow]:
        return await queries.energy.sources(site)


def _add_money(router: APIRouter, queries: Queries) -> None:
    @router.get("/{site}/hours", summary="What each hour cost and brought", responses=_ASKED)
    async def hours(site: Site, from_ms: Ms, until_ms: Ms) -> list[HourRow]:
        return await queries.energy.hours(site, from_ms, until_ms)

    @router.get("/{site}/break-even", summary="Break-even price by model", responses=_ASKED)
    async def break_even(site: Site) -> list[BreakEven]:
        return await queries.energy.break_even(site)

    @router.post(
        "/{site}/bill", summary="What a span would have cost by a tariff", responses=_ASKED
    )
    async def bill(
        site: Site, from_ms: Ms, until_ms: Ms, said: DocumentSaid | None = None
    ) -> BillRow:
        tariff = said.body if said else None
        return await queries.energy.simulated_bill(site, from_ms, until_ms, tariff)

    @router.post(
        "/{site}/simulation",
        summary="What planning a span that is over would have earned, by a tariff",
        responses=_SIMULATED,
    )
    async def simulation(
        site: Site, from_ms: Ms, until_ms: Ms, said: DocumentSaid | None = None
    ) -> Simulated:
        tariff = said.body if said else None
        return await queries.energy.simulations.run(site, from_ms, until_ms, tariff)


def _add_documents(router: APIRouter, queries: Queries, actions: Actions) -> None:
    @router.get("/{site}/documents/{kind}", summary="Documents as written", responses=_ASKED)
    async def documents(site: Site, kind: DocumentKind) -> list[DocumentRow]:
        return await queries.energy.documents(site, kind)

    @router.put(
        "/{site}/documents/{kind}/{name}",
        summary="Keep a document, or a further revision; site - is all sites",
        responses=_ACTED,
    )
    async def save(
        site: Site, kind: DocumentKind, name: Name, said: DocumentSaid, person: Asker
    ) -> Made:
        number = await actions.energy.save(person, kind, name, said.body, site=_one(site))
        return Made(id=number)

    @router.delete(
        "/{site}/documents/{kind}/{name}",
        summary="Remove a document",
        status_code=HTTPStatus.NO_CONTENT,
        responses=_ACTED,
    )
    async def remove(site: Site, kind: DocumentKind, name: Name, person: Asker) -> None:
        await actions.energy.remove(person, kind, name, site=_one(site))

    @router.post(
        "/{site}/sources/{name}/upload",
        summary="Take a file of a source, at most 1 MB; nothing is overwritten",
        responses=_ACTED,
    )
    async def upload(site: Site, name: Name, request: Request, person: Asker) -> Uploaded:
        return await actions.energy.upload(person, name, await request.body(), site=_one(site))


def _add_calls(router: APIRouter, queries: Queries, actions: Actions) -> None:
    @router.get("/calls", summary="Calls for demand response")
    async def calls(
        site: Text = None, from_ms: Ms | None = None, until_ms: Ms | None = None
    ) -> list[CallRow]:
        return await queries.energy.calls(site, from_ms=from_ms, until_ms=until_ms)

    @router.get("/{site}/programmes", summary="How calls can come", responses=_ASKED)
    async def programmes(site: Site) -> list[ProgrammeRow]:
        return await queries.energy.programmes(site)

    @router.post(
        "/{site}/programmes/{name}/calls",
        summary="Take a call; the same again is no second one",
        status_code=HTTPStatus.CREATED,
        responses=_ACTED,
    )
    async def call(site: Site, name: Name, said: CallSaid, person: Asker) -> Made:
        given: dict[str, Any] = said.model_dump(exclude_none=True)
        return Made(id=await actions.energy.call(person, name, given, site=site, way="api"))


def _add_accounts(router: APIRouter, queries: Queries) -> None:
    @router.get("/accounts", summary="Accounts, the latest time first")
    async def accounts(
        site: Text = None, limit: Limit = 100, offset: Offset = 0
    ) -> list[AccountRow]:
        return await queries.energy.accounts(site, limit=limit, offset=offset)

    @router.get("/accounts/{number}", summary="One account", responses=_ASKED)
    async def account(number: Number) -> AccountRow:
        found = await queries.energy.account(number)
        if found is None:
            raise NotFoundError(f"account {number}: there is no such account")
        return found

    @router.get(
        "/accounts/{number}/csv",
        summary="One account as CSV",
        response_class=Csv,
        responses=_ASKED,
    )
    async def account_csv(number: Number) -> Csv:
        text = await queries.energy.account_csv(number)
        if text is None:
            raise NotFoundError(f"account {number}: there is no such account")
        name = {"Content-Disposition": f'attachment; filename="account-{number}.csv"'}
        return Csv(text, headers=name)


def _add_making(router: APIRouter, actions: Actions) -> None:
    @router.post("/accounts/{number}/proof", summary="Make it again, compare", responses=_ACTED)
    async def prove(number: Number, person: Asker) -> Proof:
        return await actions.energy.prove(person, number)

    @router.post(
        "/{site}/accounts",
        summary="Make the account of a call that is over, or of a span",
        status_code=HTTPStatus.CREATED,
        responses=_ACTED,
    )
    async def make(site: Site, said: Annotated[AccountSaid, Body()], person: Asker) -> Made:
        if said.call_id is not None:
            return Made(id=await actions.energy.account_of_call(person, said.call_id))
        if said.kind is None or said.from_ms is None or said.until_ms is None:
            raise InvalidError("account: of what? give call_id, or kind, from_ms and until_ms")
        span = (said.from_ms, said.until_ms)
        return Made(id=await actions.energy.account(person, site, said.kind, said.subject, span))


def _one(site: str) -> str | None:
    return None if site == _ALL else site
