"""The agent's side against the real door: enrol, renew, run out, over HTTP."""

import asyncio
import contextlib
import datetime as dt
import time
from pathlib import Path

import pytest
import structlog
from cryptography import x509

from lode_edge import settings as edge
from lode_edge.trust import Identity, Renewal, addresses, hub_keys_file
from lode_edge.trust import renewal as module
from lode_edge.trust.door import Door
from lode_edge.trust.enrol import enrol, renew
from lode_edge.trust.errors import RefusedByHub, TrustError
from lode_hub.access import Access
from lode_hub.actions import Actions
from lode_hub.api import build, guarded
from lode_hub.app import listening, server_of
from lode_hub.health import Health
from lode_hub.live import Live
from lode_hub.queries import Queries
from lode_hub.settings import AccessSettings
from lode_hub.trust.ca import fingerprint
from tests.hub.app.opened import until


class House:
    """The hub's door by https, and an agent's settings."""

    def __init__(self, store, url: str, trust, pin: str, folder: Path) -> None:
        self.url, self.trust, self.pin = url, trust, pin
        self.config = folder / "edge.toml"
        self.data_dir = folder / "agent"
        self.configure("north-1", "north")

    def configure(self, name: str, site: str) -> None:
        self.config.write_text(
            f'[agent]\nname = "{name}"\nsite = "{site}"\ndata_dir = "{self.data_dir}"\n'
        )

    @property
    def settings(self) -> edge.Settings:
        return edge.load(self.config)

    @property
    def door(self) -> Door:
        return Door(url=self.url, fingerprint=self.pin)

    async def enrol(self) -> Identity:
        token = (await self.trust.invite("north-1", "north", "ada")).token
        return await asyncio.to_thread(enrol, self.settings, self.door, token)


@pytest.fixture
async def make_house(store, postgres, make_trust, authority, tmp_path):
    async with contextlib.AsyncExitStack() as ends:

        async def make(**options) -> House:
            trust = make_trust(**options)
            access = Access(store, AccessSettings())
            queries = Queries(store)
            app = build(
                queries=queries,
                actions=Actions(store, access),
                live=Live(postgres),
                access=access,
                health=Health(queries, dict),
                trust=trust,
                is_secure=True,
            )
            certificate, key = authority.own(tmp_path / "trust", "door", ["127.0.0.1"])
            socket = listening("127.0.0.1", 0)
            url = f"https://127.0.0.1:{socket.getsockname()[1]}"
            server = server_of(guarded(app, access, public_url=url), (certificate, key))
            task = asyncio.create_task(server.serve([socket]))

            async def close() -> None:
                server.should_exit = True
                await task

            ends.push_async_callback(close)

            async def is_up() -> bool:
                return server.started

            await until(is_up, 10, "the door to open")
            return House(store, url, trust, fingerprint(certificate), tmp_path)

        yield make


def modes(folder: Path) -> set[int]:
    return {path.stat().st_mode & 0o777 for path in folder.iterdir()}


async def test_the_key_is_made_here_and_all_is_kept_for_the_agent_alone(make_house, authority):
    house = await make_house()
    known = await house.enrol()
    assert (known.agent, known.site, known.hub) == ("north-1", "north", house.url)
    assert known.key().public_key() == known.certificate().public_key()
    assert (known.folder / "ca.pem").read_text() == authority.pem
    assert hub_keys_file(house.settings).read_text() == "KEYS"
    assert known.folder.stat().st_mode & 0o777 == 0o700
    assert modes(known.folder) == {0o600}
    assert not (known.folder / "pending.key").exists()
    (address,) = addresses(house.settings)
    assert address.url == "mqtts://hub.test:8883"
    assert address.cert_file == address.key_file == known.agent_file
    assert address.username is None


async def test_a_broker_without_client_certificates_gets_a_password(make_house):
    house = await make_house(login="password")
    known = await house.enrol()
    (address,) = addresses(house.settings)
    assert (address.username, address.cert_file) == ("north-1", None)
    (guest,) = (await house.trust.roll()).guests
    assert address.password_file.read_text() == guest.password
    assert known.login == "password"


async def test_a_hub_with_another_certificate_hears_nothing(make_house):
    house = await make_house()
    token = (await house.trust.invite("north-1", "north", "ada")).token
    wrong = Door(url=house.url, fingerprint="ab" * 32)
    with pytest.raises(TrustError, match="nothing was sent"):
        await asyncio.to_thread(enrol, house.settings, wrong, token)
    with pytest.raises(TrustError, match="CERTIFICATE_VERIFY_FAILED"):  # unknown here
        await asyncio.to_thread(enrol, house.settings, Door(url=house.url), token)
    assert Identity.load(house.data_dir) is None
    by_ca = Door(url=house.url, ca_file=house.data_dir.parent / "trust" / "ca.pem")
    assert await asyncio.to_thread(enrol, house.settings, by_ca, token)


async def test_a_token_for_another_agent_is_said_and_still_good(make_house):
    house = await make_house()
    house.configure("south-1", "north")
    with pytest.raises(TrustError, match=r"that of north-1 at north, but agent.name is south-1"):
        await house.enrol()
    assert Identity.load(house.data_dir) is None
    token = (await house.trust.invite("south-1", "north", "ada")).token
    assert await asyncio.to_thread(enrol, house.settings, house.door, token)


async def test_an_identity_of_another_agent_is_not_used(make_house):
    house = await make_house()
    await house.enrol()
    house.configure("north-1", "elsewhere")
    with pytest.raises(TrustError, match="correct them, or enrol"):
        addresses(house.settings)


async def test_it_renews_itself_and_comes_back_with_it(make_house):
    house = await make_house(certificate_s=3.0)
    known = await house.enrol()
    first, reconnected = known.certificate(), []
    task = asyncio.create_task(Renewal(known, lambda: reconnected.append(time.time())).run())
    try:

        async def is_renewed() -> bool:
            return len(reconnected) >= 2

        await until(is_renewed, 20, "two renewals")
    finally:
        task.cancel()
    now = known.certificate()
    assert now.serial_number != first.serial_number
    assert now.public_key() == first.public_key()
    assert now.not_valid_after_utc > first.not_valid_after_utc
    assert modes(known.folder) == {0o600}


async def test_whoever_answers_in_the_hubs_place_is_not_believed(make_house, tmp_path):
    house = await make_house()
    known = await house.enrol()
    before = known.agent_file.read_bytes()
    other = type(house.trust._authority).open(tmp_path / "other")
    house.trust._authority.sign, genuine = other.sign, house.trust._authority.sign
    with pytest.raises(TrustError, match="not signed by its authority"):
        await asyncio.to_thread(renew, known)
    assert known.agent_file.read_bytes() == before
    house.trust._authority.sign = genuine
    await asyncio.to_thread(renew, known)
    assert known.agent_file.read_bytes() != before


async def test_one_that_was_thrown_out_is_told(make_house):
    house = await make_house()
    known = await house.enrol()
    await house.trust.revoke("north-1", "ada")
    with pytest.raises(RefusedByHub, match=r"401.*revoked; enrol the agent with a new token"):
        await asyncio.to_thread(renew, known)


async def test_one_whose_certificate_has_run_out_says_so_until_it_is_enrolled_again(
    make_house, monkeypatch
):
    house = await make_house(certificate_s=1.0)
    monkeypatch.setattr(module, "_FIRST_PAUSE_S", 0.2)
    known, reconnected = await house.enrol(), []

    async def has_run_out() -> bool:
        return known.certificate().not_valid_after_utc < dt.datetime.now(dt.UTC)

    await until(has_run_out, 5, "the certificate to run out")
    with structlog.testing.capture_logs() as logs:
        task = asyncio.create_task(Renewal(known, lambda: reconnected.append(1)).run())

        async def is_said() -> bool:
            return any(log["event"] == "certificate has run out" for log in logs)

        await until(is_said, 10, "the end to be said")
        task.cancel()
    (said, *_) = [log for log in logs if log["event"] == "certificate has run out"]
    assert "lode-edge enrol" in said["advice"]
    assert reconnected == []
    again = await house.enrol()
    assert x509.load_pem_x509_certificate(again.agent_file.read_bytes()).not_valid_after_utc
