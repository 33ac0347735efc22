"""A whole system for one test, on ports and addresses of its own."""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from lode_sim.addresses import claim
from lode_sim.stack import Stack, free_port

Launch = Callable[..., Stack]


@pytest.fixture
def launch(request: pytest.FixtureRequest) -> Iterator[Launch]:
    """Give a function that starts a stack with the options given; it is ended after the test."""
    with _launching(lambda: getattr(request.node, "is_failed", False)) as start:
        yield start


@pytest.fixture(scope="module")
def launch_shared(request: pytest.FixtureRequest) -> Iterator[Launch]:
    """Give the same for a stack that a module's tests share; it is ended after the last."""
    before = request.session.testsfailed
    with _launching(lambda: request.session.testsfailed > before) as start:
        yield start


@contextmanager
def _launching(has_failed: Callable[[], bool]) -> Iterator[Launch]:
    stacks: list[Stack] = []
    homes: list[Path] = []
    claims = ExitStack()

    def start(**options: object) -> Stack:
        # Short, because the database's socket lies below it; not below pytest's own folder,
        # because the database may run as another user, who may not look in there.
        home = Path(tempfile.mkdtemp(prefix="lode-"))
        home.chmod(0o755)
        homes.append(home)
        ports = {"http_port": free_port(), "broker_port": free_port()}
        # Held for longer than the site runs: its agent goes on asking there when the site has
        # ended, and must not find another test's rigs.
        base = claims.enter_context(claim())
        stack = Stack(**{"home": home, "base": base, **ports, **options})  # type: ignore[arg-type]
        stacks.append(stack)
        stack.start()
        return stack

    yield start
    for stack in stacks:
        stack.kill()
    claims.close()
    for home in homes:
        if has_failed():
            print(f"logs kept in {home}/log")
        else:
            shutil.rmtree(home, ignore_errors=True)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Let the fixture know whether its test failed."""
    outcome = yield
    report = outcome.get_result()  # type: ignore[attr-defined]
    if report.when == "call":
        item.is_failed = report.failed  # type: ignore[attr-defined]
