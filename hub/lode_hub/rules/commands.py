"""The command `lode-hub rules`: check a file, show what is in effect, try a rule on history."""

import sys
import time
import tomllib
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from lode_hub import console
from lode_hub.console import Config, DataDir
from lode_hub.errors import InvalidError
from lode_hub.rules import book
from lode_hub.rules.replay import Replayed
from lode_hub.rules.schema import Rule
from lode_hub.rules.tried import LEFT_OUT
from lode_hub.settings import HubSettings
from lode_hub.store import alerts_rules

rules = typer.Typer(no_args_is_help=True, help="Rules of alerts: check, show, try on history.")
MAX_SHOWN = 20


@rules.command("check")
def check(file: Annotated[Path, typer.Argument(help="a rules file, TOML")]) -> None:
    """Check a rules file over the shipped rules; say what is wrong, or what it changes."""
    layers = book.read(file)
    for layer in layers:
        at_site = f" at {layer.site}" if layer.site else ""
        typer.echo(f"{layer.name}{at_site}: {', '.join(sorted(layer.body))}")
    typer.echo(f"{file}: {len(layers)} rules, all well")


@rules.command("show")
def show(
    name: Annotated[str | None, typer.Argument(help="one rule; without, all")] = None,
    config: Config = None,
    data_dir: DataDir = None,
) -> None:
    """Print the rules that are in effect."""
    settings = console.settings(config, data_dir=data_dir)
    found = console.run(_current(settings))
    listed = [row for row in found if name in (None, row.name)]
    if not listed:
        raise InvalidError(f"rules: no rule {name!r} is in effect; see `lode-hub rules show`")
    for row in listed:
        body = {key: value for key, value in row.body.items() if value not in (None, {}, [])}
        typer.echo(f"{row.name}{f' at {row.site}' if row.site else ''} (version {row.version})")
        for key, value in body.items():
            typer.echo(f"    {key} = {value!r}")


@rules.command("test")
def replayed(
    rule: Annotated[str, typer.Argument(help="a TOML file with one [[rule]], or a rule's name")],
    site: Annotated[str | None, typer.Option(help="at this site only")] = None,
    days: Annotated[float, typer.Option(min=0.001, max=90, help="of history")] = 1.0,
    config: Config = None,
    data_dir: DataDir = None,
) -> None:
    """Replay a rule over stored history, and say what it would have done."""
    settings = console.settings(config, data_dir=data_dir)
    now_ms = time.time_ns() // 1_000_000
    span_ms = (now_ms - round(days * 86_400_000), now_ms)
    chosen, replayed, names = console.run(_test(settings, rule, site, span_ms))
    for line in report(chosen, replayed, names):
        typer.echo(line)


def report(rule: Rule, done: Replayed, names: dict[str, str]) -> list[str]:
    """Say what a replay showed, a line for each thing."""
    days = (done.to_ms - done.from_ms) / 86_400_000
    lines = [
        f"rule {rule.name}: {done.devices} devices, {done.values} values over {days:g} days",
        f"would have opened {len(done.alarms)} alerts, {len(done.alarms) / days:.3g} a day, "
        f"on {len({alarm.subject for alarm in done.alarms})} devices; "
        f"{sum(alarm.is_flapping for alarm in done.alarms)} held as flapping",
        f"would have sent {done.messages} messages after grouping",
    ]
    spans = sorted((alarm.ends_ms or done.to_ms) - alarm.begins_ms for alarm in done.alarms)
    if spans:
        lines.append(
            f"lasting {spans[len(spans) // 2] / 60_000:.1f} min in the middle, "
            f"{spans[-1] / 60_000:.1f} min at most"
        )
    for subject, n in Counter(alarm.subject for alarm in done.alarms).most_common(MAX_SHOWN):
        first = next(alarm for alarm in done.alarms if alarm.subject == subject)
        at = datetime.fromtimestamp(first.begins_ms / 1000, UTC)
        lines.append(f"    {names.get(subject, subject)}: {n}, first {at:%Y-%m-%d %H:%M:%S} UTC")
    if done.caveat:
        lines.append(done.caveat)
    return [*lines, f"left out: {', '.join(LEFT_OUT)} of that time"]


async def _current(settings: HubSettings) -> list[alerts_rules.Version]:
    async with console.store(settings) as store:
        await store.migrate()
        async with store.pool.connection() as conn:
            return await alerts_rules.current(conn)


async def _test(
    settings: HubSettings, given: str, site: str | None, span_ms: tuple[int, int]
) -> tuple[Rule, Replayed, dict[str, str]]:
    from lode_hub.rules import history  # noqa: PLC0415 -- numpy only when it is needed

    async with console.store(settings) as store:
        await store.migrate()
        async with store.pool.connection() as conn:
            layers = await alerts_rules.layers(conn)
        rule = _chosen(given, site, layers)
        with typer.progressbar(length=1000, label="replaying", file=sys.stderr) as bar:
            done, names = await history.over_history(
                store, rule, site, span_ms, lambda part: bar.update(round(part * 1000) - bar.pos)
            )
    return rule, done, names


def _chosen(given: str, site: str | None, layers: list[alerts_rules.Layer]) -> Rule:
    """Give the rule of a file, laid over what is in the database, or the one of that name."""
    stored = layers or book.shipped()
    if given.endswith(".toml"):
        path = Path(given)
        try:
            listed = tomllib.loads(path.read_text()).get("rule", [])
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise InvalidError(f"rules: {given}: {error}; give a file with one [[rule]]") from None
        mine = book.read(path)
        if len(listed) != 1:
            raise InvalidError(f"rules: {given}: {len(listed)} rules, expected one [[rule]]")
        rest = [one for one in stored if one.layer == "shipped" or one.name != mine[0].name]
        rules_now = book.effective([*rest, *mine])
        return rules_now[mine[0].name, mine[0].site]
    rules_now = book.effective(stored)
    for key in ((given, site), (given, None)):
        if key in rules_now:
            return rules_now[key]
    raise InvalidError(f"rules: no rule {given!r} is in effect; see `lode-hub rules show`")
