"""The command `lode-sim`."""

import asyncio
import logging
import signal
import sys
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import structlog
import typer

from lode_sim import addresses, agentconfig, mailbox
from lode_sim.agentconfig import Agent
from lode_sim.control import LINK_SOCKET, SITE_SOCKET, Control, Order, send
from lode_sim.errors import OrderError, SimError
from lode_sim.faults import Fault
from lode_sim.mailbox import Mailbox
from lode_sim.market import market
from lode_sim.modbus import MODBUS_PORT
from lode_sim.models import BY_KEY
from lode_sim.physics import MODES
from lode_sim.proxy import Mode, Proxy
from lode_sim.rig import API_PORT
from lode_sim.simulator import Ports, Simulator
from lode_sim.site import Plan
from lode_sim.webhook import Webhook
from lode_sim.writes import WriteFault

app = typer.Typer(no_args_is_help=True, add_completion=True, pretty_exceptions_enable=False)

DataDir = Annotated[Path, typer.Option(help="Where the sockets of the simulator are.")]
Listen = Annotated[str, typer.Option(help="HOST:PORT; port 0 takes a free one.")]
WritePort = Annotated[Path | None, typer.Option(help="Write the port to this file.")]
Devices = Annotated[
    list[str] | None, typer.Argument(help="Names, patterns like 'rig-0*', rigs, meters, all.")
]
Share = Annotated[float, typer.Option(help="Only this share of them, drawn by the seed.")]
GRACE_S = 1.0  # for polls that are half done when the site is told to stop
DEFAULT_DIR = Path(".lode/sim")


def main() -> None:
    """Run the command; a failure is one line on stderr and exit status 1."""
    try:
        app()
    except SimError as error:
        print(f"lode-sim: {error}", file=sys.stderr)
        sys.exit(1)


@app.command()
def serve(
    rigs: Annotated[int, typer.Option(min=0, help="How many rigs.")] = 40,
    seed: Annotated[int, typer.Option(help="Same seed, same site, same scheduled faults.")] = 7,
    data_dir: DataDir = DEFAULT_DIR,
    base: Annotated[str, typer.Option(help="The loopback /16, or auto.")] = addresses.DEFAULT_BASE,
    truth: Annotated[Path | None, typer.Option(help="Append what was served to this file.")] = None,
    model: Annotated[list[str] | None, typer.Option(help=f"Only {', '.join(BY_KEY)}.")] = None,
    rack_meters: Annotated[bool, typer.Option(help="An SDM120 for each rack.")] = False,
    meters: Annotated[int, typer.Option(min=0, help="SDM630 meters beside the site's.")] = 0,
    rig_port: Annotated[int, typer.Option(help="TCP port of the rigs.")] = API_PORT,
    meter_port: Annotated[int, typer.Option(help="TCP port of the meters.")] = MODBUS_PORT,
    faults_per_hour: Annotated[float, typer.Option(min=0, help="Faults at random.")] = 0.0,
    write_agent_config: Annotated[Path | None, typer.Option(help="An agent's TOML.")] = None,
    site: Annotated[str, typer.Option(help="The agent's site.")] = "north",
    agent: Annotated[str, typer.Option(help="The agent's name.")] = "north-1",
    broker_url: Annotated[list[str] | None, typer.Option(help="Tried in turn.")] = None,
    interval: Annotated[float, typer.Option(help="Seconds between polls.")] = 2.0,
    agent_data_dir: Annotated[str, typer.Option(help="The agent's data_dir.")] = "",
    limits_dir: Annotated[Path | None, typer.Option(help="Where the agent's envelope is.")] = None,
    delay: Annotated[float, typer.Option(min=0, help="Seconds before each answer.")] = 0.0,
) -> None:
    """Run a whole site until SIGTERM or Ctrl-C."""
    plan = Plan(rigs=rigs, seed=seed, base=base, rack_meters=rack_meters, meters=meters)
    plan = replace(plan, models=tuple(model or ()), faults_per_hour=faults_per_hour)
    settings = Agent(site=site, name=agent, data_dir=agent_data_dir, interval_s=interval)
    urls = tuple(broker_url or settings.broker_urls)
    settings = replace(settings, broker_urls=urls, limits_dir=limits_dir, rig_port=rig_port)
    ports = Ports(rigs=rig_port, meters=meter_port)

    async def run(stack: AsyncExitStack) -> str:
        where = stack.enter_context(addresses.claim()) if base == "auto" else base
        placed, how = replace(plan, base=where), {"grace_s": GRACE_S, "delay_s": delay}
        simulator = Simulator(placed, data_dir, truth=truth, ports=ports, **how)
        await stack.enter_async_context(simulator)
        if write_agent_config:
            agentconfig.write(write_agent_config, simulator.site, settings)
        return f"ready: {rigs} rigs and {len(simulator.site.meters)} meters at {where}, seed {seed}"

    _run(run)


@app.command()
def fault(
    name: Annotated[str, typer.Argument(help=", ".join(Fault))],
    devices: Devices = None,
    share: Share = 0.0,
    for_s: Annotated[float, typer.Option("--for", min=0, help="Seconds; 0 until cleared.")] = 0.0,
    value: Annotated[str, typer.Option(help="Kind of garbage, bytes/s, seconds, length.")] = "",
    data_dir: DataDir = DEFAULT_DIR,
) -> None:
    """Make devices faulty."""
    order = Order(do="fault", fault=name, devices=devices or [], share=share, value=value)
    order.for_s = for_s
    _order(data_dir / SITE_SOCKET, order)


@app.command()
def clear(devices: Devices = None, share: Share = 0.0, data_dir: DataDir = DEFAULT_DIR) -> None:
    """End all faults of devices; of all devices when none is named."""
    order = Order(do="clear", devices=devices or ["all"], share=share)
    _order(data_dir / SITE_SOCKET, order)


@app.command()
def mode(
    name: Annotated[str, typer.Argument(help=", ".join(MODES))],
    devices: Devices = None,
    share: Share = 0.0,
    data_dir: DataDir = DEFAULT_DIR,
) -> None:
    """Switch rigs to another mode, as an operator at the rig would."""
    order = Order(do="mode", mode=name, devices=devices or [], share=share)
    _order(data_dir / SITE_SOCKET, order)


@app.command()
def disobey(
    name: Annotated[str, typer.Argument(help=f"{', '.join(WriteFault)}, or nothing.")],
    devices: Devices = None,
    share: Share = 0.0,
    data_dir: DataDir = DEFAULT_DIR,
) -> None:
    """Let rigs fail at what they are told; `nothing` lets them obey again."""
    fault_ = "" if name == "nothing" else name
    order = Order(do="disobey", fault=fault_, devices=devices or [], share=share)
    _order(data_dir / SITE_SOCKET, order)


@app.command()
def settings(devices: Devices = None, data_dir: DataDir = DEFAULT_DIR) -> None:
    """Show how rigs are set, one JSON object each: mode, pools, tuning, and what they draw."""
    _order(data_dir / SITE_SOCKET, Order(do="settings", devices=devices or []))


@app.command()
def status(devices: Devices = None, data_dir: DataDir = DEFAULT_DIR) -> None:
    """List devices, what they do, and what is wrong with them."""
    _order(data_dir / SITE_SOCKET, Order(do="status", devices=devices or []))


@app.command()
def proxy(
    to: Annotated[str, typer.Option(help="HOST:PORT of the server.")],
    listen: Listen = "127.0.0.1:0",
    data_dir: DataDir = DEFAULT_DIR,
    write_port: WritePort = None,
) -> None:
    """Run a link that `lode-sim link` can spoil."""

    async def run(stack: AsyncExitStack) -> str:
        (host, port), (to_host, to_port) = _host_port(listen), _host_port(to)
        running = await stack.enter_async_context(Proxy(to_host, to_port, host=host, port=port))
        control = Control(data_dir / LINK_SOCKET, running.obey)
        await control.start()
        stack.push_async_callback(control.stop)
        _write_port(write_port, running.port)
        return f"ready: link on {running.host}:{running.port} to {to}"

    _run(run)


@app.command()
def link(
    mode_: Annotated[str, typer.Argument(metavar="MODE", help=", ".join(Mode))] = "",
    value: Annotated[str, typer.Argument(help="Seconds, bytes/s or share.")] = "",
    data_dir: DataDir = DEFAULT_DIR,
) -> None:
    """Spoil the link (`blackhole` pulls the plug) or mend it (`pass`); alone: say how it is."""
    order = Order(do="link" if mode_ else "status", mode=mode_, value=value)
    _order(data_dir / LINK_SOCKET, order)


@app.command("mailbox")
def run_mailbox(
    directory: Annotated[Path, typer.Option("--dir", help="Where mail is kept.")],
    listen: Listen = "127.0.0.1:2525",
    write_port: WritePort = None,
) -> None:
    """Run an SMTP server that keeps every mail as a file."""

    async def run(stack: AsyncExitStack) -> str:
        host, port = _host_port(listen)
        box = await stack.enter_async_context(Mailbox(directory, host=host, port=port))
        _write_port(write_port, box.port)
        return f"ready: mail on {box.host}:{box.port} into {directory}"

    _run(run)


@app.command()
def mail(
    directory: Annotated[Path, typer.Option("--dir")] = DEFAULT_DIR / "mail",
    full: Annotated[bool, typer.Option(help="Print the mails, not only a line for each.")] = False,
) -> None:
    """List the mails that the mailbox has kept, oldest first."""
    for path in sorted(directory.glob(f"*{mailbox.SUFFIX}")):
        print(mailbox.text(path) + "\n---" if full else mailbox.describe(path))


@app.command("market")
def run_market(listen: Listen = "127.0.0.1:0", write_port: WritePort = None) -> None:
    """Run a power market: day-ahead and real-time prices, hashprice and weather as JSON."""

    async def run(stack: AsyncExitStack) -> str:
        host, port = _host_port(listen)
        server = await stack.enter_async_context(market(host, port))
        _write_port(write_port, int(server.url.rpartition(":")[2]))
        return f"ready: prices on {server.url}/real-time.json"

    _run(run)


@app.command()
def webhook(
    directory: Annotated[Path, typer.Option("--dir", help="Where posts are kept.")],
    listen: Listen = "127.0.0.1:0",
    status_code: Annotated[int, typer.Option("--status", help="Answer with this.")] = 204,
    write_port: WritePort = None,
) -> None:
    """Run an HTTP sink that keeps every post as a file."""

    async def run(stack: AsyncExitStack) -> str:
        host, port = _host_port(listen)
        sink = await stack.enter_async_context(Webhook(directory, host=host, port=port))
        sink.status = status_code
        _write_port(write_port, sink.port)
        return f"ready: posts on http://{sink.host}:{sink.port}/ into {directory}"

    _run(run)


def _run(start: Callable[[AsyncExitStack], Coroutine[None, None, str]]) -> None:
    """Start, say so in one line, and wait for a signal."""
    wrapper = structlog.make_filtering_bound_logger(logging.INFO)
    logger_factory = structlog.PrintLoggerFactory(sys.stderr)
    structlog.configure(wrapper_class=wrapper, logger_factory=logger_factory)

    async def whole() -> None:
        over = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, over.set)
        async with AsyncExitStack() as stack:
            print(await start(stack), flush=True)
            await over.wait()

    try:
        asyncio.run(whole())
    except OSError as error:
        raise SimError(f"cannot start: {error}") from error


def _order(path: Path, order: Order) -> None:
    for line in send(path, order):
        print(line)


def _write_port(path: Path | None, port: int) -> None:
    if path:
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_suffix(".new")
        fresh.write_text(f"{port}\n")
        fresh.replace(path)


def _host_port(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    if not colon or not host or not port.isdigit():
        raise OrderError(f"{text!r}: no HOST:PORT such as 127.0.0.1:1883")
    return host, int(port)
