"""Who is let in: people, passwords, sessions.

login(name, password, address) ─► limiter ─► hash ─► session ─► token (the browser's cookie)
token ─► person(token) ─► Person, or nobody
"""

import asyncio
import hashlib
import secrets
from collections.abc import Callable, Sequence

import structlog

from lode_hub.access.limiter import Limiter
from lode_hub.access.passwords import MAX_LENGTH, Passwords, invent, is_outdated
from lode_hub.access.people import RIGHTS, ROLES, Person, Right, Role, is_name
from lode_hub.errors import InvalidError, NotFoundError, TooManyError, UnauthorizedError
from lode_hub.settings import AccessSettings
from lode_hub.store import Store, accounts
from lode_hub.store.asking import asking

ADMIN = "admin"
_SWEEP_S = 3600.0

_log = structlog.get_logger(__name__)


class Access:
    """Logs people in and out, and knows who a token belongs to."""

    def __init__(self, store: Store, settings: AccessSettings) -> None:
        self._store = store
        self._passwords = Passwords()
        self._idle_s = settings.idle_h * 3600
        self._absolute_s = settings.absolute_d * 86400
        self._accounts = Limiter(settings.attempts, settings.attempts_s)
        self._addresses = Limiter(settings.address_attempts, settings.attempts_s)

    @property
    def absolute_s(self) -> float:
        """How long a session lasts at most, in seconds."""
        return self._absolute_s

    async def login(self, name: str, password: str, address: str) -> tuple[str, Person]:
        """Log somebody in from an address; give the token of a fresh session.

        Raises:
            TooManyError: too many failures of this account or address lately.
            UnauthorizedError: name and password do not fit.
            UnavailableError: the database does not answer.
        """
        # Counted before the work, so that many tries at once count as many.
        keys = ((self._accounts, name.casefold()[:MAX_LENGTH]), (self._addresses, address))
        wait_s = max(limiter.wait_s(key) for limiter, key in keys)
        if wait_s > 0:
            raise TooManyError(
                f"login: too many attempts; try again in {wait_s:.0f} s", retry_s=wait_s
            )
        for limiter, key in keys:
            limiter.count(key)
        account = await self._account(name, password)
        if account is None:
            _log.warning("login refused", address=address)
            raise UnauthorizedError("login: name and password do not fit; check both")
        self._accounts.forget(keys[0][1])
        self._addresses.uncount(address)  # its failures with other names still count
        token = secrets.token_urlsafe(32)
        async with asking(self._store) as conn:
            await accounts.open_session(conn, _digest(token), account.person_id, address)
        return token, Person(name=account.name, role=account.role)

    async def person(self, token: str) -> Person | None:
        """Tell whose living session a token is.

        Raises:
            UnavailableError: the database does not answer.
        """
        if not token or len(token) > MAX_LENGTH:
            return None
        async with asking(self._store) as conn:
            found = await accounts.session(conn, _digest(token), self._idle_s, self._absolute_s)
        return Person(name=found[0], role=found[1]) if found else None

    async def logout(self, token: str) -> None:
        """End a session."""
        async with asking(self._store) as conn:
            await accounts.end_session(conn, _digest(token))

    async def may(self, person: Person, right: Right, site: str | None = None) -> bool:
        """Tell whether a person has a right now, and at this site, whatever it was at login."""
        async with asking(self._store) as conn:
            found = await accounts.standing(conn, person.name)
        if found is None or not Person(name=person.name, role=found[0]).may(right):
            return False
        sites = found[1]
        return site is None or sites is None or site in sites

    async def may_everywhere(self, person: Person, right: Right) -> bool:
        """Tell whether a person has a right now at every site there is."""
        async with asking(self._store) as conn:
            found = await accounts.standing(conn, person.name)
        is_limited = found is None or found[1] is not None
        return not is_limited and await self.may(person, right)

    async def greet(self, show: Callable[[str], None]) -> None:
        """Make the first person when there is none, and show the password, this once."""
        async with self._store.pool.connection() as conn:
            if await accounts.count(conn):
                return
            password = invent()
            hashed = await self._passwords.hash(password)
            async with conn.transaction():
                if await accounts.add(conn, ADMIN, "admin", hashed):
                    show(password)

    async def reset_password(self, name: str) -> str:
        """Give a person a new password, end their sessions, and say it.

        Raises:
            NotFoundError: there is no such person.
        """
        password = invent()
        hashed = await self._passwords.hash(password)
        async with self._store.pool.connection() as conn:
            if not await accounts.set_password(conn, name, hashed):
                raise NotFoundError(f"access: no person is called {name!r}; check the name")
        return password

    async def add(self, name: str, role: str, sites: Sequence[str] | None = None) -> str:
        """Add a person with a role, at these sites only if they are given; say the first password.

        Raises:
            InvalidError: the name or the role cannot be, or the name is taken.
        """
        if not is_name(name) or role not in ROLES:
            raise InvalidError(
                f"access: {name!r} as {role!r} cannot be; a name has small letters, digits and "
                f"_.@-, a role is one of {', '.join(ROLES)}"
            )
        password = invent()
        hashed = await self._passwords.hash(password)
        async with self._store.pool.connection() as conn:
            if not await accounts.add(conn, name, role, hashed, sites):
                raise InvalidError(f"access: {name!r} is taken; choose another name")
        return password

    async def run(self) -> None:
        """Throw out sessions that have run out, every hour."""
        while True:
            async with asking(self._store) as conn:
                await accounts.sweep(conn, self._idle_s, self._absolute_s)
            await asyncio.sleep(_SWEEP_S)

    async def _account(self, name: str, password: str) -> accounts.Account | None:
        is_possible = is_name(name) and len(password) <= MAX_LENGTH
        async with asking(self._store) as conn:
            account = await accounts.find(conn, name if is_possible else "")
        if account is not None and account.is_disabled:
            account = None
        stored = account.password_hash if account else None
        if not await self._passwords.fits(password[:MAX_LENGTH], stored) or account is None:
            return None
        if is_outdated(account.password_hash):
            async with asking(self._store) as conn:
                hashed = await self._passwords.hash(password)
                await accounts.rehash(conn, account.person_id, hashed)
        return account


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


__all__ = ["ADMIN", "RIGHTS", "ROLES", "Access", "Person", "Right", "Role", "is_name"]
