"""PostgreSQL for the tests: the embedded one, Debian's, and one of LODE_TEST_DATABASE_URL."""

import asyncio
import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from lode_hub.database import EmbeddedPostgres
from lode_hub.store import Store

GIVEN = os.environ.get("LODE_TEST_DATABASE_URL")
# With --strict everything runs on Debian's (an older major) too, when the machine has it.
DEBIAN = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))[-1:]
IS_STRICT = os.environ.get("LODE_TEST_STRICT") == "1"
KINDS = ["embedded", *(["given"] if GIVEN else []), *(["debian"] if IS_STRICT and DEBIAN else [])]
MEMORY, MEMORY_BYTES = Path("/dev/shm"), 8 << 30
_NAMES = (f"lode_test_{os.getpid()}_{number}" for number in itertools.count())


@contextmanager
def server(kind: str, *, on_disk: bool = False) -> Iterator[tuple[str, str]]:
    """Give a server as (URL that may create databases, user who shall own them)."""
    if kind == "given":
        assert GIVEN is not None
        yield GIVEN, str(conninfo_to_dict(GIVEN).get("user", ""))
        return
    home = _home(on_disk=on_disk)
    if kind == "debian":
        with _debian(home) as url:
            yield url, "lode"
        return
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    embedded = EmbeddedPostgres(home / "pg")
    asyncio.run_coroutine_threadsafe(embedded.start(), loop).result(180)
    try:
        yield embedded.admin_url, "lode"
    finally:
        asyncio.run_coroutine_threadsafe(embedded.stop(), loop).result(60)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()
        shutil.rmtree(home, ignore_errors=True)


def _home(*, on_disk: bool) -> Path:
    """Make a server's folder, in memory where there is room and speed is not the question.

    A database is some 300 files, and ext4 makes a file the slower the more were deleted lately.
    Not below pytest's folder: the server may run as another user, who may not look in there.
    """
    in_memory = not on_disk and MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > MEMORY_BYTES
    home = Path(tempfile.mkdtemp(prefix="lode-pg-", dir=MEMORY if in_memory else None))
    home.chmod(0o755)
    return home


@contextmanager
def _debian(home: Path) -> Iterator[str]:
    """Run Debian's PostgreSQL, as an ordinary user, on a socket in a folder of its own."""
    who = {}
    if os.geteuid() == 0:
        account = pwd.getpwnam("postgres")
        os.chown(home, account.pw_uid, account.pw_gid)
        who = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
    programs, data = DEBIAN[0].parent, home / "data"
    make = [programs / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "--no-sync"]
    subprocess.run(make, check=True, capture_output=True, cwd=home, **who)
    run = [programs / "postgres", "-D", data, "-k", home, "-c", "listen_addresses="]
    with (home / "log").open("w") as log:
        process = subprocess.Popen(run, cwd=home, stdout=log, stderr=log, **who)
    url = f"postgresql://postgres@/postgres?host={home}"
    try:
        _wait_for(url)
        with psycopg.connect(url, autocommit=True) as db:
            db.execute("create role lode login")
        yield url
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(30)
        shutil.rmtree(home, ignore_errors=True)


def _wait_for(url: str) -> None:
    until = time.monotonic() + 30
    while True:
        try:
            psycopg.connect(url).close()
            break
        except psycopg.OperationalError:
            if time.monotonic() > until:
                raise
            time.sleep(0.05)


@contextmanager
def migrated(admin_url: str, owner: str) -> Iterator[str]:
    """Make a database with the whole schema, give its name, and drop it; see `fresh`."""
    if admin_url == GIVEN:  # TimescaleDB's workers keep one with it from being copied
        yield "template1"
        return
    with fresh(admin_url, owner) as url:
        asyncio.run(_migrate(url))
        yield str(conninfo_to_dict(url)["dbname"])


async def _migrate(url: str) -> None:
    store = await Store.open(url)
    await store.migrate()
    await store.close()


@contextmanager
def fresh(admin_url: str, owner: str, *, like: str = "template1") -> Iterator[str]:
    """Make a database like another, or an empty one, give its URL, and drop it."""
    name = next(_NAMES)
    with psycopg.connect(admin_url, autocommit=True) as db:
        # As files: through the log, as is usual, it takes five times as long.
        make = sql.SQL("create database {} template {} strategy file_copy").format(
            sql.Identifier(name), sql.Identifier(like)
        )
        if owner:
            make += sql.SQL(" owner {}").format(sql.Identifier(owner))
        db.execute(make)
    who = {"user": owner} if owner else {}
    yield make_conninfo(admin_url, dbname=name, **who)
    with psycopg.connect(admin_url, autocommit=True) as db:
        db.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))
