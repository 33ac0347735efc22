"""What a rig says it is, when a part of it does not come: missing, and nothing in its place."""

import json
from pathlib import Path

import pytest
from tests.edge.drivers.refusing import SILENCE, Rig, driver_of, of_lines, of_pages, ports

from lode_edge.drivers.driver import Facts

GOLDEN = Path(__file__).resolve().parents[2] / "golden"
SYSTEM, DETAILS, INFO = "/cgi-bin/get_system_info.cgi", "/api/v1/miner/details", "/api/v1/info"
SYSTEM_SAYS = {
    "minertype": "Antminer S19 Pro",
    "macaddr": "02:00:00:00:00:0A",
    "serinum": "S-1",
    "system_filesystem_version": "Fri Nov 17 17:57:49 CST 2023",
}


@pytest.fixture
async def serve():
    async with ports() as start:
        yield start


def s19() -> Rig:
    rig = of_lines("antminer/s19pro_whole")
    rig.replies[SYSTEM] = json.dumps(SYSTEM_SAYS).encode()
    return rig


def braiins() -> Rig:
    rig = of_pages("braiins_rest/v26_04_recorded")
    rig.replies["/api/v1/auth/login"] = b'{"token":"t-1","timeout_s":3600}'
    return rig


def said(facts: Facts, *names: str) -> list[object]:
    return [getattr(facts, name) for name in names]


async def identified(serve, rig: Rig, *, lacks: str = "", how: bytes | int = SILENCE) -> Facts:
    """Give what is said when a part does not come; what does come has time enough."""
    rig.refuses = {lacks: how} if lacks else {}
    return await driver_of(
        serve(rig), timeout_s=1.0 if lacks and how == SILENCE else 5.0
    ).identify()


@pytest.mark.parametrize("how", [SILENCE, 500])
async def test_a_page_that_did_not_come_leaves_its_facts_out_and_no_other(how, serve):
    facts = await identified(serve, s19(), lacks=SYSTEM, how=how)
    assert said(facts, "firmware", "serial", "mac") == ["", "", ""]
    assert said(facts, "vendor", "model", "rated_hashrate_ths") == [
        *("Bitmain", "Antminer S19 Pro", 110.0)
    ]


async def test_what_came_whole_is_told_whole(serve):
    facts = await identified(serve, s19())
    assert said(facts, "firmware", "serial", "mac") == [
        *("Fri Nov 17 17:57:49 CST 2023", "S-1", "02:00:00:00:00:0a")
    ]


@pytest.mark.parametrize("how", [401, 404])
async def test_firmware_whose_pages_are_closed_is_known_by_its_program(how, serve):
    facts = await identified(serve, s19(), lacks=SYSTEM, how=how)
    assert facts.firmware == "49.0.1.3 (Tue Dec  6 16:12:30 CST 2022)"


@pytest.mark.parametrize(
    ("rig", "lacks"),
    [
        (of_lines("whatsminer/m50_recorded"), "devs"),
        (of_lines("luxos/s19kpro_whole"), "config"),
        (braiins(), DETAILS),
    ],
    ids=["whatsminer", "luxos", "braiins_rest"],
)
async def test_no_name_plate_stands_in_for_a_rating_that_did_not_come(rig, lacks, serve):
    facts = await identified(serve, rig, lacks=lacks)
    assert facts.rated_hashrate_ths is None


@pytest.mark.parametrize(
    ("rig", "lacks"),
    [(of_pages("vnish/s19_documented"), INFO), (braiins(), DETAILS)],
    ids=["vnish", "braiins_rest"],
)
async def test_a_name_without_a_version_is_no_firmware(rig, lacks, serve):
    rig.replies[lacks] = b'{"fw_name":"Vnish","bos_version":{}}'
    facts = await identified(serve, rig)
    assert facts.firmware == ""


async def test_a_page_behind_a_login_is_asked_with_it_once_the_rig_is_known(serve):
    rig = of_pages("antminer_web/s21_documented")

    class Guarded(Rig):
        async def page(self, reader, writer):
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            path, is_let_in = head.split(" ")[1], "Authorization: Digest" in head
            data = self.replies.get(path, b"") if is_let_in else b""
            status = 404 if path not in self.replies else 200 if is_let_in else 401
            asks = 'Digest realm="antMiner Configuration", nonce="n", qop="auth"'
            head = f"HTTP/1.1 {status} X\r\nWWW-Authenticate: {asks}\r\nContent-Length: {len(data)}"
            writer.write(f"{head}\r\n\r\n".encode() + data)
            writer.close()

        async def line(self, _reader, writer):
            writer.close()

    facts = await driver_of(serve(Guarded(rig.replies))).identify()
    assert (facts.model, facts.serial) == ("Antminer S21", "SIMEEPHE5KT7TZV")
