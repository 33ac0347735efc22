"""HTTP as devices speak it, well or badly: every answer ends in time, and no password leaks."""

import asyncio
import hashlib
import re

import pytest

from lode_edge.drivers.driver import Login
from lode_edge.errors import BadAnswer, Refused, TimedOut, Unsupported
from lode_edge.http import MAX_BODY_BYTES, Response, Web

LOGIN = Login(username="root", password="s3cret-pw")
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


async def web(serve, handler, login=None) -> Web:
    host, _, port = (await serve(handler)).partition(":")
    return Web(host, int(port), login)


async def get(of: Web, timeout_s: float = 2.0, path: str = "/a") -> Response:
    return await of.request("GET", path, deadline=asyncio.get_running_loop().time() + timeout_s)


def answering(*answers: bytes):
    """Make a handler that gives these answers in turn, the last again and again."""
    left, asked = list(answers), []

    async def handle(reader, writer):
        asked.append((await reader.readuntil(b"\r\n\r\n")).decode())
        writer.write(left.pop(0) if len(left) > 1 else left[0])
        await writer.drain()

    handle.asked = asked
    return handle


async def test_a_request_is_whole_and_the_answer_too(serve):
    handler = answering(OK)
    of = await web(serve, handler)
    response = await of.request(
        "POST",
        "/cgi-bin/x.cgi",
        headers={"Content-Type": "application/json"},
        body=b'{"a":1}',
        deadline=asyncio.get_running_loop().time() + 2,
    )
    assert (response.status, response.body) == (200, b"{}")
    (asked,) = handler.asked
    assert asked.startswith("POST /cgi-bin/x.cgi HTTP/1.1\r\n")
    assert "Content-Length: 7" in asked
    assert "Content-Type: application/json" in asked


@pytest.mark.parametrize(
    ("answer", "body"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\nuntil the end", b"until the end"),
        (b"HTTP/1.0 200 OK\r\nConnection: close\r\n\r\n{}", b"{}"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", b"{}"),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + OK, b"{}"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", b""),
    ],
)
async def test_bodies_end_in_many_ways(answer, body, serve):
    assert (await get(await web(serve, answering(answer)))).good("x") == body


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (b"", Refused),
        (b"HTTP/1.1 200 OK\r\nContent-Le", Refused),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}", Refused),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\n{}", Refused),
        (b'{"STATUS":[{"STATUS":"E"}]}\x00', BadAnswer),
        (b"HTTP/1.1 abc OK\r\n\r\n", BadAnswer),
        (b"HTTP/1.1 200 OK\r\nX: " + b"y" * 70_000 + b"\r\n\r\n", BadAnswer),
        (b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * (MAX_BODY_BYTES + 1), BadAnswer),
    ],
)
async def test_a_bad_answer_is_an_error_that_says_where(answer, error, serve):
    of = await web(serve, answering(answer))
    with pytest.raises(error, match=f"127.0.0.1:{of.port} GET /a: "):
        await get(of)


async def test_silence_and_drip_cost_the_time_limit(serve):
    async def hang(_reader, _writer):
        await asyncio.sleep(60)

    async def drip(_reader, writer):
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.01)

    for handler in (hang, drip):
        with pytest.raises(TimedOut, match="no complete answer in time"):
            await get(await web(serve, handler), timeout_s=0.15)


async def test_nobody_listens(serve):
    of = await web(serve, answering(OK))
    with pytest.raises(Refused, match="no connection"):
        await get(Web("127.0.0.1", 1))
    assert (await get(of)).status == 200


@pytest.mark.parametrize(
    ("status", "error"),
    [(401, Unsupported), (403, Unsupported), (404, Unsupported), (500, BadAnswer)],
)
def test_what_a_status_means(status, error):
    with pytest.raises(error, match=f"rig: HTTP {status}"):
        Response(status, {}, b"").good("rig")


async def test_a_redirect_is_not_followed(serve):
    moved = b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"
    handler = answering(moved)
    assert (await get(await web(serve, handler))).status == 302
    assert len(handler.asked) == 1


def guarded(algorithm: str, qop: str, *, stale_after: int = 99):
    """Make a handler that wants a digest login, checks it, and forgets a nonce after some uses."""
    nonces: dict[str, int] = {}
    refused: list[str] = []
    hashed = {"MD5": hashlib.md5, "SHA-256": hashlib.sha256}[algorithm]

    def digest(*parts: str) -> str:
        return hashed(":".join(parts).encode()).hexdigest()

    async def handle(reader, writer):
        asked = (await reader.readuntil(b"\r\n\r\n")).decode()
        said = dict(re.findall(r'(\w+)="?([^",\r]+)', asked))
        nonce, count = said.get("nonce", ""), int(said.get("nc", "1"), 16)
        known = digest("root", "antMiner Configuration", "s3cret-pw")
        own = digest(asked.split()[0], asked.split()[1])
        parts = (known, nonce, said.get("nc", ""), said.get("cnonce", ""), "auth", own)
        right = digest(*parts) if qop else digest(known, nonce, own)
        is_fresh = nonces.get(nonce, stale_after) < stale_after and (
            not qop or count == nonces[nonce] + 1
        )
        if is_fresh and said.get("response") == right and said["opaque"] == "o1":
            nonces[nonce] += 1
            writer.write(OK)
            return
        refused.append(nonce)
        nonce = f"n{len(nonces)}"
        nonces[nonce] = 0
        shown = f'Digest realm="antMiner Configuration", nonce="{nonce}", opaque="o1", '
        shown += f"algorithm={algorithm}" + (f', qop="auth-int,{qop}"' if qop else "")
        writer.write(f"HTTP/1.1 401 No\r\nWWW-Authenticate: {shown}\r\n\r\n".encode())

    handle.refused = refused
    return handle


@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256"])
@pytest.mark.parametrize("qop", ["auth", ""])
async def test_a_digest_login_is_answered_and_its_nonce_used_again(algorithm, qop, serve):
    handler = guarded(algorithm, qop)
    of = await web(serve, handler, LOGIN)
    for _ in range(3):
        assert (await get(of)).status == 200
    assert len(handler.refused) == 1


async def test_a_stale_nonce_is_replaced(serve):
    handler = guarded("MD5", "auth", stale_after=2)
    of = await web(serve, handler, LOGIN)
    for _ in range(5):
        assert (await get(of)).status == 200
    assert len(handler.refused) == 3


@pytest.mark.parametrize("challenge", ["Basic realm=x", 'Digest realm="x", qop="auth-int"', ""])
async def test_a_challenge_that_cannot_be_answered_is_no_loop(challenge, serve):
    answer = f"HTTP/1.1 401 No\r\nWWW-Authenticate: {challenge}\r\n\r\n".encode()
    handler = answering(answer)
    assert (await get(await web(serve, handler, LOGIN))).status == 401
    assert len(handler.asked) == 1
    assert "Authorization" not in handler.asked[0]


async def test_a_wrong_password_is_tried_once_and_shown_nowhere(serve):
    handler = guarded("MD5", "auth")
    wrong = Login(username="root", password="not-it-pw")
    of = await web(serve, handler, wrong)
    response = await get(of)
    assert response.status == 401
    assert len(handler.refused) == 2
    with pytest.raises(Unsupported) as refused:
        response.good("rig")
    assert "not-it-pw" not in f"{refused.value!r} {of!r}"
