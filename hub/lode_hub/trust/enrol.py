"""Let agents in by a one-time token, keep them in by renewal, throw them out.

token(agent, site) ─► shown once ─► enrol(token, signing request) ─► Enrolled: certificate and more
                                    renew(certificate, nonce, signature) ─► Renewed, signed
                                    revoke(agent) ─► no broker, no renewal, no batch
"""

import base64
import datetime as dt
import hashlib
import hmac
import json
import secrets
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import structlog
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from lode_hub.access.limiter import Limiter
from lode_hub.errors import InvalidError, NotFoundError, TooManyError, UnauthorizedError
from lode_hub.settings import TrustSettings
from lode_hub.store import Connection, Store
from lode_hub.store import trust as table
from lode_hub.store.asking import asking
from lode_hub.trust.ca import MAX_PEM_BYTES, Authority, Issued, check_names, key_id, put
from lode_hub.trust.ca import requested_key as key_of
from lode_hub.trust.lists import Guest, Roll
from lode_wire import topics

RENEWAL = b"lode renewal 1\n"
RENEWED = b"lode renewed 1\n"
"""What the signatures of a renewal and of its answer begin with, so that they mean nothing else."""

MAX_TOKEN_CHARS = 128
_ATTEMPTS, _ATTEMPTS_S = 20, 300.0  # of an address
_RENEWALS, _RENEWALS_S = 10, 600.0  # of an agent; more is a fault of its own
_MAX_NONCE_BYTES = 64
_REFUSED = (
    "token: not known, used or run out; ask for another: lode-hub agent token NAME --site SITE"
)

_log = structlog.get_logger(__name__)

Login = Literal["certificate", "password"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Broker:
    """How agents come to the broker."""

    urls: Sequence[str]
    login: Login
    ca: str = ""  # PEM: who may have signed the broker's certificate; empty: the system's list


@dataclass(frozen=True, kw_only=True, slots=True)
class Invitation:
    """A token, to be shown once."""

    token: str
    agent: str
    site: str
    expires_at: dt.datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Renewed:
    """What an agent gets at a renewal."""

    certificate: str
    urls: Sequence[str]
    login: Login
    broker_ca: str
    command_keys: str  # PEM: who may sign commands


@dataclass(frozen=True, kw_only=True, slots=True)
class Enrolled(Renewed):
    """What an agent gets once, when it is let in."""

    agent: str
    site: str
    partition: int
    ca: str
    password: str  # for a broker without client certificates; else empty


class Trust:
    """Knows who belongs to this hub.

    Args:
        store: keeps it.
        folder: the authority's, for the secret that broker passwords come from.
        authority: certifies.
        settings: how long what is good.
        broker: what agents are told of the broker.
        command_keys: gives the public keys of commands, as PEM.
    """

    def __init__(
        self,
        store: Store,
        folder: Path,
        authority: Authority,
        settings: TrustSettings,
        broker: Broker,
        *,
        command_keys: Callable[[], bytes],
    ) -> None:
        self._store = store
        self._authority = authority
        self._settings = settings
        self._broker = broker
        self._command_keys = command_keys
        self._secret = _secret(folder / "broker-passwords.key")
        self._addresses = Limiter(_ATTEMPTS, _ATTEMPTS_S)
        self._renewals = Limiter(_RENEWALS, _RENEWALS_S)

    async def invite(self, agent: str, site: str, by: str) -> Invitation:
        """Make a token by which one agent comes in, once; earlier ones of its name end.

        Raises:
            InvalidError: the names cannot be.
        """
        check_names(agent, site)
        id_, secret = secrets.token_hex(8), secrets.token_urlsafe(32)
        fresh = table.Token(id=id_, secret_hash=_digest(secret), agent=agent, site=site)
        async with asking(self._store) as conn:
            expires_at = await table.add_token(conn, fresh, by, self._settings.token_h)
        _log.info("agent invited", agent=agent, site=site, by=by, token=id_)
        return Invitation(token=f"{id_}.{secret}", agent=agent, site=site, expires_at=expires_at)

    async def enrol(self, token: str, request: str, address: str) -> Enrolled:
        """Let an agent in; the same token serves again for the same key, should the answer be lost.

        Raises:
            TooManyError: too many attempts from this address lately.
            InvalidError: the signing request is none.
            UnauthorizedError: the token is not good.
        """
        _count(self._addresses, address)
        key = key_of(request[:MAX_PEM_BYTES].encode())
        id_, _, secret = token[:MAX_TOKEN_CHARS].partition(".")
        async with asking(self._store) as conn, conn.transaction():
            found = await table.token(conn, id_) if id_.isalnum() else None
            stored = found.secret_hash if found else _digest("")
            fits = hmac.compare_digest(stored, _digest(secret))
            name = key_id(key)
            if found is None or not fits or found.used_by_key not in {None, name}:
                _log.warning("enrolment refused", address=address, token=id_[:16])
                raise UnauthorizedError(_REFUSED)
            nonce = secrets.token_hex(16)
            lifetime = self._lifetime
            issued = self._authority.certify(key, found.agent, found.site, lifetime)
            await table.use_token(conn, id_, name)
            await table.enrol(conn, found.agent, found.site, name, nonce, address)
            await self._remember(conn, issued)
            await table.notify(conn)
        self._addresses.uncount(address)
        _log.info(
            "agent enrolled", agent=issued.agent, site=issued.site, address=address,
            token=id_, serial=issued.serial, key=issued.key_id,
        )  # fmt: skip
        return Enrolled(
            **asdict(self._renewed(issued)),
            agent=issued.agent,
            site=issued.site,
            partition=topics.partition_of(issued.site),
            ca=self._authority.pem,
            password=self._password(nonce) if self._broker.login == "password" else "",
        )

    async def renew(
        self, certificate: str, nonce: str, signature: bytes, address: str
    ) -> tuple[str, bytes]:
        """Give an agent the next certificate for its key; the answer is signed over its nonce.

        Raises:
            TooManyError: too many attempts from this address, or of this agent, lately.
            InvalidError: the certificate cannot be read.
            UnauthorizedError: the certificate is not good any more, or not the sender's.
        """
        _count(self._addresses, address)
        try:
            shown = x509.load_pem_x509_certificate(certificate[:MAX_PEM_BYTES].encode())
            key = shown.public_key()
        except ValueError as error:
            raise InvalidError(f"renewal: no certificate: {error}") from error
        said = RENEWAL + nonce[:_MAX_NONCE_BYTES].encode() + certificate.encode()
        is_ours = self._authority.signed(shown) and isinstance(key, ec.EllipticCurvePublicKey)
        if not is_ours or not isinstance(key, ec.EllipticCurvePublicKey):
            raise _not_good(address, "", "it is not of this hub")
        try:
            key.verify(signature, said, ec.ECDSA(hashes.SHA256()))
        except InvalidSignature:
            raise _not_good(address, "", "its owner did not ask") from None
        serial = f"{shown.serial_number:x}"
        async with asking(self._store) as conn, conn.transaction():
            found = await table.renewable(conn, serial)
            if found is None or found.key_id != key_id(key):
                raise _not_good(address, serial, "it has run out, or was revoked")
            _count(self._renewals, found.agent)
            issued = self._authority.certify(key, found.agent, found.site, self._lifetime)
            await self._remember(conn, issued)
            await table.renewed(conn, found.agent)
        self._addresses.uncount(address)
        _log.info("certificate renewed", agent=issued.agent, serial=issued.serial, address=address)
        body = json.dumps(asdict(self._renewed(issued)))
        return body, self._authority.sign(RENEWED + nonce.encode() + body.encode())

    async def revoke(self, agent: str, by: str) -> None:
        """Throw an agent out: its certificates, its password and its tokens are good no more.

        Raises:
            NotFoundError: no agent of this name was ever let in, or heard.
        """
        async with asking(self._store) as conn:
            is_known = await table.revoke(conn, agent, by)
        if not is_known:
            raise NotFoundError(
                f"agent {agent!r:.80}: was never enrolled nor heard; see the agents"
            )
        _log.warning("agent revoked", agent=agent, by=by)

    async def enrolments(self) -> list[tuple[table.Enrolment, dt.datetime | None]]:
        """List everybody who was ever let in, and when their newest certificate ends."""
        async with asking(self._store) as conn:
            ends = await table.ends(conn)
            return [(one, ends.get(one.agent)) for one in await table.enrolments(conn)]

    async def roll(self, *, has_passwords: bool | None = None) -> Roll:
        """Say who may come to the broker now."""
        if has_passwords is None:
            has_passwords = self._broker.login == "password"
        async with asking(self._store) as conn:
            listed = await table.enrolments(conn)
            serials = await table.revoked_serials(conn)
        return Roll(
            guests=tuple(
                Guest(
                    name=one.agent,
                    site=one.site,
                    key_id=one.key_id,
                    password=self._password(one.nonce) if has_passwords else "",
                )
                for one in listed
                if one.revoked_at is None
            ),
            revoked=tuple(one.agent for one in listed if one.revoked_at is not None),
            serials=tuple(serials),
        )

    @property
    def _lifetime(self) -> dt.timedelta:
        return dt.timedelta(days=self._settings.certificate_d)

    def _renewed(self, issued: Issued) -> Renewed:
        return Renewed(
            certificate=issued.pem,
            urls=list(self._broker.urls),
            login=self._broker.login,
            broker_ca=self._broker.ca,
            command_keys=self._command_keys().decode(),
        )

    def _password(self, nonce: str) -> str:
        """Derive a broker password: nothing that the database has lets anybody in."""
        digest = hmac.digest(self._secret, nonce.encode(), "sha256")
        return base64.urlsafe_b64encode(digest[:24]).decode()

    async def _remember(self, conn: Connection, issued: Issued) -> None:
        await table.add_certificate(
            conn, issued.serial, issued.agent, issued.key_id, issued.not_after
        )


def _count(limiter: Limiter, key: str) -> None:
    wait_s = limiter.wait_s(key)
    if wait_s > 0:
        raise TooManyError(
            f"enrolment: too many attempts; try again in {wait_s:.0f} s", retry_s=wait_s
        )
    limiter.count(key)


def _not_good(address: str, serial: str, why: str) -> UnauthorizedError:
    _log.warning("renewal refused", address=address, serial=serial, reason=why)
    return UnauthorizedError(f"certificate: not renewed, {why}; enrol the agent with a new token")


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


def _secret(path: Path) -> bytes:
    if not path.exists():
        put(path, secrets.token_bytes(32))
    return path.read_bytes()
