"""A VTN of OpenADR 3, as one of its VENs sees it: its events, and what time their intervals take.

token (client credentials) ─► programs ─► events, page by page ─► intervals
"""

import datetime as dt
import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import quote, urlsplit

import httpx
import msgspec

from lode_hub.energy.secrets import Secret
from lode_hub.errors import HubError, InvalidError

PAGE = 50
MAX_LISTED = 1000
MAX_BYTES = 4 << 20
MAX_INTERVALS = 3000  # a week of five minutes is 2016
EARLY_S = 30.0
"""A token is replaced so long before its end."""

_DURATION = re.compile(
    r"P(?:(\d{1,9})Y)?(?:(\d{1,9})M)?(?:(\d{1,9})W)?(?:(\d{1,9})D)?"
    r"(?:T(?:(\d{1,9})H)?(?:(\d{1,9})M)?(?:(\d{1,9}(?:\.\d{1,9})?)S)?)?",
    re.ASCII,
)
_PARTS_S = (365 * 86_400, 30 * 86_400, 7 * 86_400, 86_400, 3600, 60, 1)


class OpenAdr(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A VTN of OpenADR 3 that is asked for events."""

    url: Annotated[str, msgspec.Meta(max_length=2000)]
    programs: tuple[str, ...] = ()  # names or ids; empty: all that it shows us
    targets: tuple[str, ...] = ()  # events for others are left out; empty: take all
    token_url: str = ""  # empty: url + /auth/token
    client_id: str = ""  # empty: no token is asked for
    client_secret: Secret | None = None  # its name among the hub's energy secrets
    ven_name: str = "lode"
    every_s: Annotated[float, msgspec.Meta(ge=5, le=3600)] = 30.0
    timeout_s: Annotated[float, msgspec.Meta(gt=0, le=60)] = 10.0

    def __post_init__(self) -> None:
        """Check the addresses."""
        for url in filter(None, (self.url, self.token_url)):
            parts = urlsplit(url)
            if parts.scheme not in {"http", "https"} or not parts.hostname or parts.password:
                raise ValueError("an address is none; expected http(s)://host without a password")


class VtnError(HubError):
    """The VTN cannot be reached, or answers what cannot be understood; a later attempt may do.

    `status` is what it answered, 0 when it did not.
    """

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


class Vtn:
    """One VTN, as one of its VENs sees it.

    Args:
        told: where it is.
        secret: the client's.
        client: by which it is asked.
    """

    def __init__(self, told: OpenAdr, secret: str, client: httpx.AsyncClient) -> None:
        self._told = told
        self._secret = secret
        self.client = client
        self._token = ""
        self._token_until_s = 0.0

    async def events(self) -> list[dict[str, Any]]:
        """Give every event of our programmes.

        Raises:
            VtnError: it does not answer, or wrongly.
        """
        wanted = await self._programs()
        return list(
            {
                str(event.get("id", "")): event
                for event in await self._listed("events")
                if _is_ours(event, wanted, self._told.targets)
            }.values()
        )

    async def report(self, report: Mapping[str, Any]) -> None:
        """Report on an event; the same report again, by its name, replaces the one before.

        Raises:
            VtnError: it does not take it.
        """
        ident = await self._known_as(report)
        if ident is None and await self._is_new(report):
            return
        ident = ident or await self._known_as(report)
        if ident is None:
            raise VtnError(f"openadr {self._host}: has this report, and does not show it")
        await self._ask("PUT", f"/reports/{quote(ident, safe='')}", json=report)

    async def _is_new(self, report: Mapping[str, Any]) -> bool:
        try:
            await self._ask("POST", "/reports", json=report)
        except VtnError as error:
            if error.status == httpx.codes.CONFLICT:
                return False
            raise
        return True

    async def _known_as(self, report: Mapping[str, Any]) -> str | None:
        """Give the VTN's id of a report that it has; an answer to us may have been lost."""
        which = {name: report[name] for name in ("programID", "eventID", "clientName")}
        for one in await self._listed("reports", **which):
            if one.get("reportName") == report["reportName"] and isinstance(one.get("id"), str):
                return str(one["id"])
        return None

    @property
    def _host(self) -> str:
        return httpx.URL(self._told.url).host

    async def _programs(self) -> frozenset[str] | None:
        if not self._told.programs:
            return None
        ids = {
            str(one.get("id"))
            for one in await self._listed("programs")
            if {str(one.get("id")), str(one.get("programName"))} & set(self._told.programs)
        }
        return frozenset(ids | set(self._told.programs))

    async def _listed(self, what: str, **which: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        for number in range(0, MAX_LISTED, PAGE):
            page = await self._ask(
                "GET", f"/{what}", params={"skip": number, "limit": PAGE} | which
            )
            if not isinstance(page, list):
                raise VtnError(f"openadr {self._host}: {what} are no list; check its url")
            found += [one for one in page if isinstance(one, dict)]
            if len(page) < PAGE:
                return found
        raise VtnError(f"openadr {self._host}: more than {MAX_LISTED} {what}; name the programs")

    async def _ask(self, method: str, path: str, **more: Any) -> Any:  # noqa: ANN401 -- JSON
        answer = await self._send(method, self._told.url.rstrip("/") + path, **more)
        if answer.status_code == httpx.codes.UNAUTHORIZED and self._token:
            self._token = ""  # it may have been revoked before its time
            answer = await self._send(method, self._told.url.rstrip("/") + path, **more)
        if not answer.is_success:
            status = answer.status_code
            raise VtnError(f"openadr {self._host}: {path} answered {status}; see there", status)
        return _json(answer.content, f"openadr {self._host}: {path}")

    async def _send(self, method: str, url: str, **more: Any) -> httpx.Response:  # noqa: ANN401
        headers = {"Accept": "application/json"}
        if self._told.client_id:
            headers["Authorization"] = f"Bearer {await self._fresh_token()}"
        return await self._request(method, url, headers=headers, **more)

    async def _fresh_token(self) -> str:
        if self._token and time.monotonic() < self._token_until_s:
            return self._token
        url = self._told.token_url or self._told.url.rstrip("/") + "/auth/token"
        form = {"grant_type": "client_credentials", "client_id": self._told.client_id,
                "client_secret": self._secret}  # fmt: skip
        answer = await self._request("POST", url, data=form)
        said = _json(answer.content, f"openadr {self._host}: token") if answer.is_success else {}
        token = said.get("access_token") if isinstance(said, dict) else None
        if not isinstance(token, str) or not token:
            raise VtnError(
                f"openadr {self._host}: no token, answered {answer.status_code}; "
                "check client_id and its secret"
            )
        lasts_s = said.get("expires_in")
        lasts_s = lasts_s if isinstance(lasts_s, int | float) else 3600.0
        self._token, self._token_until_s = token, time.monotonic() + max(0.0, lasts_s - EARLY_S)
        return token

    async def _request(self, method: str, url: str, **more: Any) -> httpx.Response:  # noqa: ANN401
        try:
            async with self.client.stream(
                method, url, timeout=self._told.timeout_s, follow_redirects=False, **more
            ) as answer:
                body = bytearray()
                async for chunk in answer.aiter_bytes():
                    body += chunk
                    if len(body) > MAX_BYTES:
                        raise VtnError(f"openadr {self._host}: more than {MAX_BYTES} bytes")
                return httpx.Response(answer.status_code, content=bytes(body))
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            said = type(error).__name__
            raise VtnError(
                f"openadr {self._host}: {said}; check its url and that it runs"
            ) from None


class Vtns:
    """The VTNs that are asked, each with its token.

    Args:
        secret: gives a secret by its name.
    """

    def __init__(self, secret: Callable[[str], str]) -> None:
        self._secret = secret
        self._kept: dict[OpenAdr, Vtn] = {}

    def of(self, told: OpenAdr, client: httpx.AsyncClient) -> Vtn:
        """Give the one that is described.

        Raises:
            SettingsError: its secret is not there.
        """
        kept = self._kept.get(told)
        if kept is None or kept.client is not client:  # the one before may be closed
            secret = self._secret(told.client_secret) if told.client_secret else ""
            kept = self._kept[told] = Vtn(told, secret, client)
        return kept

    async def events(self, told: OpenAdr, client: httpx.AsyncClient) -> list[dict[str, Any]]:
        """Give every event of our programmes.

        Raises:
            VtnError: it does not answer, or wrongly.
            SettingsError: its secret is not there.
        """
        try:
            return await self.of(told, client).events()
        except VtnError:
            self._kept.pop(told, None)  # a secret may have been replaced
            raise


@dataclass(frozen=True, kw_only=True, slots=True)
class Interval:
    """An interval of an event; `period` is what it and the event say of its time."""

    name: str
    begin_ms: int
    until_ms: int
    period: Mapping[str, Any]
    payloads: list[Any]


def intervals(event: Mapping[str, Any], now_ms: int) -> Iterator[Interval]:
    """Give the intervals of an event; one that says no begin follows the one before.

    Raises:
        InvalidError: it cannot be understood.
    """
    where = named(event)
    listed = event.get("intervals") or []
    if not isinstance(event.get("id"), str) or not isinstance(listed, list):
        raise InvalidError(f"{where}: no id, or intervals that are no list")
    if len(listed) > MAX_INTERVALS:
        raise InvalidError(f"{where}: {len(listed)} intervals, at most {MAX_INTERVALS}; split it")
    following, default = None, _object(event, "intervalPeriod", where)
    for number, interval in enumerate(listed):
        if not isinstance(interval, dict):
            raise InvalidError(f"{where}: interval {number} is no object")
        own = _object(interval, "intervalPeriod", where)
        period = {**default, **own}
        begin = _start(period, where, now_ms) if following is None or "start" in own else following
        following = begin + round(1000 * seconds(str(period.get("duration", "PT0S")), where))
        payloads = interval.get("payloads") or []
        if not isinstance(payloads, list):
            raise InvalidError(f"{where}: payloads are no list; ask who runs the VTN")
        yield Interval(
            name=f"{event['id']}/{interval.get('id', number)}", begin_ms=begin, until_ms=following,
            period=period, payloads=payloads,
        )  # fmt: skip


def value_of(payload: object, kind: str) -> object:
    """Give the first value of a payload of a kind; None when it is of another, or has none."""
    if not isinstance(payload, dict) or payload.get("type") != kind:
        return None
    values = payload.get("values")
    return values[0] if isinstance(values, list) and values else None


def named(event: Mapping[str, Any]) -> str:
    """Name an event in what is said of it."""
    return f"openadr event {event.get('id')}"


def modified_ms(event: Mapping[str, Any]) -> int:
    """Say when an event was last changed; 0: it does not say."""
    text = event.get("modificationDateTime") or event.get("createdDateTime")
    return _ms(str(text), named(event)) if text else 0


def seconds(text: str, where: str = "openadr") -> float:
    """Read an ISO 8601 duration.

    Raises:
        InvalidError: it is none.
    """
    match = _DURATION.fullmatch(text)
    if match is None or text.endswith(("P", "T")):
        raise InvalidError(f"{where}: duration {text[:40]!r}; expected one such as PT1H")
    return sum(float(part or 0) * s for part, s in zip(match.groups(), _PARTS_S, strict=True))


def _object(said: Mapping[str, Any], name: str, where: str) -> Mapping[str, Any]:
    found = said.get(name) or {}
    if not isinstance(found, dict):
        raise InvalidError(f"{where}: {name} is no object; ask who runs the VTN")
    return found


def _start(period: Mapping[str, Any], where: str, now_ms: int) -> int:
    text = str(period.get("start", ""))
    if text.startswith("0000-00-00"):  # now, by the specification
        return now_ms
    return _ms(text, where)


def _ms(text: str, where: str) -> int:
    try:
        found = dt.datetime.fromisoformat(text)
    except ValueError:
        raise InvalidError(f"{where}: time {text[:40]!r}; expected RFC 3339") from None
    if found.tzinfo is None:
        raise InvalidError(f"{where}: time {text!r} names no zone")
    return round(found.timestamp() * 1000)


def _is_ours(
    event: Mapping[str, Any], programs: frozenset[str] | None, targets: tuple[str, ...]
) -> bool:
    if programs is not None and str(event.get("programID")) not in programs:
        return False
    listed = event.get("targets")
    theirs = {
        str(value)
        for target in (listed if isinstance(listed, list) else [])
        for value in _values(target)
    }
    return not targets or not theirs or bool(theirs & set(targets))


def _values(target: object) -> list[Any]:
    values = target.get("values") if isinstance(target, dict) else [target]
    return values if isinstance(values, list) else []


def _json(body: bytes, where: str) -> Any:  # noqa: ANN401
    try:
        return msgspec.json.decode(body) if body else None
    except msgspec.DecodeError:
        raise VtnError(f"{where}: answered no JSON; check its url") from None
