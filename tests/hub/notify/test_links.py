"""Acknowledge links: the token, and the door that it opens."""

import base64
import re

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lode_hub import alerts
from lode_hub.access.guard import is_open
from lode_hub.errors import HubError, NotFoundError
from lode_hub.notify import Notifier, Senders, SmtpChannel
from lode_hub.notify.desk import TellingDesk
from lode_hub.notify.links import PATH, TOKEN, ExpiredError, Links, key_of
from tests.hub.api.doors import doors
from tests.hub.notify.people import ADMIN
from tests.hub.notify.test_notifier import T0, hot, rows
from tests.hub.notify.test_people import ROUTING
from tests.hub.sites import stage

__all__ = ["doors"]

KEY = b"k" * 32


@given(st.integers(1, 2**63 - 1))
def test_a_token_is_of_its_delivery_and_fits_a_path(number):
    token = Links(KEY, 60).make(number)
    assert TOKEN.fullmatch(token)
    assert is_open("GET", PATH + token)
    assert Links(KEY, 60).read(token) == number


@given(st.integers(0, 37), st.sampled_from("ABab01-_"))
def test_a_token_with_another_sign_is_none(place, sign):
    token = Links(KEY, 60).make(7)
    forged = token[:place] + sign + token[place + 1 :]
    if forged != token:
        with pytest.raises(NotFoundError):
            Links(KEY, 60).read(forged)


@given(st.text(max_size=60))
def test_whatever_is_no_token_is_said(text):
    with pytest.raises(NotFoundError):
        Links(KEY, 60).read(text)


def test_a_token_of_another_key_or_too_late_is_refused():
    token = Links(KEY, 60, clock=lambda: 1000.0).make(7)
    with pytest.raises(NotFoundError, match="none of ours"):
        Links(b"x" * 32, 60, clock=lambda: 1000.0).read(token)
    assert Links(KEY, 60, clock=lambda: 1060.0).read(token) == 7
    with pytest.raises(ExpiredError, match="expired"):
        Links(KEY, 60, clock=lambda: 1061.0).read(token)


def test_the_key_is_made_once_and_for_the_hub_alone(tmp_path):
    key = key_of(tmp_path)
    assert key_of(tmp_path) == key
    path = tmp_path / "notify" / "links.key"
    assert path.stat().st_mode & 0o777 == 0o600
    path.chmod(0o644)
    with pytest.raises(HubError, match="others may read it"):
        key_of(tmp_path)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PUT", PATH + "x" * 38), ("DELETE", PATH + "x" * 38), ("GET", PATH + "x" * 37),
        ("GET", PATH + "x" * 39), ("GET", PATH + "x" * 37 + "/"), ("GET", PATH + "x" * 38 + "/.."),
        ("GET", PATH + "x" * 38 + "\n"), ("GET", "/x" + PATH + "x" * 38), ("GET", PATH),
        ("POST", "/ack/../api/v1/alerts/1/acknowledge"),
    ],
)  # fmt: skip
def test_no_other_door_opens(method, path):
    assert not is_open(method, path)


@pytest.fixture
async def link(store, doors, mails):
    """A mail to Ann about two rigs, sent as the hub does, and the way its link leads."""
    agent = await stage.add_agent(store)
    rigs = await stage.add_rigs(store, agent, 2)
    await doors.access.add("root", "admin")
    await doors.access.add("ann", "operator")
    senders = Senders(
        [SmtpChannel(name="mail", host="127.0.0.1", port=mails.port, tls="none", sender="l@x.y")]
    )
    desk = TellingDesk(store, doors.access, senders)
    await desk.put_way("ann", "mail", "ann@mine.example", ADMIN)
    notifier = Notifier(store, senders, ROUTING, links=doors.links)
    await alerts.take(store, [hot(rig) for rig in rigs], T0)
    await notifier.dispatch()
    await notifier.send_one("mail")
    await senders.close()
    found = re.search(r"Acknowledge: http://hub.example(\S+)", str(mails.mails[0]))
    assert found
    async with httpx.AsyncClient(base_url=doors.url, timeout=20) as client:
        yield client, found[1]


async def states(store):
    return [tuple(row.values()) for row in await rows(store, _STATES)]


_STATES = "select state, acknowledged_by from alert where rule = 'rig-over-temperature'"


async def test_a_link_asks_before_it_acknowledges_and_works_once(store, link):
    client, path = link
    for _ in range(3):  # as mail scanners do
        page = await client.get(path)
        assert (page.status_code, await states(store)) == (200, [("open", None)] * 2)
        assert "Acknowledge as ann?" in page.text
        assert '<form method="post">' in page.text
        assert "script" not in page.text
        assert page.headers["cache-control"] == "no-store"
        assert "form-action 'self'" in page.headers["content-security-policy"]
    done = await client.post(path, headers={"Origin": str(client.base_url).rstrip("/")})
    assert (done.status_code, "Acknowledged 2 as ann" in done.text) == (200, True)
    assert await states(store) == [("acknowledged", "ann")] * 2
    events = "select count(*) as n, count(distinct xmin::text) as turns from alert_event"
    # However many there are, it is one transaction.
    assert await rows(store, f"{events} where what = 'acknowledged'") == [{"n": 2, "turns": 1}]
    for again in (await client.get(path), await client.post(path)):
        assert (again.status_code, "used already" in again.text) == (409, True)


async def test_another_sites_page_may_not_press(store, link):
    client, path = link
    assert (await client.post(path, headers={"Origin": "https://evil.x"})).status_code == 403
    assert await states(store) == [("open", None)] * 2


async def test_a_link_of_who_may_no_more_is_refused(store, link):
    client, path = link
    async with store.pool.connection() as conn:
        await conn.execute("update person set role = 'viewer' where name = 'ann'")
    assert (await client.post(path)).status_code == 403
    async with store.pool.connection() as conn:
        await conn.execute("update person set is_disabled = true where name = 'ann'")
    assert (await client.post(path)).status_code == 404
    assert await states(store) == [("open", None)] * 2


async def test_forged_links_are_slowed_down(doors, link):
    client, path = link
    expired = Links(doors.links._key, -10).make(1)
    assert (await client.get(PATH + expired)).status_code == 410
    forged = [
        PATH + base64.urlsafe_b64encode(bytes([n]) * 28).decode().rstrip("=") for n in range(25)
    ]
    answers = [(await client.get(one)).status_code for one in forged]
    assert answers[0] == 404
    assert answers[-1] == 429
    assert (await client.get(path)).status_code == 429


async def test_the_api_shows_and_changes_who_is_told(doors, store):
    async with doors.client("boss", "admin") as boss:
        await doors.access.add("ann", "operator")
        way = {"kind": "mail", "address": "ann@mine.example"}
        made = await boss.post("/api/v1/people/ann/ways", json=way)
        assert made.status_code == 201, made.text
        (seen,) = (await boss.get("/api/v1/ways?person=ann")).json()
        assert (seen["way_id"], seen["address"]) == (made.json()["number"], way["address"])
        habit = {"time_zone": "Europe/Berlin", "quiet_from": "22:00", "quiet_until": "07:00"}
        assert (await boss.put("/api/v1/people/ann/habit", json=habit)).status_code == 204
        assert (await boss.get("/api/v1/people/ann/habit")).json()["quiet_from"] == "22:00:00"
        layers = [{"people": ["ann"], "begins_on": "2026-01-01", "days": 7}]
        plan = {"time_zone": "UTC", "layers": layers}
        assert (await boss.put("/api/v1/schedules/nights", json=plan)).status_code == 204
        (nights,) = (await boss.get("/api/v1/schedules")).json()
        assert nights["on_call"] == "ann"
        (shift,) = (await boss.get("/api/v1/schedules/nights/shifts?days=7")).json()
        assert shift["person"] == "ann"
        steps = [{"after_s": 300, "tell": ["schedule:nights"]}]
        assert (await boss.put("/api/v1/policies/p", json={"steps": steps})).status_code == 204
        (policy,) = (await boss.get("/api/v1/policies")).json()
        assert policy["steps"] == steps
        wrong = {"steps": [{"after_s": -1, "tell": ["schedule:nights"]}]}
        assert (await boss.put("/api/v1/policies/p", json=wrong)).status_code == 400
        for path in ("channels", "deliveries", "escalations"):
            assert (await boss.get(f"/api/v1/{path}")).status_code == 200
        assert (await boss.delete(f"/api/v1/ways/{seen['way_id']}")).status_code == 200
        assert (await boss.post("/api/v1/deliveries/1/retry")).status_code == 409
