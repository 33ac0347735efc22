"""A host of somebody else's reads our edge node, and has nothing to complain of."""

import json
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests import peers
from tests.edge.conftest import Broker
from tests.edge.conftest import running as broker_running
from tests.edge.publish.site import PLACE, edge_node, lost_meter, meter, now_ms, point, rig
from tests.edge.site_broker import running, until

SCRIPT = Path(peers.__file__).with_name("sparkplug_host.py")

# The first of all fills the peers' environment, which takes a while.
pytestmark = [pytest.mark.slow, pytest.mark.needs("mosquitto")]


class Peer:
    """The other host, as a process; `said` is what it printed."""

    def __init__(self, port: int) -> None:
        self.said: list[dict[str, Any]] = []
        command = [peers.python(), SCRIPT, str(port), PLACE.group, PLACE.node]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def ask_rebirth(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write("rebirth\n")

    def heard(self, verb: str) -> list[dict[str, Any]]:
        return [one for one in self.said if one.get("verb") == verb]

    def close(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait(10)
        self._reader.join(10)
        assert self.process.stdout is not None
        self.process.stdout.close()

    def _read(self) -> None:
        assert self.process.stdout is not None
        self.said.extend(json.loads(line) for line in self.process.stdout)


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[Broker]:
    with broker_running("mosquitto", tmp_path / "broker") as found:
        yield found


@pytest.fixture
def peer(mosquitto: Broker) -> Iterator[Peer]:
    found = Peer(mosquitto.port)
    try:
        yield found
    finally:
        found.close()


async def test_another_host_understands_all_that_we_say(mosquitto, peer, tmp_path):
    await until(lambda: peer.said, 60)
    node = edge_node(mosquitto.port, tmp_path)
    node.site.take([rig(100.0, accepted_shares=2**40), meter(-5.5), point(20.5)])
    async with running(node.run()):
        await until(lambda: len(peer.heard("DBIRTH")) == 3)
        node.site.take([rig(101.0), meter(6.5), meter(1.5, now_ms() - 60_000)])
        await until(lambda: len(peer.heard("DDATA")) == 2)
        peer.ask_rebirth()
        await until(lambda: len(peer.heard("DBIRTH")) == 6)
        node.site.take([lost_meter()])
        await until(lambda: peer.heard("DDEATH"))
    await until(lambda: peer.heard("NDEATH"))
    assert not [one for one in peer.said if "complaint" in one]
    assert [one["qos"] for one in peer.heard("NDEATH")] == [1]
    assert not any(one.get("retain") for one in peer.said)
    born = values(peer.heard("DBIRTH")[0])
    assert born["accepted_shares"]["value"] == 2**40
    assert born["chip_temp_c"]["null"] is True
    told = [values(one) for one in peer.heard("DDATA")]
    assert told[0]["hashrate_ths"]["value"] == 101.0
    history = [m for one in peer.heard("DDATA") for m in one["metrics"] if m["historical"]]
    assert [m["value"] for m in history if m["name"] == "power_w"] == [1.5]
    numbered = [one["seq"] for one in peer.said if one.get("verb") not in {None, "NCMD", "NDEATH"}]
    assert numbered == [0, 1, 2, 3, 4, 5, 0, 1, 2, 3, 4]


def values(message: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {metric["name"]: metric for metric in message["metrics"]}
