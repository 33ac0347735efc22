"""Reports to a VTN: once for each event that asks, when it is over, whatever is lost on the way."""

import datetime as dt

import httpx
import pytest

from lode_hub.energy.signals.grid import GONE_AFTER, Grid
from lode_hub.energy.signals.openadr_reports import KEPT_MS, PATIENCE_MS, SETTLE_MS, asked_of
from lode_hub.energy.signals.programme import described
from lode_hub.queries.energy import EnergyQueries
from lode_sim.grid import Told, VtnServer
from tests.hub.energy.account.conftest import DAY, DAY0, PROGRAMME, QUARTER, Site

H = 3_600_000
EVENT = DAY0 + 63 * DAY + 16 * H  # Monday 17 August, 16:00 in Chicago
ASKS = [{"payloadType": kind} for kind in ("USAGE", "BASELINE", "DEMAND")]


def event(**more) -> dict:
    start = dt.datetime.fromtimestamp(EVENT / 1000, dt.UTC).isoformat()
    return {
        "id": "ev/1", "programID": "p1", "intervalPeriod": {"start": start, "duration": "PT1H"},
        "intervals": [{"id": n, "payloads": [{"type": "SIMPLE", "values": [1]}]} for n in (0, 1)],
        "reportDescriptors": ASKS,
    } | more  # fmt: skip


class Ven:
    """The hub's side, at one site of a VTN."""

    def __init__(self, site: Site, server: VtnServer, client: httpx.AsyncClient) -> None:
        self._site, self._client = site, client
        where = f'[openadr]\nurl = "{server.url}"\nclient_id = "ven"\nclient_secret = "ers"\n'
        self._told = described(PROGRAMME + where)
        self._grid = Grid(site.store, lambda _: "s3cr3t", lambda: site.now[0])

    async def look(self, at_ms: int) -> None:
        self._site.now[0] = at_ms
        document = {"site_id": 1, "site": "north", "name": "ERS", "revision": 1}
        await self._grid.look(self._client, [(document, self._told)])


def figures(server: VtnServer) -> list[tuple[int, dict[str, float]]]:
    (report,) = server.reports
    return [
        (one["id"], {payload["type"]: payload["values"][0] for payload in one["payloads"]})
        for one in report["resources"][0]["intervals"]
    ]


async def metered(site: Site, missing: tuple[int, int] = (0, 0)) -> None:
    down = dict.fromkeys(range(EVENT, EVENT + 2 * H, QUARTER), 580.0)
    await site.meters(down, EVENT - 20 * DAY, EVENT + 4 * H, missing)


async def test_an_event_is_reported_once_though_answers_are_lost_and_tokens_run_out(
    site: Site,
) -> None:
    await metered(site)
    async with VtnServer(client_secret="s3cr3t") as server, httpx.AsyncClient() as client:
        ven = Ven(site, server, client)
        server.events = [event(), event(id="quiet", reportDescriptors=None)]
        await ven.look(EVENT - H)
        await ven.look(EVENT + 2 * H + SETTLE_MS - 1000)
        assert server.reports == []
        server.drops = 1  # it takes the report, and its answer is lost
        due_ms = EVENT + 2 * H + SETTLE_MS + 40_000
        await ven.look(due_ms)
        assert len(server.reports) == 1
        server.tokens.clear()
        server.reports[0]["resources"] = []  # as if it had taken but half of it
        await ven.look(due_ms + 31_000)
        usual = {"USAGE": pytest.approx(580), "BASELINE": pytest.approx(1000)}
        assert figures(server) == [(0, usual), (1, usual)]
        asked = len([one for one in server.asked if one.path.startswith("/reports")])
        server.events = []
        await ven.look(due_ms + H)
        assert len([one for one in server.asked if one.path.startswith("/reports")]) == asked
        assert server.reports[0]["reportName"] == "north ev/1"


async def test_a_vtn_that_fails_is_asked_ever_less_often(site: Site) -> None:
    await metered(site)
    async with VtnServer(client_secret="s3cr3t") as server, httpx.AsyncClient() as client:
        ven = Ven(site, server, client)
        server.events = [event()]
        await ven.look(EVENT - H)
        server.drops = 10_000
        begin_ms = EVENT + 2 * H + SETTLE_MS + 60_000
        for n in range(60):
            await ven.look(begin_ms + n * 31_000)
        tries = [one for one in server.asked if one.method in {"POST", "PUT"}
                 and one.path.startswith("/reports")]  # fmt: skip
        assert 4 <= len(tries) <= 7  # of 60 looks in half an hour
        assert len(server.reports) == 1


async def test_what_has_no_counter_yet_is_waited_for_and_then_left_out(site: Site) -> None:
    await metered(site, (EVENT, EVENT + QUARTER))
    async with VtnServer(client_secret="s3cr3t") as server, httpx.AsyncClient() as client:
        ven = Ven(site, server, client)
        server.events = [event()]
        await ven.look(EVENT - H)
        await ven.look(EVENT + 3 * H)
        assert server.reports == []
        server.fault = Told(500)
        await ven.look(EVENT + 2 * H + SETTLE_MS + PATIENCE_MS + H)
        server.fault = None
        await ven.look(EVENT + 2 * H + SETTLE_MS + PATIENCE_MS + 2 * H)
        assert [number for number, _ in figures(server)] == [1]


async def test_an_event_that_was_cancelled_is_not_reported(site: Site) -> None:
    await metered(site)
    async with VtnServer(client_secret="s3cr3t") as server, httpx.AsyncClient() as client:
        ven = Ven(site, server, client)
        server.events = [event()]
        await ven.look(EVENT - H)
        server.events = []
        for ahead in range(GONE_AFTER):
            await ven.look(EVENT - H // 2 + ahead * 60_000)
        await ven.look(EVENT + 3 * H)
        assert server.reports == []


async def test_the_reports_of_a_programme_are_told_with_their_state(site: Site) -> None:
    await metered(site)
    queries = EnergyQueries(site.store, lambda: site.now[0])
    async with VtnServer(client_secret="s3cr3t") as server, httpx.AsyncClient() as client:
        ven = Ven(site, server, client)
        server.events = [event()]
        await ven.look(EVENT - H)
        due_ms = EVENT + 2 * H + SETTLE_MS
        assert await told(queries) == [("ev/1", "waits", due_ms, None, "")]
        server.drops = 10_000
        await ven.look(due_ms + 60_000)
        ((_, state, _, _, trouble),) = await told(queries)
        assert (state, "answered 503" in trouble) == ("failing", True)
        server.drops = 0
        await ven.look(due_ms + H)
        assert await told(queries) == [("ev/1", "sent", due_ms, due_ms + H, "")]


async def test_a_report_that_no_vtn_takes_for_a_week_is_given_up(site: Site) -> None:
    await metered(site)
    queries = EnergyQueries(site.store, lambda: site.now[0])
    async with VtnServer(client_secret="s3cr3t") as server, httpx.AsyncClient() as client:
        ven = Ven(site, server, client)
        server.events = [event(id=f"ev/{n}") for n in range(9)]
        await ven.look(EVENT - H)
        server.drops = 10_000
        await ven.look(EVENT + 2 * H + SETTLE_MS + KEPT_MS + H)
    assert [row[1] for row in await told(queries)] == ["given up"] * 5  # of nine, the newest


async def told(queries: EnergyQueries) -> list[tuple]:
    rows = {row.name: row for row in await queries.programmes("north")}
    return [(one.event, one.state, one.first_due_ms, one.sent_ms, one.trouble)
            for one in rows["ERS"].reports]  # fmt: skip


@pytest.mark.parametrize(
    ("asks", "wanted"),
    [
        (None, []),
        ("USAGE", []),
        ([{"payloadType": "DEMAND"}, 7], []),
        ([{"payloadType": "USAGE"}], ["USAGE"]),
        (ASKS, ["USAGE", "BASELINE"]),
    ],
)
def test_only_what_is_asked_for_and_there_is_reported(asks, wanted) -> None:
    assert asked_of({"reportDescriptors": asks}) == wanted
