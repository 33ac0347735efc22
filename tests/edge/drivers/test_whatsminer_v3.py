"""The port of WhatsMiner's version 3: lengths that lie, heartbeats, silence and early ends."""

import asyncio
import json

import pytest

from lode_edge.drivers.asic import whatsminer_v3 as v3
from lode_edge.drivers.asic.client import MAX_REPLY_BYTES
from lode_edge.errors import BadAnswer, Refused, TimedOut, Unsupported


def framed(answer: object) -> bytes:
    data = json.dumps(answer).encode()
    return len(data).to_bytes(4, "little") + data


async def ask(serve, reply: bytes, *, is_open: bool = False, within_s: float = 2.0) -> bytes:
    async def answer(reader, writer):
        length = int.from_bytes(await reader.readexactly(4), "little")
        assert json.loads(await reader.readexactly(length)) == {"cmd": "get.device.info"}
        writer.write(reply)
        await writer.drain()
        if is_open:
            await reader.read()

    host, port = (await serve(answer)).split(":")
    deadline = asyncio.get_running_loop().time() + within_s
    question = {"cmd": v3.INFO}
    return await v3.talk(host, int(port), question, "rig-1 info", deadline=deadline)


async def test_heartbeats_before_the_answer_are_passed_over(serve):
    data = await ask(serve, bytes(8) + framed({"code": 0}), is_open=True)
    assert json.loads(data) == {"code": 0}


async def test_a_length_beyond_all_answers_is_refused_unread(serve):
    with pytest.raises(BadAnswer, match="rig-1 info: an answer of 1048577 bytes"):
        await ask(serve, (MAX_REPLY_BYTES + 1).to_bytes(4, "little"), is_open=True)


@pytest.mark.parametrize("reply", [b"", b"\x10", framed({"code": 0})[:-3]])
async def test_an_answer_that_ends_early_is_none(reply, serve):
    with pytest.raises(Refused, match="rig-1 info: closed after"):
        await ask(serve, reply)


async def test_silence_costs_its_limit(serve):
    with pytest.raises(TimedOut, match="rig-1 info"):
        await ask(serve, b"\x40\x00\x00\x00{", is_open=True, within_s=0.1)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ({"code": -4, "msg": "no permission"}, Unsupported),
        ({"code": -1, "msg": "No permission"}, Unsupported),
        ({"code": -2, "msg": "invalid command"}, Unsupported),
        ({"code": -1, "msg": "fail"}, BadAnswer),
        ({"msg": {}}, BadAnswer),
    ],
)
def test_what_is_no_success_is_an_error(answer, error):
    with pytest.raises(error, match="rig-1"):
        v3.judge(answer, "rig-1")
