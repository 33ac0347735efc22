"""The command `lode-edge discover`: search, show how far it is, write a site file to review."""

import asyncio
import contextlib
import dataclasses
import sys
from pathlib import Path
from typing import Annotated

import typer

from lode_edge.discover.ranges import addresses
from lode_edge.discover.reports import reports
from lode_edge.discover.scan import Bounds, Progress, scan
from lode_edge.discover.survey import Known, Survey, survey
from lode_edge.errors import EdgeError
from lode_edge.inventory import remembered
from lode_edge.probe import Found, probe
from lode_edge.settings import load

app = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False)


@app.command()
def discover(
    ranges: Annotated[
        list[str] | None, typer.Argument(help="10.1.0.0/24, 10.1.0.10-99, 10.1.0.7 …")
    ] = None,
    config: Annotated[
        Path | None, typer.Option("--config", "-c", help="Compare with an agent's TOML file.")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Write the site file here.")] = None,
    at_once: Annotated[int, typer.Option(min=1, max=1024, help="Addresses under way.")] = 128,
    per_s: Annotated[float, typer.Option(min=1, max=5000, help="Addresses a second.")] = 200.0,
    for_s: Annotated[float, typer.Option("--for", min=1, help="Stop after so many s.")] = 900.0,
    listen: Annotated[
        bool, typer.Option("--listen", help="Wait for rigs whose IP-report button is pressed.")
    ] = False,
) -> None:
    """Find devices and write a site file to review; the agent's settings stay as they are."""
    if not ranges and not listen:
        raise EdgeError("discover: nothing to search; name a range such as 10.1.0.0/24")
    if ranges and listen:
        raise EdgeError("discover: --listen searches no range; leave out one of the two")
    known = _known(config)
    asked: list[str] = []
    if listen:
        found = asyncio.run(_heard(for_s))
    else:
        bounds = Bounds(at_once=at_once, per_s=per_s, whole_s=for_s)
        found, asked = asyncio.run(_scanned(addresses(ranges or ()), bounds))
    _write(survey(known, found, asked), out)


def _known(config: Path | None) -> list[Known]:
    if config is None:
        return []
    told = load(config)
    facts = remembered(told)
    return [Known(entry=entry, facts=facts[entry.name]) for entry in told.devices]


async def _scanned(hosts: list[str], bounds: Bounds) -> tuple[list[Found], list[str]]:
    """Give what was found, and the hosts that were asked."""
    found, strange, progress = await scan(hosts, bounds, tell=_show)
    print(file=sys.stderr)
    if progress.skipped:
        print(f"time ran out: {progress.skipped} addresses were not asked", file=sys.stderr)
    for line in strange:
        print(f"not known: {line}", file=sys.stderr)
    return found, progress.asked


async def _heard(for_s: float) -> list[Found]:
    """Probe each rig that reports, until the time is over or Ctrl-C; the last word counts."""
    found: dict[str, list[Found]] = {}
    print("press the IP-report button of each rig; Ctrl-C ends", file=sys.stderr)
    with contextlib.suppress(TimeoutError, asyncio.CancelledError):
        async with asyncio.timeout(for_s), reports() as heard:
            while True:
                report = await heard.get()
                probed = await probe(report.host)
                if not probed.found:
                    notes = "; ".join(probed.notes)
                    print(f"not known: {report.host} ({report.mac}): {notes}", file=sys.stderr)
                    continue
                found[report.host] = [_marked(each, report.mac) for each in probed.found]
                for each in found[report.host]:
                    print(f"{report.host} {each.facts.mac} {each.facts.model}", file=sys.stderr)
    return [each for here in found.values() for each in here]


def _marked(found: Found, mac: str) -> Found:
    """Know a rig that did not say its MAC by the one it reported."""
    facts = dataclasses.replace(found.facts, mac=found.facts.mac or mac)
    return dataclasses.replace(found, facts=facts)


def _show(progress: Progress) -> None:
    asked = len(progress.asked)
    if not sys.stderr.isatty() and asked % 256 and asked < progress.total:
        return
    print(
        f"\r{asked}/{progress.total} asked, {progress.found} found, "
        f"{progress.silent} silent, {progress.strange} not known",
        end="" if sys.stderr.isatty() else "\n",
        file=sys.stderr,
        flush=True,
    )


def _write(result: Survey, out: Path | None) -> None:
    if out is None:
        print(result.toml(), end="")
    else:
        try:
            out.write_text(result.toml(), encoding="utf-8")
        except OSError as error:
            raise EdgeError(f"{out}: cannot be written: {error.strerror}") from error
    print(
        f"{len(result.new)} new, {len(result.moved)} moved, {len(result.replaced)} replaced, "
        f"{len(result.missing)} missing, {len(result.same)} where they were",
        file=sys.stderr,
    )
