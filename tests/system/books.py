"""Waiting until the books balance: everything served is stored once, or a gap says why."""

import time

from lode_sim.oracle import Account, account
from lode_sim.stack import Stack


def balance(stack: Stack, *, skews_ms: tuple[int, ...] = (0,), timeout_s: float = 60.0) -> Account:
    """Stop the site, wait for the rest to arrive, and give the last account, balanced or not."""
    if stack.site.is_running:
        stack.site.stop()
    until = time.monotonic() + timeout_s
    while True:
        result = account(stack.truth, stack.database_url(), skews_ms=skews_ms)
        if not result.lost or time.monotonic() > until:
            return result
        time.sleep(0.5)


def assert_balanced(result: Account, *, served: int) -> None:
    """Check that enough was served, nothing lost, nothing doubled."""
    assert result.served >= served, f"the site served only {result.served}"
    lost, doubled = result.lost, result.doubled
    said = f"{len(lost)} lost, such as {lost[:5]}; {len(doubled)} doubled, such as {doubled[:5]}"
    assert not [*lost, *doubled], f"{said}; {result.gaps}"
