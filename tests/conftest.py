"""What every test may use: hypothesis' profile, and programs from outside PyPI or a reason."""

import os
import shutil
from collections import Counter
from collections.abc import Iterator

import hypothesis
import pytest

from tests import databases

hypothesis.settings.register_profile("lode", deadline=None, print_blob=True)
hypothesis.settings.load_profile("lode")

IS_STRICT = os.environ.get("LODE_TEST_STRICT") == "1"
PLACES = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"])


ONE_DATABASE = (
    *("tests/ui/", "tests/hub/api/", "tests/sim_tests/", "tests/system/"),
    *("tests/hub/notify/", "tests/hub/access/", "tests/hub/trust/", "tests/hub/ingest/test_worker"),
)
"""Doors, pages, plain statements: the rest asks what an older server may not know of every kind."""


LONG = ("tests/system/", "tests/hub/ingest/", "tests/ui/test_browser", "tests/hub/energy/plan/")
"""Files with few and long tests go first, or one process would end long after the others."""


SLOW = ("tests/system/", "tests/ui/test_browser")
ALWAYS = ("tests/system/test_browser.py",)
"""Tests of the whole system and those in a browser are slow, but one file that is both runs."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the second database where it is not the subject, and begin with what takes long."""
    is_second = [
        item.nodeid.startswith(ONE_DATABASE) and "debian" in item.name.partition("[")[2]
        for item in items
    ]
    again = [item for item, second in zip(items, is_second, strict=True) if second]
    config.hook.pytest_deselected(items=again)
    items[:] = [item for item, second in zip(items, is_second, strict=True) if not second]
    for item in items:
        if item.nodeid.startswith(SLOW) and not item.nodeid.startswith(ALWAYS):
            item.add_marker(pytest.mark.slow)
    items.sort(key=lambda item: next(
        (place for place, start in enumerate(LONG) if item.nodeid.startswith(start)), len(LONG)
    ))  # fmt: skip


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test whose program is missing, or fail it where none may be left out."""
    for mark in item.iter_markers("needs"):
        for program in mark.args:
            if shutil.which(program, path=PLACES) is None:
                reason = f"{program} is not on this machine; apt-get install {program}"
                pytest.fail(reason) if IS_STRICT else pytest.skip(reason)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say in one line each what was left out, and why."""
    deselected = terminalreporter.stats.get("deselected", [])
    slow = [item for item in deselected if item.get_closest_marker("slow")]
    reasons = Counter(
        str(report.longrepr[2]) for report in terminalreporter.stats.get("skipped", [])
    )
    if slow and not IS_STRICT:
        reasons["slow; run them with --strict"] = len(slow)
    for reason, times in reasons.items():
        terminalreporter.write_line(f"left out: {times} tests: {reason.removeprefix('Skipped: ')}")


@pytest.fixture(scope="session", params=databases.KINDS)
def database_server(request: pytest.FixtureRequest) -> Iterator[tuple[str, str]]:
    """Give a PostgreSQL server for the whole session, as databases.server does."""
    with databases.server(request.param) as found:
        yield found


@pytest.fixture
def empty_postgres(database_server: tuple[str, str]) -> Iterator[str]:
    """Give the URL of an empty database of this test's own."""
    with databases.fresh(*database_server) as url:
        yield url


@pytest.fixture(scope="session")
def schema(database_server: tuple[str, str]) -> Iterator[str]:
    """Give the name of a database with the whole schema, to make others like it."""
    with databases.migrated(*database_server) as name:
        yield name


@pytest.fixture
def postgres(database_server: tuple[str, str], schema: str) -> Iterator[str]:
    """Give the URL of a database with the whole schema, this test's own."""
    with databases.fresh(*database_server, like=schema) as url:
        yield url
