"""A scan finds rigs on real sockets, keeps its bounds, and a hung one costs only itself."""

import asyncio
import json
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from lode_edge.discover import Bounds, cli, scan
from lode_edge.discover.reports import Report, _Ear, reports, understood
from lode_edge.drivers.driver import Facts
from lode_edge.errors import EdgeError
from lode_edge.probe import Found, Probed
from lode_sim.addresses import claim

S19 = Path(__file__).resolve().parents[2] / "golden" / "antminer" / "s19pro_recorded"
REPLIES = {path.stem: path.read_bytes() for path in S19.glob("*.json") if path.stem != "expected"}
QUICK = Bounds(connect_s=0.5, probe_s=0.5)
PORTS = (4028,)


AGENT = '[agent]\nname = "a"\nsite = "s"\ndata_dir = "{}"\n'
RIG = '[[devices]]\nname = "{}"\ndriver = "asic"\naddress = "{}"\nkind = "rig"\n'


async def answer(reader, writer):
    command = json.loads(await reader.read(4096))["command"]
    writer.write(REPLIES.get(command, b"{}"))
    await writer.drain()
    writer.close()


async def hang(reader, writer):
    await reader.read()
    writer.close()


async def web(reader, writer):
    await reader.read(100)
    writer.write(b"HTTP/1.1 200 OK\r\n\r\nhello")
    writer.close()


@asynccontextmanager
async def site(**handlers):
    """Serve port 4028 at these last bytes of a fresh base: `b7=answer`."""
    with claim() as base:
        prefix = base.rpartition(".")[0]
        async with AsyncExitStack() as ends:
            for place, handler in handlers.items():
                host = f"{prefix}.{place[1:]}"
                server = await asyncio.start_server(handler, host, 4028)
                ends.callback(server.close)
            yield prefix


async def test_rigs_are_found_among_silence_and_strangers():
    async with site(b3=answer, b7=answer, b9=web, b11=hang) as prefix:
        told = []
        hosts = [f"{prefix}.{n}" for n in range(1, 21)]
        found, strange, progress = await scan(
            hosts, QUICK, ports=PORTS, tell=lambda p: told.append(len(p.asked))
        )
        assert sorted(each.address for each in found) == [f"{prefix}.3:4028", f"{prefix}.7:4028"]
        assert [line.split(":")[0] for line in sorted(strange)] == [f"{prefix}.11", f"{prefix}.9"]
        assert (progress.silent, progress.found, progress.strange) == (16, 2, 2)
        assert told[-1] == 20


async def test_no_more_are_under_way_than_allowed():
    most = now = 0

    async def count(reader, writer):
        nonlocal most, now
        now += 1
        most = max(most, now)
        await reader.read()
        now -= 1
        writer.close()

    places = {f"b{n}": count for n in range(1, 13)}
    async with site(**places) as prefix:
        hosts = [f"{prefix}.{n}" for n in range(1, 13)]
        bounds = Bounds(at_once=3, connect_s=0.3, probe_s=0.1)
        _, _, progress = await scan(hosts, bounds, ports=PORTS)
    assert len(progress.asked) == 12
    # a probe of one host asks it for more than one thing at a time
    assert 1 <= most <= 3 * 3


async def test_time_that_runs_out_is_told():
    async with site(b1=hang, b2=hang) as prefix:
        hosts = [f"{prefix}.{n}" for n in (1, 2)]
        bounds = Bounds(at_once=1, probe_s=5, whole_s=0.3)
        _, _, progress = await scan(hosts, bounds, ports=PORTS)
    assert (progress.asked, progress.skipped) == ([], 2)


def test_a_rig_that_time_did_not_reach_is_not_missing(tmp_path, capsys):
    """At ten addresses a second, one second does not reach the fiftieth."""
    with claim() as base:
        place = base.rpartition(".")[0]
        config = tmp_path / "edge.toml"
        rigs = [("near", f"{place}.1"), ("far", f"{place}.50")]
        config.write_text(AGENT.format(tmp_path) + "".join(RIG.format(*rig) for rig in rigs))
        cli.discover([f"{place}.1-{place}.50"], config, None, per_s=10, at_once=8, for_s=1.0)
    said = capsys.readouterr()
    assert f"MISSING: near was not found at {place}.1" in said.out
    assert "MISSING: far" not in said.out
    assert "addresses were not asked" in said.err


def test_a_range_is_not_searched_while_listening():
    with pytest.raises(EdgeError, match="--listen searches no range"):
        cli.discover(["10.99.0.0/28"], None, None, listen=True)


@pytest.mark.parametrize(
    ("data", "report"),
    [
        (b"10.0.0.7,02:11:22:33:44:5A", Report("10.0.0.7", "02:11:22:33:44:5a")),
        (b"IP:10.0.0.7MAC:02:11:22:33:44:55", Report("10.0.0.7", "02:11:22:33:44:55")),
        (b"10.0.0.8,02:11:22:33:44:55", None),
        (b"10.0.0.7", None),
        (b"999.0.0.7,02:11:22:33:44:55", None),
        (b"\xff\x00" * 400, None),
        (b"", None),
    ],
)
def test_a_report_speaks_for_its_sender_only(data, report):
    assert understood(data, "10.0.0.7") == report


async def test_a_pressed_button_is_heard_once():
    loop = asyncio.get_running_loop()
    with claim() as base:
        host = base.rpartition(".")[0] + ".1"
        async with reports(host, ports=(14235,)) as heard:
            rig, _ = await loop.create_datagram_endpoint(
                asyncio.DatagramProtocol, local_addr=(host, 0), remote_addr=(host, 14235)
            )
            for data in (b"noise", *[f"{host},02:11:22:33:44:55".encode()] * 3):
                rig.sendto(data)
            rig.sendto(f"{host},02:11:22:33:44:66".encode())
            async with asyncio.timeout(30):
                macs = [(await heard.get()).mac for _ in range(2)]
            assert macs == ["02:11:22:33:44:55", "02:11:22:33:44:66"]
            rig.close()
            with pytest.raises(EdgeError, match="udp port 14235: cannot listen"):
                async with reports(host, ports=(14235,)):
                    pass


async def test_a_button_pressed_again_is_heard_again():
    now_s, heard = 100.0, asyncio.Queue()
    ear = _Ear(heard, lambda: now_s)
    rigs = [
        ("10.1.0.7", b"10.1.0.7,02:11:22:33:44:55"),
        ("10.1.0.8", b"10.1.0.8,02:11:22:33:44:66"),
    ]
    for now_s, new in ((100.0, 2), (101.0, 2), (104.9, 2), (105.1, 4), (106.0, 4)):  # noqa: B007
        for host, data in rigs:
            ear.datagram_received(data, (host, 1))
        assert heard.qsize() == new


async def test_a_rig_that_was_not_understood_can_report_again(monkeypatch, capsys):
    host, mac = "10.1.0.7", "02:11:22:33:44:55"
    rig = Found(driver="asic", address=f"{host}:4028", unit=None, facts=Facts(model="S19"))
    told = [((), ("asic: silent",)), ((rig,), ()), ((rig,), ())]
    answers = [Probed(host=host, found=here, notes=notes) for here, notes in told]

    @asynccontextmanager
    async def pressed():
        heard = asyncio.Queue()
        for _ in answers:
            heard.put_nowait(Report(host, mac))
        yield heard

    async def probed(_):
        return answers.pop(0) if answers else await asyncio.Event().wait()

    monkeypatch.setattr(cli, "reports", pressed)
    monkeypatch.setattr(cli, "probe", probed)
    (found,) = await cli._heard(0.2)
    assert (found.facts.model, found.facts.mac) == ("S19", mac)
    assert f"not known: {host} ({mac}): asic: silent" in capsys.readouterr().err
