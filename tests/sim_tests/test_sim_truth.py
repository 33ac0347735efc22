"""The truth file holds exactly what clients took, whatever they do."""

import asyncio
import itertools
import json
import random
import socket
import struct
from collections import Counter

import pytest

from lode_sim import truth as truth_file
from lode_sim.truth import Truth
from tests.sim_tests.conftest import MeterClient, ask, ask_raw, until

SUMMARY = b'{"command":"summary"}'


def lines(path) -> list[truth_file.Entry]:
    return list(truth_file.read(path))


def served_to_rigs(path) -> Counter:
    return Counter((entry.name, entry.serial) for entry in lines(path) if entry.kind == "rig")


async def test_truth_is_what_many_clients_took_at_once(simulator, tmp_path):
    keys = ["antminer-s19pro", "luxos-s19kpro", "whatsminer-m50s", "avalon-q"]
    taken: list[tuple[str, int]] = []
    async with simulator(*keys, truth=True) as running:

        async def client(seed: int) -> None:
            source = random.Random(seed)
            for _ in range(25):
                rig = source.choice(running.site.rigs)
                command = source.choice(["summary", "summary", "stats", "pools", "nonsense"])
                reply = await ask(rig.identity.host, command)
                if command == "summary":
                    taken.append((rig.name, reply["SUMMARY"][0]["Accepted"]))

        await asyncio.gather(*(client(seed) for seed in range(20)))
    assert len(taken) == len(set(taken)) > 150
    assert served_to_rigs(tmp_path / "truth.jsonl") == Counter(taken)


async def test_serials_of_a_rig_rise_with_every_reply(simulator):
    async with simulator("whatsminer-m50s") as running:
        host = running.site.rigs[0].identity.host
        serials = [(await ask(host, "summary"))["SUMMARY"][0]["Accepted"] for _ in range(50)]
        pools = (await ask(host, "pools"))["POOLS"][0]["Accepted"]
    assert all(later > earlier for earlier, later in itertools.pairwise(serials))
    assert pools == serials[-1]


async def test_what_a_client_did_not_take_does_not_count(simulator, tmp_path):
    async with simulator("luxos-s19kpro", truth=True) as running:
        rig = running.site.rigs[0]
        for leave in (leave_unread, leave_with_a_reset, leave_before_the_reply):
            leave(rig.identity.host)
        await until(lambda: not rig.port.transports)
        serial = (await ask(rig.identity.host, "summary"))["SUMMARY"][0]["Accepted"]
    assert served_to_rigs(tmp_path / "truth.jsonl") == {(rig.name, serial): 1}


def leave_unread(host: str) -> None:
    with socket.create_connection((host, 4028), 30) as client:
        client.sendall(SUMMARY)
        # Wait for the reply to be there, do not read it: the kernel then ends with a reset.
        client.setblocking(False)


def leave_with_a_reset(host: str) -> None:
    with socket.create_connection((host, 4028), 30) as client:
        client.sendall(SUMMARY)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def leave_before_the_reply(host: str) -> None:
    with socket.create_connection((host, 4028), 30) as client:
        client.sendall(SUMMARY[:9])


async def test_a_client_that_ends_its_half_first_counts_too(simulator, tmp_path):
    async with simulator("luxos-s19kpro", truth=True) as running:
        rig = running.site.rigs[0]
        reader, writer = await asyncio.open_connection(rig.identity.host, 4028)
        writer.write(SUMMARY)
        writer.write_eof()
        reply = await asyncio.wait_for(reader.read(), 30)
        writer.close()
        await until(lambda: running.truth.served == 1)
    serial = json.loads(reply[:-1])["SUMMARY"][0]["Accepted"]
    assert served_to_rigs(tmp_path / "truth.jsonl") == {(rig.name, serial): 1}


async def test_a_client_that_stops_at_the_nul_counts(simulator, tmp_path):
    """As readers do that do not wait for the rig to end the connection."""
    async with simulator("avalon-1246", truth=True) as running:
        host = running.site.rigs[0].identity.host
        for _ in range(20):
            reader, writer = await asyncio.open_connection(host, 4028)
            writer.write(SUMMARY)
            await asyncio.wait_for(reader.readuntil(b"\x00"), 30)
            writer.transport.abort()
        await until(lambda: running.truth.served == 20)
    assert len(served_to_rigs(tmp_path / "truth.jsonl")) == 20


async def test_garbled_and_dripped_replies_prove_nothing(simulator, tmp_path):
    async with simulator("antminer-s19pro", truth=True) as running:
        rig = running.site.rigs[0]
        running.desk.begin("garbage", [rig.name], "missing-nul")
        await ask_raw(rig.identity.host, SUMMARY)
        running.desk.clear([rig.name])
        running.desk.begin("drip", [rig.name], "20")
        reader, writer = await asyncio.open_connection(rig.identity.host, 4028)
        writer.write(SUMMARY)
        await reader.readexactly(3)
        writer.close()
        await until(lambda: not rig.port.transports)
        running.desk.clear([rig.name])
        running.desk.begin("drip", [rig.name], "1000000")
        await ask(rig.identity.host, "summary")
    assert len(served_to_rigs(tmp_path / "truth.jsonl")) == 1


async def test_a_joined_command_counts_its_summary(simulator, tmp_path):
    async with simulator("luxos-s19kpro", truth=True) as running:
        reply = await ask(running.site.rigs[0].identity.host, "stats+summary")
    serial = reply["summary"][0]["SUMMARY"][0]["Accepted"]
    assert served_to_rigs(tmp_path / "truth.jsonl") == {("rig-001", serial): 1}


async def test_meter_reads_count_when_the_next_request_or_the_end_proves_them(simulator, tmp_path):
    async with simulator(truth=True, meters=3) as running:
        taken = Counter()

        async def client(meter) -> None:
            connection = await MeterClient.connect(meter.host)
            for _ in range(30):
                taken[meter.name, await connection.float(0x48)] += 1
                await connection.float(0x34)
                await connection.read(0x48, 1)  # half of the counter proves nothing
            await connection.close()

        await asyncio.gather(*(client(meter) for meter in running.site.meters))
    found = lines(tmp_path / "truth.jsonl")
    assert Counter((entry.name, entry.energy_in_kwh) for entry in found) == taken
    assert len(taken) == 4 * 30


async def test_a_meter_read_that_was_left_unread_does_not_count(simulator, tmp_path):
    async with simulator(truth=True) as running:
        meter = running.site.meters[0]
        client = socket.create_connection((meter.host, 5020), 30)
        client.sendall(struct.pack(">HHHBBHH", 7, 0, 6, 1, 4, 0x48, 2))
        await until(lambda: meter.served_kwh > 0)
        client.close()
        await until(lambda: not meter.port.transports)
    assert lines(tmp_path / "truth.jsonl") == []


async def test_a_second_run_never_repeats_a_number(simulator, tmp_path):
    async with simulator("luxos-s19kpro", truth=True) as first:
        host, meter = first.site.rigs[0].identity.host, first.site.meters[0]
        before = [(await ask(host, "summary"))["SUMMARY"][0]["Accepted"] for _ in range(5)]
        client = await MeterClient.connect(meter.host)
        energy = await client.float(0x48)
        await client.close()
    with (tmp_path / "truth.jsonl").open("a") as file:
        file.write('{"kind":"rig","name":"rig-001","ser')  # as a killed run leaves it
    async with simulator("luxos-s19kpro", truth=True) as second:
        after = (await ask(host, "summary"))["SUMMARY"][0]["Accepted"]
        client = await MeterClient.connect(second.site.meters[0].host)
        assert await client.float(0x48) > energy
        await client.close()
    assert after > max(before)
    assert len(lines(tmp_path / "truth.jsonl")) == 8


async def test_a_stopping_site_still_answers_but_counts_no_more(simulator, tmp_path):
    running = simulator("luxos-s19kpro", truth=True)
    running._grace_s = 0.3
    await running.start()
    host = running.site.rigs[0].identity.host
    first = (await ask(host, "summary"))["SUMMARY"][0]["Accepted"]
    stopping = asyncio.create_task(running.stop())
    await asyncio.sleep(0.05)
    assert (await ask(host, "summary"))["SUMMARY"][0]["Accepted"] > first
    await stopping
    assert served_to_rigs(tmp_path / "truth.jsonl") == {("rig-001", first): 1}
    with pytest.raises(ConnectionRefusedError):
        await ask(host, "summary")


async def test_lines_are_in_the_file_soon_and_all_at_the_end(tmp_path):
    path = tmp_path / "t" / "truth.jsonl"
    truth = Truth(path, now=lambda: 1.5)
    truth.rig("rig-001", 5, truth.now_ms())
    await until(lambda: path.read_text() != "")
    assert json.loads(path.read_text()) == {
        "kind": "rig",
        "name": "rig-001",
        "serial": 5,
        "at_ms": 1500,
    }
    truth.meter("meter-site", 0.1, 7)
    truth.close()
    assert json.loads(path.read_text().splitlines()[1])["energy_in_kwh"] == 0.1
    assert truth.served == 2
