"""Every command of every vendor, over sockets, in the shape of the recordings."""

import json
from importlib import resources

import pytest

from lode_sim.models import BY_KEY
from lode_sim.vendors import VENDORS
from tests.sim_tests.conftest import ask, ask_raw

RECORDED = resources.files("lode_sim") / "recorded"
FOLDERS = {
    "antminer-s19pro": "antminer/v2020",
    "luxos-s19kpro": "luxminer/v1",
    "whatsminer-m50s": "whatsminer/v2",
    "braiins-s19jpro": "braiins/v21_09",
    "avalon-1246": "avalonminer",
    "avalon-q": "avalonminer",
}
FOLDERS |= {"whatsminer-m60s": "whatsminer/v2"}
FOLDERS |= {"braiins-s21pro": "braiins/v21_09", "braiins-s19jpro-graphql": "braiins/v21_09"}
WITH_API = [key for key, model in BY_KEY.items() if VENDORS[model.vendor].api]
FILES = {("avalon-1246", "stats"): "avalon_a_stats"}


def shape(value: object) -> object:
    """Reduce a reply to its keys and types; a number is a number, whole or not."""
    if isinstance(value, dict):
        return {key: shape(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [shape(inner) for inner in value]
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return "number" if is_number else type(value).__name__


@pytest.mark.parametrize("key", WITH_API)
async def test_every_command_answers_in_its_recorded_shape(simulator, key):
    async with simulator(key) as running:
        rig = running.site.rigs[0]
        for command in VENDORS[rig.model.vendor].commands:
            reply = await ask(rig.identity.host, command)
            name = FILES.get((key, command), command)
            file = RECORDED / FOLDERS.get(key, "composed") / f"{name}.json"
            is_composed = (key, command) == ("avalon-1246", "version")
            if file.is_file() and not is_composed and command != "events":
                assert shape(reply) == shape(json.loads(file.read_text())), command
            else:
                assert "STATUS" in reply, command


@pytest.mark.parametrize("key", WITH_API)
async def test_unknown_and_broken_requests_are_refused_with_their_code(simulator, key):
    async with simulator(key) as running:
        host = running.site.rigs[0].identity.host
        assert code(await ask(host, "nonsense")) == 14
        assert code(await ask(host, "quit")) == 45
        for request, expected in [(b'{"a":1}', 24), (b'{"command":7}', 24), (b"{]}", 23)]:
            reply = await ask_raw(host, request)
            assert code(json.loads(reply.rstrip(b"\x00"))) == expected


def code(reply: dict) -> int:
    status = reply["STATUS"]
    flat = status[0] if isinstance(status, list) else reply
    assert flat["STATUS"] == "E"
    return flat["Code"]


@pytest.mark.parametrize("key", ["luxos-s19kpro", "braiins-s19jpro", "avalon-q"])
async def test_cgminer_joins_commands(simulator, key):
    async with simulator(key) as running:
        reply = await ask(running.site.rigs[0].identity.host, "summary+devs+nonsense")
    assert reply["summary"][0]["SUMMARY"][0]["Accepted"] > 0
    assert reply["devs"][0]["DEVS"]
    assert reply["nonsense"][0]["STATUS"][0]["Code"] == 14
    assert reply["id"] == 1


async def test_a_stock_antminer_joins_nothing(simulator):
    async with simulator("antminer-s19pro") as running:
        assert code(await ask(running.site.rigs[0].identity.host, "summary+stats")) == 14


async def test_who_the_rig_is_shows_where_the_firmware_says_it(simulator):
    keys = ["luxos-s19kpro", "whatsminer-m50s", "avalon-1246", "avalon-q", "braiins-s19jpro"]
    async with simulator(*keys) as running:
        rigs = {rig.model.key: rig for rig in running.site.rigs}

        async def row(key: str, command: str) -> dict:
            reply = await ask(rigs[key].identity.host, command)
            rows = [value for name, value in reply.items() if name not in {"STATUS", "id"}]
            return rows[0][0]

        lux = await row("luxos-s19kpro", "config")
        assert lux["MACAddr"] == rigs["luxos-s19kpro"].identity.mac
        assert lux["SerialNumber"] == rigs["luxos-s19kpro"].identity.serial
        whats = await ask(rigs["whatsminer-m50s"].identity.host, "get_miner_info")
        assert whats["Msg"]["mac"] == rigs["whatsminer-m50s"].identity.mac
        assert (await row("whatsminer-m50s", "devdetails"))["Model"] == "M50S"
        assert (await row("avalon-1246", "version"))["PROD"] == "AvalonMiner 1246"
        assert (await row("avalon-q", "version"))["MAC"] == rigs["avalon-q"].identity.mac
        assert (await row("braiins-s19jpro", "devdetails"))["Model"] == "Antminer S19J Pro"


@pytest.mark.parametrize(
    ("key", "read"),
    [
        ("antminer-s19pro", lambda r: r["SUMMARY"][0]["GHS 5s"] / 1e3),
        ("luxos-s19kpro", lambda r: r["SUMMARY"][0]["GHS 5s"] / 1e3),
        ("whatsminer-m50s", lambda r: r["SUMMARY"][0]["HS RT"] / 1e6),
        ("braiins-s19jpro", lambda r: r["SUMMARY"][0]["MHS 5s"] / 1e6),
        ("avalon-1246", lambda r: r["SUMMARY"][0]["MHS 5s"] / 1e6),
        ("avalon-q", lambda r: r["SUMMARY"][0]["MHS 5s"] / 1e6),
    ],
)
async def test_the_hashrate_is_live_and_near_the_name_plate(simulator, key, read):
    async with simulator(key) as running:
        rig = running.site.rigs[0]
        hashrate_ths = read(await ask(rig.identity.host, "summary"))
    assert hashrate_ths == pytest.approx(rig.model.hashrate_ths, rel=0.1)


@pytest.mark.parametrize("request_bytes", [b'{"command":"summary"}\n', b'{"cmd":"summary"}\x00'])
async def test_a_request_may_end_in_a_newline_or_a_nul(simulator, request_bytes):
    async with simulator("whatsminer-m50s") as running:
        reply = await ask_raw(running.site.rigs[0].identity.host, request_bytes)
    assert json.loads(reply[:-1])["SUMMARY"][0]["Power"] > 1000
