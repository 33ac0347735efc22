"""A process of its own for `pyasic_rs`, which has been seen to abort, and at its end, too.

One question a line on its input, one answer a line on its output, both JSON; it ends with its
input. Run by `lode_edge.drivers.asic.foreign`; it imports nothing of the agent, to stay small.
"""

import asyncio
import json
import os
import sys
from collections.abc import Iterable
from typing import Any

from pyasic_rs import Miner, MinerFactory
from pyasic_rs.data import BoardData, HashRate, HashRateUnit, MinerData

AT_ONCE = 16
MAX_RIGS = 1000  # whose connections are kept; the oldest is forgotten first
_LINE_LIMIT = 64 << 10


class Reader:
    """Reads rigs, several at once."""

    def __init__(self) -> None:
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._miners: dict[str, Miner] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def begin(self, line: bytes) -> None:
        """Begin to answer a question."""
        question = json.loads(line)
        task = asyncio.get_running_loop().create_task(self._answer(question))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer(self, question: dict[str, Any]) -> None:
        answer: dict[str, Any] = {"id": question["id"]}
        try:
            async with asyncio.timeout(question["timeout_s"]), self._turns:
                answer["data"] = await self._read(question)
        except TimeoutError:
            answer["error"], answer["kind"] = "no complete answer in time", "timed_out"
        except Exception as error:  # whatever it raises is an answer of its own
            answer["error"], answer["kind"] = str(error)[:200], "bad_answer"
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()

    async def _read(self, question: dict[str, Any]) -> dict[str, Any]:
        host = question["host"]
        miner = self._miners.get(host)
        if miner is None:
            miner = await MinerFactory().get_miner(host)
            if miner is None:
                raise ValueError("no rig that pyasic_rs knows")
            if question.get("username"):
                miner.set_auth(question["username"], question.get("password", ""))
            self._miners[host] = miner
            if len(self._miners) > MAX_RIGS:
                del self._miners[next(iter(self._miners))]
        return plain(await miner.get_data())


def plain(data: MinerData) -> dict[str, Any]:
    """Put what was read into Lode's units."""
    return {
        "make": data.device_info.make,
        "model": data.device_info.model,
        "firmware": data.firmware_version,
        "mac": data.mac,
        "serial": data.serial_number,
        "hashrate_ths": _ths(data.hashrate),
        "ideal_ths": _ths(data.expected_hashrate),
        "power_w": data.wattage,
        "uptime_s": data.uptime.total_seconds() if data.uptime is not None else None,
        "fans_rpm": [fan.rpm for fan in data.fans],
        "boards": [_board(board) for board in data.hashboards],
        "pools": [
            {"alive": p.alive, "accepted": p.accepted_shares, "rejected": p.rejected_shares}
            for group in data.pools
            for p in group.pools
        ],
        "errors": [str(message.code) for message in data.messages],
    }


def _board(board: BoardData) -> dict[str, Any]:
    chips = (board.inlet_chip_temperature, board.outlet_chip_temperature)
    return {
        "temp_c": board.board_temperature,
        "chip_temp_c": _most(chips),
        "hashrate_ths": _ths(board.hashrate),
        "chips": board.working_chips,
    }


def _most(values: Iterable[float | None]) -> float | None:
    return max((value for value in values if value is not None), default=None)


def _ths(rate: HashRate | None) -> float | None:
    return None if rate is None else float(rate.as_unit(HashRateUnit.TeraHash).value)


async def run() -> None:
    """Answer until the input ends."""
    loop = asyncio.get_running_loop()
    source = asyncio.StreamReader(limit=_LINE_LIMIT)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(source), sys.stdin)
    reader = Reader()
    while line := await source.readline():
        reader.begin(line)


if __name__ == "__main__":
    asyncio.run(run())
    os._exit(0)  # without the library's own end, which aborts at times
