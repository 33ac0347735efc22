"""Rigs that answer with recorded files at all their doors, each at its own loopback address.

case/NAME.json          a command of the API on 4028
case/v3/NAME.json       a command of WhatsMiner's 4433, `command param`
case/web/PATH.json      a page on 80
case/api-web/PATH.json  a page on 4028
case/graphql/NAME.json  the answer to the query of that name, on 80 at /graphql
"""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from tests.edge.drivers.conftest import INVALID

from lode_sim import addresses
from lode_sim.port import Port, stream_port

SHIFT = 10_000  # so that no port needs a privilege
API, WEB, V3 = 4028 + SHIFT, 80 + SHIFT, 4433 + SHIFT


@asynccontextmanager
async def opened(case: Path) -> AsyncIterator[str]:
    """Serve a case; gives `host:port` of its API."""
    async with AsyncExitStack() as stack:
        host = addresses.rig_host(stack.enter_context(addresses.claim()), 1)
        for port in _ports(case, host):
            _open(port, stack)
        yield f"{host}:{API}"


def commands(case: Path) -> dict[str, bytes]:
    """Give all replies of a case, by the command or the page that a driver asks for."""
    found = {path.stem: path.read_bytes() for path in case.glob("*.json")}
    found |= {path.stem: path.read_bytes() for path in (case / "v3").glob("*.json")}
    found |= {f"graphql {p.stem}": p.read_bytes() for p in (case / "graphql").glob("*.json")}
    for folder in (case / "web", case / "api-web"):
        found |= {_page(path, folder): path.read_bytes() for path in folder.rglob("*.json")}
    found.pop("expected", None)
    return found


def _ports(case: Path, host: str) -> list[Port]:
    ports = []
    if any(path.stem != "expected" for path in case.glob("*.json")):
        ports.append(stream_port(host, API, _lines(case)))
    if (case / "api-web").exists():
        ports.append(stream_port(host, API, _pages(case / "api-web")))
    if (case / "web").exists() or (case / "graphql").exists():
        ports.append(stream_port(host, WEB, _pages(case / "web")))
    if (case / "v3").exists():
        ports.append(stream_port(host, V3, _frames(case / "v3")))
    return ports


def _open(port: Port, stack: AsyncExitStack) -> None:
    port.open()
    stack.callback(port.reset)
    stack.callback(port.close)


def _lines(case: Path):
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked = await reader.read(4096)
        path = case / f"{json.loads(asked)['command'] if asked[:1] == b'{' else ''}.json"
        writer.write(path.read_bytes() if path.exists() else INVALID)
        writer.close()

    return serve


def _frames(folder: Path):
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked = json.loads(
            await reader.readexactly(int.from_bytes(await reader.readexactly(4), "little"))
        )
        path = folder / (" ".join(str(asked[k]) for k in ("cmd", "param") if k in asked) + ".json")
        data = path.read_bytes() if path.exists() else b'{"code":-2,"msg":"invalid command"}'
        writer.write(len(data).to_bytes(4, "little") + data)
        writer.close()

    return serve


def _pages(folder: Path):
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        first = await reader.read(1)
        if first == b"{":  # the question of another API
            writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
            writer.close()
            return
        head = (first + await reader.readuntil(b"\r\n\r\n")).decode()
        path = head.split(" ")[1]
        length = re.search(r"content-length: (\d+)", head, re.IGNORECASE)
        body = await reader.readexactly(int(length.group(1)) if length else 0)
        data = _answer(folder, path, body)
        status = "404 Not Found" if data is None else "200 OK"
        size = len(data or b"")
        head = f"HTTP/1.1 {status}\r\nContent-Length: {size}\r\nSet-Cookie: session_id=s-1\r\n\r\n"
        writer.write(head.encode())
        writer.write(data or b"")
        writer.close()

    return serve


def _answer(folder: Path, path: str, body: bytes) -> bytes | None:
    if path == "/api/v1/auth/login" and (folder / "api").exists():
        return b'{"token":"t-1","timeout_s":3600}'
    file = folder / f"{path.lstrip('/')}.json"
    if path == "/graphql":
        name = re.search(r"(?:query|mutation) (\w+)", json.loads(body)["query"])
        if name and name.group(1) == "Login":
            return b'{"data":{"auth":{"login":{"void":"void"}}}}'
        file = folder.parent / "graphql" / f"{name.group(1) if name else ''}.json"
    return file.read_bytes() if file.exists() else None


def _page(path: Path, folder: Path) -> str:
    return f"/{path.relative_to(folder).with_suffix('')}"
