"""The embedded PostgreSQL: whoever starts it, and whoever kills it."""

import asyncio
import os
import pwd
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import psycopg
import pytest

from lode_hub.database import EmbeddedPostgres
from lode_hub.errors import DatabaseError, InUseError
from lode_hub.store import cluster
from tests.hub.app.opened import owner_of, until

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")


@pytest.fixture
async def postgres(home: Path) -> AsyncIterator[EmbeddedPostgres]:
    database = EmbeddedPostgres(home / "deep" / "postgres")
    yield database
    await database.stop()


async def show(url: str, setting: str) -> str:
    async with await psycopg.AsyncConnection.connect(url) as db:
        row = await (await db.execute("select current_setting(%s)", (setting,))).fetchone()
        assert row is not None
        return str(row[0])


async def test_starts_safe_and_private(postgres: EmbeddedPostgres) -> None:
    url = await postgres.start()

    assert (await show(url, "server_version")).startswith("18.")
    assert await show(url, "fsync") == "on"
    assert await show(url, "synchronous_commit") == "on"
    assert await show(url, "listen_addresses") == ""
    assert await show(url, "is_superuser") == "off"
    assert await show(url, "data_checksums") == "on"
    assert postgres.folder.stat().st_mode & 0o777 == 0o700
    owner = owner_of(postgres.postmaster_pid)
    assert owner == postgres.folder.stat().st_uid != 0


@needs_root
async def test_makes_no_account(postgres: EmbeddedPostgres) -> None:
    before = {entry.pw_name for entry in pwd.getpwall()}
    await postgres.start()
    assert {entry.pw_name for entry in pwd.getpwall()} == before


async def test_keeps_what_is_committed_and_starts_again_quickly(
    postgres: EmbeddedPostgres,
) -> None:
    url = await postgres.start()
    async with await psycopg.AsyncConnection.connect(url) as db:
        await db.execute("create table kept (n int)")
        await db.execute("insert into kept values (7)")
    await postgres.stop()
    assert not await cluster.answers(url)

    begun = time.monotonic()
    assert await postgres.start() == url
    assert time.monotonic() - begun < 20  # idle: 0.05 s
    async with await psycopg.AsyncConnection.connect(url) as db:
        assert await (await db.execute("select n from kept")).fetchall() == [(7,)]


@pytest.mark.alone
async def test_comes_back_by_itself_after_kill_9(postgres: EmbeddedPostgres) -> None:
    url = await postgres.start()
    busy = await psycopg.AsyncConnection.connect(url, autocommit=True)
    await busy.execute("create table kept as select generate_series(1, 50000) as n")
    # A backend that is at work survives its postmaster for a while, and must not block the next.
    query = asyncio.ensure_future(busy.execute("select count(*) from kept a, kept b"))
    await asyncio.sleep(0)

    for times in (1, 2):
        pid = postgres.postmaster_pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)

        async def is_back(killed: int = pid) -> bool:
            return postgres.postmaster_pid not in {None, killed} and await cluster.answers(url)

        await until(is_back, 30.0, "postgres to be back")
        assert postgres.restarts == times
    with pytest.raises(psycopg.Error):
        await query
    await busy.close()
    async with await psycopg.AsyncConnection.connect(url) as db:
        assert await (await db.execute("select count(*) from kept")).fetchall() == [(50000,)]


@pytest.mark.slow
async def test_comes_back_when_it_is_killed_while_it_is_made_ready(postgres, monkeypatch) -> None:
    url = await postgres.start()
    prepare, killed = cluster.prepare, []

    async def kill_and_prepare(admin_url: str) -> None:
        if not killed:
            killed.append(postgres.postmaster_pid)
            os.kill(postgres.postmaster_pid, signal.SIGKILL)
        await prepare(admin_url)

    monkeypatch.setattr(cluster, "prepare", kill_and_prepare)
    os.kill(postgres.postmaster_pid, signal.SIGKILL)

    async def is_back() -> bool:
        return bool(killed) and await cluster.answers(url)

    await until(is_back, 30.0, "postgres to be back")


LEAVE_RUNNING = """
import asyncio, os, pathlib, sys
from lode_hub.database import EmbeddedPostgres
async def main():
    postgres = EmbeddedPostgres(pathlib.Path(sys.argv[1]))
    await postgres.start()
    print(postgres.postmaster_pid, flush=True)
    os.kill(os.getpid(), 9)
asyncio.run(main())
"""


async def test_takes_over_the_one_a_killed_hub_left(postgres: EmbeddedPostgres) -> None:
    left = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-c", LEAVE_RUNNING, str(postgres.folder)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    pid = int(left.stdout)

    url = await postgres.start()
    assert postgres.postmaster_pid == pid
    os.kill(pid, signal.SIGKILL)

    async def is_back() -> bool:
        return postgres.postmaster_pid not in {None, pid} and await cluster.answers(url)

    await until(is_back, 30.0, "postgres to be back")


@pytest.mark.parametrize("foreign", [1, "ours"])
async def test_a_stale_pid_file_is_no_obstacle(
    postgres: EmbeddedPostgres, foreign: int | str
) -> None:
    url = await postgres.start()
    pid_file = postgres.folder / "postmaster.pid"
    lines = pid_file.read_text().splitlines()
    os.kill(postgres.postmaster_pid or 0, signal.SIGKILL)
    await until(lambda: cluster.answers(url), 15.0, "postgres to be back")
    await postgres.stop()

    lines[0] = str(os.getpid() if foreign == "ours" else foreign)
    pid_file.write_text("\n".join(lines) + "\n")
    assert await postgres.start() == url


async def test_one_killed_at_its_making_is_made_anew(postgres: EmbeddedPostgres) -> None:
    half = postgres.folder.with_name("postgres.new")
    half.mkdir(parents=True)
    (half / "PG_VERSION").write_text("18\n")
    assert await cluster.answers(await postgres.start())


async def test_a_second_hub_is_told_so(postgres: EmbeddedPostgres) -> None:
    await postgres.start()
    other = EmbeddedPostgres(postgres.folder)
    with pytest.raises(InUseError, match="another hub uses it; stop it, or set another data_dir"):
        await other.start()
    assert await cluster.answers(postgres.url)


async def test_data_of_another_major_is_refused(postgres: EmbeddedPostgres) -> None:
    postgres.folder.mkdir(parents=True)
    (postgres.folder / "PG_VERSION").write_text("16\n")
    with pytest.raises(DatabaseError, match="made by PostgreSQL 16, ours is 18; dump it"):
        await postgres.start()


async def test_a_broken_one_says_why(postgres: EmbeddedPostgres) -> None:
    await postgres.start()
    await postgres.stop()
    shutil.rmtree(postgres.folder / "pg_wal")
    with pytest.raises(DatabaseError, match=r"did not start: .*pg_wal"):
        await postgres.start()


async def test_a_long_path_is_fine(home: Path) -> None:
    database = EmbeddedPostgres(home / ("long" * 30) / "postgres")
    try:
        assert await cluster.answers(await database.start())
    finally:
        await database.stop()


AS_USER = """
import asyncio, os, pathlib, signal, sys
from lode_hub.database import EmbeddedPostgres
from lode_hub.store import cluster
async def main():
    postgres = EmbeddedPostgres(pathlib.Path(sys.argv[1]))
    url = await postgres.start()
    assert await cluster.answers(url)
    assert pathlib.Path(f"/proc/{postgres.postmaster_pid}").stat().st_uid == os.geteuid()
    await postgres.stop()
    assert not await cluster.answers(url)
asyncio.run(main())
"""


@needs_root
def test_an_ordinary_user_needs_no_root(home: Path) -> None:
    home.chmod(0o755)
    mine = home / "mine"
    mine.mkdir()
    os.chown(mine, 65534, 65534)
    become = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"]
    done = subprocess.run(
        [*become, sys.executable, "-c", AS_USER, str(mine / "postgres")],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
        cwd="/",
    )
    assert done.returncode == 0, done.stderr
