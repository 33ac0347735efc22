"""The hub's own MQTT broker, for when nobody gives it one: Mosquitto if there is one, else NATS.

choose ─► write its files ─► adopt or start ─► lets the hub in ─► url
                                   ▲                               │
                                   └── ends, by itself or killed ◄─┘

It lets in two names, `hub` and `agent`, whose passwords are made once and kept in files that only
the hub's account can read. Who runs an agent elsewhere carries the agent's password there.
"""

import asyncio
import base64
import contextlib
import hashlib
import os
import secrets
import shutil
import signal
import sys
import time
from importlib import resources
from pathlib import Path
from string import Template
from typing import Literal

from lode_hub.errors import BrokerError
from lode_hub.process import Program
from lode_hub.process.account import ordinary, own, write
from lode_hub.process.keep import Keeper
from lode_hub.process.reach import reachable

Kind = Literal["auto", "mosquitto", "nats"]

ACCOUNTS = ("mosquitto", "nobody")
"""Whom it runs as when the hub is root."""

READY_S = 20.0
STOP = ((signal.SIGTERM, 2.0),)
PROGRAMS = {"mosquitto": "mosquitto", "nats": "nats-server"}

_HASH_ROUNDS = 101  # Mosquitto's own figure; the passwords have 192 random bits
_CONNACK_ACCEPTED = b"\x20\x02\x00\x00"


class EmbeddedBroker:
    """A broker in a folder, started with the hub, brought back when it dies, stopped with it.

    Args:
        folder: its own, for its files and the two passwords.
        kind: which program; `auto` takes Mosquitto when the machine has it.
        host: the address to listen on.
        port: the TCP port to listen on.
        program: where the program is, when it is in none of the usual places.

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
    ) -> None:
        self.folder = folder.absolute()
        self.host = host
        self.port = port
        self.path, self.kind = _find(kind, program)
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
    def agent_password_file(self) -> Path:
        """The file with the password of `agent`."""
        return self.folder / "agent.password"

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

    async def stop(self) -> None:
        """Stop it in good order."""
        if self._keeper is not None:
            await self._keeper.stop()
        await self._program.stop(STOP)

    async def _launch(self) -> None:
        is_same = self._write_files()
        if not (is_same and self._adopt()):
            await self._program.clear()
            path = await asyncio.to_thread(self._reach)
            self._program.start([path, "-c", f"{PROGRAMS[self.kind]}.conf"])
        await self._lets_in()

    def _adopt(self) -> bool:
        pids = self._program.found()
        return len(pids) == 1 and self._program.adopt(pids[0])

    def _reach(self) -> Path:
        return reachable(self.path, self.path.parent, [self.path.name], self._program.account)

    def _write_files(self) -> bool:
        """Put its files in place; tell whether they were all there, and the same."""
        hub, agent = _password(self.hub_password_file), _password(self.agent_password_file)
        self._program.folder.mkdir(mode=0o700, exist_ok=True)
        own(self._program.folder, self._program.account, 0o700)
        values = {"host": self.host, "port": str(self.port)}
        files = {}
        if self.kind == "mosquitto":
            files["acl"] = _template("mosquitto.acl")
            files["passwords"] = _hashed("hub", hub) + _hashed("agent", agent)
            files["mosquitto.conf"] = Template(_template("mosquitto.conf")).substitute(values)
        else:
            values |= {"hub_password": hub, "agent_password": agent}
            files["nats-server.conf"] = Template(_template("nats-server.conf")).substitute(values)
        changed = {n: text for n, text in files.items() if _read(self._program.folder / n) != text}
        for name, text in changed.items():
            write(self._program.folder / name, text, self._program.account)
        return not changed

    async def _lets_in(self) -> None:
        deadline = time.monotonic() + READY_S
        password = _password(self.hub_password_file)
        while not await _accepts(self.host, self.port, "hub", password):
            if await self._program.ended(0.03):
                said = self._program.last_words() or "nothing"
                raise BrokerError(
                    f"broker on {self.host}:{self.port}: {self._program.name} ended, saying: "
                    f"{said}; is the port free? else set broker.port"
                )
            if time.monotonic() > deadline:
                raise BrokerError(
                    f"broker on {self.host}:{self.port}: {self._program.name} did not let the hub "
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


def _template(name: str) -> str:
    return (resources.files("lode_hub") / "broker_conf" / name).read_text()


def _password(path: Path) -> str:
    with contextlib.suppress(FileNotFoundError):
        return path.read_text().strip()
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(secrets.token_urlsafe(24))
    return path.read_text()


def _hashed(name: str, password: str) -> str:
    # The salt comes from the password, so that the same passwords give the same file.
    salt = hashlib.sha256(f"lode {name} {password}".encode()).digest()[:12]
    digest = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, _HASH_ROUNDS)
    parts = base64.b64encode(salt).decode(), base64.b64encode(digest).decode()
    return f"{name}:$7${_HASH_ROUNDS}${parts[0]}${parts[1]}\n"


def _read(path: Path) -> str | None:
    with contextlib.suppress(OSError):
        return path.read_text()
    return None


async def _accepts(host: str, port: int, name: str, password: str) -> bool:
    """Log in by MQTT 3.1.1 and leave again: only our own broker knows the password."""
    fields = [f"ready-{secrets.token_hex(4)}", name, password]
    body = b"\x00\x04MQTT\x04\xc2\x00\x0a"
    body += b"".join(len(field).to_bytes(2, "big") + field.encode() for field in fields)
    try:
        async with asyncio.timeout(2):
            reader, writer = await asyncio.open_connection(host, port)
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
