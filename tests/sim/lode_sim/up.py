"""`dev.py up`: the whole system with a simulated site, for a person to look at.

Until Ctrl-C, or for `--for SECONDS`; then everything is stopped and accounted for.
"""

import argparse
import signal
import sys
import threading
import time
from pathlib import Path

import psycopg

from lode_sim.limits import Limits
from lode_sim.oracle import Account, account
from lode_sim.stack import Stack, StackError, wait_for

_WELCOME = """
  Lode is up after {took:.0f} s: {url}
  Log in as `admin`; its first password was shown above, at the first start (another one:
  `.venv/bin/lode-hub admin reset-password --data-dir {home}/hub`).

  Try, in another terminal:
    .venv/bin/lode-sim fault overheat rig-003 --data-dir {home}/sim    a rig overheats
    .venv/bin/lode-sim clear rig-003 --data-dir {home}/sim             and recovers
    .venv/bin/lode-sim link blackhole --data-dir {home}/link           pull the site's network plug
    .venv/bin/lode-sim link pass --data-dir {home}/link                and plug it in again
    .venv/bin/lode-sim mail --dir {home}/mail                          the operator's mailbox
    .venv/bin/lode-edge spool --config {home}/agent.toml               what the agent still keeps

  The agent also acts, within {home}/limits/envelope.toml:
    {url}/curtail    preview a curtailment by kW, begin it, watch rigs and meter follow, release it
    .venv/bin/lode-sim disobey no-effect rig-005 --data-dir {home}/sim  it says yes and does nothing
    .venv/bin/lode-sim settings rig-005 --data-dir {home}/sim          how a rig is truly set
    .venv/bin/lode-edge stop --config {home}/agent.toml                every rig to sleep, at once
    .venv/bin/lode-edge stop end --config {home}/agent.toml            and awake, by the ramp

  Its power has a price, made anew every five minutes:
    {url}/energy     price, plan, profit by the hour; let the planner act there, or begin a call

  Ctrl-C stops everything and keeps the data."""


def main(argv: list[str] | None = None) -> int:
    """Run it; give the exit status: 0 when nothing was lost or doubled and something stored."""
    options = _options(argv)
    stack = Stack(
        home=options.home,
        rigs=options.rigs,
        seed=options.seed,
        interval_s=options.interval,
        http_port=options.port,
        broker_port=options.broker_port,
        tls_port=options.tls_port,
        broker=options.broker,
        market_port=options.market_port,
        limits=Limits(),
        hub_stdout=sys.stdout,
    )
    ended = threading.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, lambda *_: ended.set())
    began = time.time()
    try:
        stack.start(say=lambda text: print(f"  {text}", flush=True))
        took = time.time() - began
        print(_WELCOME.format(took=took, url=stack.url, home=options.home), flush=True)
        _watch(stack, ended, options.seconds)
        return _close(stack, int(began * 1000))
    except StackError as error:
        print(f"dev.py up: {error}", file=sys.stderr)
        return 1
    finally:
        stack.kill()


def _watch(stack: Stack, ended: threading.Event, seconds: float | None) -> None:
    until = None if seconds is None else time.monotonic() + seconds
    while not ended.wait(0.25) and (until is None or time.monotonic() < until):
        dead = next((part for part in stack.parts if not part.is_running), None)
        if dead is not None:
            raise StackError(f"{dead.name}: ended unasked\n{dead.last_words()}")


def _close(stack: Stack, since_ms: int) -> int:
    """Stop the site, let the rest of its readings arrive, account for them, stop all."""
    print("\n  stopping", flush=True)
    url = stack.database_url()
    alerts = _alerts(url, since_ms)
    stack.site.stop()
    try:
        wait_for(lambda: not account(stack.truth, url, since_ms=since_ms).lost, 20, "the rest")
    except StackError:
        print("  not everything arrived within 20 s", flush=True)
    result = account(stack.truth, url, since_ms=since_ms)
    stack.stop()
    _report(result, alerts)
    return 0 if result.is_clean else 1


def _report(result: Account, alerts: int) -> None:
    print(
        f"stored {result.stored} readings of {result.rigs} rigs, {len(result.lost)} lost, "
        f"{len(result.doubled)} doubled, {alerts} alerts",
        flush=True,
    )


def _alerts(url: str, since_ms: int) -> int:
    opened = "select count(*) from alert where opened_at >= to_timestamp(%s / 1000.0)"
    with psycopg.connect(url) as db:
        row = db.execute(opened, (since_ms,)).fetchone()
    return int(row[0]) if row else 0


def _options(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="dev.py up", description=__doc__.splitlines()[0])
    parser.add_argument("--for", type=float, dest="seconds", metavar="SECONDS")
    parser.add_argument("--rigs", type=int, default=40)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--interval", type=float, default=2.0, help="seconds between polls")
    parser.add_argument("--port", type=int, default=8420)
    parser.add_argument("--broker-port", type=int, default=18420)
    parser.add_argument("--tls-port", type=int, default=18883, help="of the broker, for agents")
    parser.add_argument("--market-port", type=int, default=18421, help="of the power market")
    parser.add_argument("--broker", choices=["auto", "mosquitto", "nats"], default="auto")
    parser.add_argument("--home", type=Path, default=Path(".lode"))
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
