"""The command `lode-edge browse`: what an OPC UA server has."""

# ruff: noqa: PLC0415 -- each command loads only what it needs

import asyncio
import dataclasses
import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from lode_edge.errors import EdgeError

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def browse(
    url: Annotated[str, typer.Argument(help="opc.tcp://host:port/path")],
    as_toml: Annotated[
        bool, typer.Option("--toml", help="Print the beginning of a node map.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for machines.")] = False,
    depth: Annotated[int, typer.Option(min=1, max=20, help="So many levels down.")] = 6,
    count: Annotated[int, typer.Option(min=1, max=20_000, help="At most so many nodes.")] = 1000,
    user: Annotated[str, typer.Option(help="The password is read from standard input.")] = "",
    config: Annotated[
        Path | None, typer.Option("--config", "-c", help="The agent's file, for its [opcua].")
    ] = None,
    timeout_s: Annotated[float, typer.Option("--timeout", help="For one answer, in s.")] = 4.0,
) -> None:
    """Show what an OPC UA server has: node ids, types and values."""
    from lode_edge import settings
    from lode_edge.drivers.driver import Login
    from lode_edge.drivers.opcua import browse as look
    from lode_edge.drivers.opcua.security import check, chosen
    from lode_edge.drivers.opcua.server import Access

    if not url.startswith("opc.tcp://"):
        raise EdgeError(f"{url}: write opc.tcp://host:port/path")
    security = chosen(settings.load(config).opcua if config else None, url)
    check(security)
    login = Login(username=user, password=sys.stdin.readline().rstrip("\n")) if user else None
    access = Access(url=url, login=login, security=security, timeout_s=timeout_s)
    tree = asyncio.run(look.browse(access, depth=depth, count=count))
    if as_json:
        print(json.dumps([dataclasses.asdict(node) for node in tree.nodes], indent=2))
    elif as_toml:
        print(look.as_toml(tree))
    else:
        for node in tree.nodes:
            told = f"  {node.kind} {node.value}" if node.kind else ""
            print(f"{'  ' * (len(node.path) - 1)}{node.path[-1]}  {node.node}{told}")
    if not tree.is_whole:
        print("there is more; raise --depth or --count", file=sys.stderr)
