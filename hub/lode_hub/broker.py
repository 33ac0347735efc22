"""The hub's own MQTT broker, for when nobody gives it one: Mosquitto if there is one, else NATS.

choose ─► write its files ─► adopt or start ─► lets the hub in ─► url
                                   ▲                               │
                                   └── ends, by itself or killed ◄─┘

It lets in `hub`, whose password is made once and kept in a file that only the hub's account can
read, and the agents that were admitted, each to its own topics. Without a Door they come to the
same port with passwords of their own. With one they come there by TLS with certificates; as
nats-server has one MQTT port, the hub then comes there too, with a certificate of its own.
"""

import asyncio
import contextlib
import os
import secrets
import shutil
import signal
import ssl
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Literal

from lode_hub.errors import BrokerError
from lode_hub.process import Program
from lode_hub.process.account import ordinary, own, write
from lode_hub.process.keep import Keeper
from lode_hub.process.reach import reachable
from lode_hub.trust import lists
from lode_hub.trust.ca import Authority
from lode_hub.trust.lists import Roll

Kind = Literal["auto", "mosquitto", "nats"]

ACCOUNTS = ("mosquitto", "nobody")
"""Whom it runs as when the hub is root."""

READY_S = 20.0
STOP = ((signal.SIGTERM, 2.0),)
PROGRAMS = {"mosquitto": "mosquitto", "nats": "nats-server"}

_RELOADED = frozenset(
    {"acl", "passwords", "users.conf", "crl.pem", "ca.pem", "broker.pem", "broker.key"}
)
"""Files that both programs read again at SIGHUP, without dropping anybody who may stay."""

_CONNACK_ACCEPTED = b"\x20\x02\x00\x00"
_LOOPBACK = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 -- how to reach who listens there


@dataclass(frozen=True, kw_only=True, slots=True)
class Door:
    """Where agents from elsewhere come in: by TLS, with a certificate of the authority's."""

    host: str
    port: int
    names: tuple[str, ...]  # by which agents know this machine
    authority: Authority
    folder: Path  # where the authority keeps the hub's own keys


class EmbeddedBroker:
    """A broker in a folder, started with the hub, brought back when it dies, stopped with it.

    Args:
        folder: its own, for its files and the hub's password.
        kind: which program; `auto` takes Mosquitto when the machine has it.
        host: the address to listen on.
        port: the TCP port to listen on.
        program: where the program is, when it is in none of the usual places.
        door: the port for TLS; None: only the plain one.

    Raises:
        BrokerError: there is no such program.
    """

    def __init__(
        self,
        folder: Path,
        *,
        kind: Kind = "auto",
        host: str = "127.0.0.1",
        port: int = 18420,
        program: Path | None = None,
        door: Door | None = None,
    ) -> None:
        self.folder = folder.absolute()
        self.host = host
        self.port = port
        self.door = door
        self.path, self.kind = _find(kind, program)
        self._roll = Roll()
        account = ordinary(self.folder / "run", ACCOUNTS)
        self._program = Program(PROGRAMS[self.kind], self.folder / "run", account)
        self._keeper: Keeper | None = None

    @property
    def url(self) -> str:
        """Where it listens, without name and password."""
        return f"mqtt://{self.host}:{self.port}"

    @property
    def hub_password_file(self) -> Path:
        """The file with the password of `hub`."""
        return self.folder / "hub.password"

    @property
    def tls(self) -> ssl.SSLContext | None:
        """How the hub itself comes in, when that is by certificate; None: by password."""
        if self.door is None or self.kind == "mosquitto":
            return None
        certificate_file, key_file = self.door.authority.own(self.door.folder, "hub")
        context = ssl.create_default_context(cadata=self.door.authority.pem)
        context.load_cert_chain(certificate_file, key_file)
        return context

    @property
    def entrance(self) -> tuple[str, int]:
        """Host and port where the hub itself comes in."""
        if self.tls is None or self.door is None:
            return self.host, self.port
        return _LOOPBACK.get(self.door.host, self.door.host), self.door.port

    @property
    def pid(self) -> int | None:
        """Its process id; None while there is none."""
        return self._program.pid

    @property
    def restarts(self) -> int:
        """How often it has ended unasked and was brought back."""
        return self._keeper.restarts if self._keeper else 0

    async def start(self) -> str:
        """Start it, or take over the one that runs, and give its `url`.

        Raises:
            BrokerError: it does not start.
        """
        try:
            await self._launch()
        except BaseException:
            await self.stop()
            raise
        self._keeper = Keeper(self._program, self._launch)
        return self.url

    async def admit(self, roll: Roll) -> None:
        """Let in these agents, and no others, from now on; who may stay notices nothing."""
        self._roll = roll
        changed = await asyncio.to_thread(self._write_files) if self._keeper is not None else set()
        if changed:
            self._program.tell(signal.SIGHUP)

    async def stop(self) -> None:
        """Stop it in good order."""
        if self._keeper is not None:
            await self._keeper.stop()
        await self._program.stop(STOP)

    async def _launch(self) -> None:
        changed = await asyncio.to_thread(self._write_files)
        if changed <= _RELOADED and self._adopt():
            if changed:
                self._program.tell(signal.SIGHUP)
        else:
            await self._program.clear()
            path = await asyncio.to_thread(self._reach)
            self._program.start([path, "-c", f"{PROGRAMS[self.kind]}.conf"])
        await self._lets_in()

    def _adopt(self) -> bool:
        pids = self._program.found()
        return len(pids) == 1 and self._program.adopt(pids[0])

    def _reach(self) -> Path:
        return reachable(self.path, self.path.parent, [self.path.name], self._program.account)

    def _write_files(self) -> set[str]:
        """Put its files in place; give the names of those that were others before."""
        password = _password(self.hub_password_file)
        self._program.folder.mkdir(mode=0o700, exist_ok=True)
        own(self._program.folder, self._program.account, 0o700)
        files = self._mosquitto(password) if self.kind == "mosquitto" else self._nats(password)
        if self.door is not None:
            files |= self._keys(self.door)
        changed = {n: text for n, text in files.items() if _read(self._program.folder / n) != text}
        for name, text in changed.items():
            write(self._program.folder / name, text, self._program.account)
        return set(changed)

    def _mosquitto(self, password: str) -> dict[str, str]:
        told = _filled("mosquitto.conf", host=self.host, port=self.port)
        if self.door is not None:
            door = self.door
            told += _filled("mosquitto-tls.conf", tls_host=door.host, tls_port=door.port)
        return {
            "acl": lists.mosquitto_acl(self._roll),
            "passwords": lists.mosquitto_passwords(password, self._roll),
            "mosquitto.conf": told,
        }

    def _nats(self, password: str) -> dict[str, str]:
        host, port = (
            (self.host, self.port) if self.door is None else (self.door.host, self.door.port)
        )
        hub = lists.nats_hub("" if self.door else password)
        return {
            "users.conf": lists.nats_users(hub, self._roll),
            "tls.conf": lists.template("nats-tls.conf") if self.door else "",
            "nats-server.conf": _filled("nats-server.conf", host=host, port=port),
        }

    def _keys(self, door: Door) -> dict[str, str]:
        certificate_file, key_file = door.authority.own(door.folder, "broker", door.names)
        before = _read(self._program.folder / "crl.pem") or ""
        return {
            "ca.pem": door.authority.pem,
            "broker.pem": certificate_file.read_text(),
            "broker.key": key_file.read_text(),
            "crl.pem": door.authority.revocation_list(self._roll.serials, before),
        }

    async def _lets_in(self) -> None:
        deadline = time.monotonic() + READY_S
        password, (host, port), tls = _password(self.hub_password_file), self.entrance, self.tls
        login = ("hub", password) if tls is None else None
        while not await _accepts(host, port, login, tls):
            if await self._program.ended(0.03):
                said = self._program.last_words() or "nothing"
                raise BrokerError(
                    f"broker on {host}:{port}: {self._program.name} ended, saying: "
                    f"{said}; is the port free? else set broker.port"
                )
            if time.monotonic() > deadline:
                raise BrokerError(
                    f"broker on {host}:{port}: {self._program.name} did not let the hub "
                    f"in within {READY_S:.0f} s; see {self._program.folder}"
                )


def _find(kind: Kind, program: Path | None) -> tuple[Path, Literal["mosquitto", "nats"]]:
    if program is not None:
        if not os.access(program, os.X_OK):
            raise BrokerError(f"broker: cannot run {program}; check broker.program")
        is_nats = kind == "nats" or (kind == "auto" and "nats" in program.name)
        return program, "nats" if is_nats else "mosquitto"
    # A daemon's folder is often in no user's PATH; the wheel puts its program beside Python's.
    search = [os.environ.get("PATH", os.defpath), "/usr/sbin", "/usr/local/sbin"]
    search.insert(0, str(Path(sys.executable).parent))
    for candidate in ("mosquitto", "nats"):
        found = shutil.which(PROGRAMS[candidate], path=os.pathsep.join(search))
        if kind in {candidate, "auto"} and found:
            return Path(found).resolve(), "mosquitto" if candidate == "mosquitto" else "nats"
    raise BrokerError(
        f"broker: no program for kind {kind!r}; install mosquitto, or pip install "
        "'lode-hub[embedded]', or set broker.program or broker.urls"
    )


def _filled(name: str, **values: object) -> str:
    return Template(lists.template(name)).substitute({k: str(v) for k, v in values.items()})


def _password(path: Path) -> str:
    with contextlib.suppress(FileNotFoundError):
        return path.read_text().strip()
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(secrets.token_urlsafe(24))
    return path.read_text()


def _read(path: Path) -> str | None:
    with contextlib.suppress(OSError):
        return path.read_text()
    return None


async def _accepts(
    host: str, port: int, login: tuple[str, str] | None, tls: ssl.SSLContext | None = None
) -> bool:
    """Log in by MQTT 3.1.1 and leave again: only our own broker knows password and certificate."""
    fields = [f"ready-{secrets.token_hex(4)}", *(login or ())]
    body = b"\x00\x04MQTT\x04" + (b"\xc2" if login else b"\x02") + b"\x00\x0a"
    body += b"".join(len(field).to_bytes(2, "big") + field.encode() for field in fields)
    try:
        async with asyncio.timeout(2):
            reader, writer = await asyncio.open_connection(host, port, ssl=tls)
            try:
                writer.write(bytes([0x10, len(body)]) + body)
                answer = await reader.readexactly(4)
                writer.write(b"\xe0\x00")
                await writer.drain()
            finally:
                writer.close()
    except (OSError, TimeoutError, asyncio.IncompleteReadError):
        return False
    return answer == _CONNACK_ACCEPTED
