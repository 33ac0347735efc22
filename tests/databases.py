"""PostgreSQL for the tests: the embedded one, and one that LODE_TEST_DATABASE_URL gives."""

import asyncio
import itertools
import os
import shutil
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from lode_hub.database import EmbeddedPostgres

GIVEN = os.environ.get("LODE_TEST_DATABASE_URL")
KINDS = ["embedded", *(["given"] if GIVEN else [])]
_NAMES = (f"lode_test_{os.getpid()}_{number}" for number in itertools.count())


@contextmanager
def server(kind: str) -> Iterator[tuple[str, str]]:
    """Give a server as (URL that may create databases, user who shall own them)."""
    if kind == "given":
        assert GIVEN is not None
        yield GIVEN, str(conninfo_to_dict(GIVEN).get("user", ""))
        return
    # Not below pytest's folder: the server may run as another user, who may not look in there.
    home = Path(tempfile.mkdtemp(prefix="lode-pg-"))
    home.chmod(0o755)
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


@contextmanager
def fresh(admin_url: str, owner: str) -> Iterator[str]:
    """Make an empty database, give its URL, and drop it."""
    name = next(_NAMES)
    with psycopg.connect(admin_url, autocommit=True) as db:
        make = sql.SQL("create database {} owner {}" if owner else "create database {}")
        db.execute(make.format(*map(sql.Identifier, filter(None, (name, owner)))))
    who = {"user": owner} if owner else {}
    yield make_conninfo(admin_url, dbname=name, **who)
    with psycopg.connect(admin_url, autocommit=True) as db:
        db.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))
