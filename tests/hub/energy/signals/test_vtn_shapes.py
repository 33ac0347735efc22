"""What a VTN may answer: every JSON there is, levels, durations, pages, tokens that run out."""

import datetime as dt
import json

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lode_hub.energy.signals.calls import Call, call_of
from lode_hub.energy.signals.openadr import calls_of
from lode_hub.energy.signals.programme import Programme
from lode_hub.energy.vtn import PAGE, OpenAdr, Vtn, VtnError, seconds
from lode_hub.errors import InvalidError

T0 = 1_800_000_000_000
H = 3_600_000
LEVELS = Programme(levels_kw=(100.0, 200.0))


def iso(at_ms: int) -> str:
    return dt.datetime.fromtimestamp(at_ms / 1000, dt.UTC).isoformat()


def event(*values, kind: str = "SIMPLE", **more) -> dict:
    return {
        "id": "ev", "programID": "p", "intervalPeriod": {"start": iso(T0), "duration": "PT1H"},
        "intervals": [
            {"id": n, "payloads": [{"type": kind, "values": [value]}]}
            for n, value in enumerate(values)
        ],
    } | more  # fmt: skip


def calls(said: dict, told: Programme = LEVELS) -> list[Call]:
    return list(calls_of(said, "ERS", told, site="north", now_ms=T0))


@pytest.mark.parametrize(
    ("text", "s"),
    [
        ("PT1H", 3600),
        ("PT90M", 5400),
        ("P1D", 86_400),
        ("P1W", 604_800),
        ("P1DT1H1M1.5S", 90_061.5),
        ("PT0S", 0),
    ],
)
def test_a_duration_is_read(text: str, s: float) -> None:
    assert seconds(text) == s


@pytest.mark.parametrize(
    "text",
    ["", "P", "PT", "P1DT", "1H", "PT1H ", "-PT1H", "PT1.5H", "PT\u0661H", "P" + "9" * 400 + "D"],
)
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(InvalidError, match="expected one such as PT1H"):
        seconds(text)


@pytest.mark.parametrize(
    ("value", "asked"),
    [
        (0, ("all", None, True)),
        (1, ("by", 100.0, False)),
        (2, ("by", 200.0, False)),
        (2.0, ("by", 200.0, False)),
    ],
)
def test_a_level_is_so_many_kilowatts(value: float, asked: tuple) -> None:
    (found,) = calls(event(value))
    assert (found.reduce, found.power_kw, found.is_cancelled) == asked


@pytest.mark.parametrize("value", [3, -1, 0.5, 1.7, True])
def test_a_level_that_there_is_not_is_refused_and_ends_no_call(value: float) -> None:
    with pytest.raises(InvalidError, match="openadr event ev: level"):
        calls(event(value))


def test_a_level_without_kilowatts_is_what_the_programme_asks() -> None:
    (found,) = calls(event(1), Programme(reduce="to", power_kw=50.0))
    assert (found.reduce, found.power_kw) == ("to", 50.0)


def test_intervals_follow_each_other_and_those_that_ask_nothing_take_their_time() -> None:
    said = event(1, 2, 1)
    said["intervals"][1]["payloads"] = [{"type": "PRICE", "values": [0.2]}]
    first, second = calls(said)
    assert (first.from_ms, first.until_ms) == (T0, T0 + H)
    assert (second.event, second.from_ms) == ("ev/2", T0 + 2 * H)


def test_an_interval_may_have_its_own_time() -> None:
    said = event(1, 2)
    said["intervals"][1]["intervalPeriod"] = {"start": iso(T0 + 5 * H)}
    _, second = calls(said)
    assert (second.from_ms, second.until_ms) == (T0 + 5 * H, T0 + 6 * H)


@pytest.mark.parametrize(
    "more",
    [
        {"id": None},
        {"id": 7},
        {"intervals": {"0": {}}},
        {"intervals": ["x"]},
        {"intervals": [{"payloads": 3}]},
        {"intervals": [{"intervalPeriod": "now", "payloads": []}]},
        {"intervalPeriod": [1, 2]},
        {"intervalPeriod": {"start": "tomorrow", "duration": "PT1H"}},
        {"intervalPeriod": {"start": "2027-01-15T08:00:00", "duration": "PT1H"}},
        {"intervalPeriod": {"start": iso(T0), "duration": "P8D"}},
        {"intervalPeriod": {"start": iso(T0), "duration": "PT1H", "randomizeStart": "P2D"}},
        {"modificationDateTime": "yesterday"},
    ],
    ids=str,
)
def test_an_event_of_another_shape_is_refused_by_its_name(more: dict) -> None:
    with pytest.raises(InvalidError, match=r"^(openadr event|call of ERS)"):
        calls(event(1) | more)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False)
    | st.text(max_size=8) | st.sampled_from([iso(T0), "PT1H", "SIMPLE", "IMPORT_CAPACITY_LIMIT"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["id", "start", "duration", "type", "values", "payloads",
                         "intervalPeriod", "randomizeStart"]), inner, max_size=5),
    max_leaves=15,
)  # fmt: skip
KEYS = ["id", "intervals", "intervalPeriod", "modificationDateTime", "eventName", "targets"]


@given(st.dictionaries(st.sampled_from(KEYS), JSON, max_size=6))
def test_whatever_an_event_is_it_is_calls_or_our_error(more: dict) -> None:
    try:
        found = calls(event(1) | more)
    except InvalidError:
        return
    assert all(call.until_ms > call.from_ms and call.programme == "ERS" for call in found)


class Answers:
    """A VTN by its answers; keeps what it was asked."""

    def __init__(self, events: list, programs: list, expires_in: object = 3600) -> None:
        self.asked: list[httpx.Request] = []
        self._lists = {"/events": events, "/programs": programs}
        self._expires_in = expires_in

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        if request.url.path == "/auth/token":
            return httpx.Response(200, json={"access_token": "t", "expires_in": self._expires_in})
        skip, limit = (int(request.url.params[name]) for name in ("skip", "limit"))
        listed = self._lists[request.url.path][skip : skip + limit]
        return httpx.Response(200, content=json.dumps(listed))

    def paths(self) -> list[str]:
        return [request.url.path for request in self.asked]


async def events(answers: Answers, times: int = 1, **told) -> list[str]:
    client = httpx.AsyncClient(transport=httpx.MockTransport(answers))
    async with client:
        vtn = Vtn(OpenAdr(url="http://vtn", **told), "s3cr3t", client)
        for _ in range(times):
            found = await vtn.events()
    return [one["id"] for one in found]


@pytest.mark.parametrize(("n", "pages"), [(0, 1), (PAGE - 1, 1), (PAGE, 2), (PAGE + 1, 2)])
async def test_pages_are_asked_until_one_is_not_full(n: int, pages: int) -> None:
    answers = Answers([event(1, id=f"e{k}") for k in range(n)], [])
    assert len(await events(answers)) == n
    assert answers.paths() == ["/events"] * pages


async def test_a_vtn_without_an_end_is_given_up() -> None:
    answers = Answers([event(1, id=f"e{k}") for k in range(2000)], [])
    with pytest.raises(VtnError, match="more than 1000 events"):
        await events(answers)


async def test_a_programme_on_the_second_page_is_found_by_its_name() -> None:
    programs = [{"id": f"p{n}", "programName": f"name {n}"} for n in range(70)]
    answers = Answers([event(1, programID="p65"), event(1, id="x", programID="p1")], programs)
    assert await events(answers, programs=("name 65",)) == ["ev"]


@pytest.mark.parametrize(
    ("targets", "is_ours"),
    [
        (None, True),
        ([], True),
        ([{"type": "GROUP", "values": ["north"]}], True),
        ([{"type": "GROUP", "values": ["south"]}], False),
        (["north"], True),
        (["south"], False),
        ([{"type": "GROUP", "values": None}], True),
        (7, True),
    ],
)
async def test_an_event_for_others_is_left_out(targets: object, is_ours: bool) -> None:
    answers = Answers([event(1, targets=targets)], [])
    assert await events(answers, targets=("north",)) == (["ev"] if is_ours else [])


@pytest.mark.parametrize(
    ("expires_in", "tokens"), [(3600, 1), (None, 1), ("soon", 1), (5, 3), (0, 3), (-1, 3)]
)
async def test_a_token_is_used_until_shortly_before_its_end(expires_in, tokens: int) -> None:
    answers = Answers([], [], expires_in)
    await events(answers, times=3, client_id="ven")
    assert answers.paths().count("/auth/token") == tokens


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"event": ""}, "give it a name"),
        ({"event": "a\x00b"}, "give it a name"),
        ({"event": "x" * 201}, "give it a name"),
        ({"event": 5}, "give it a name"),
        ({"from_ms": "now"}, "from_ms 'now'; expected a whole number"),
        ({"from_ms": True}, "from_ms 'True'"),
        ({"until_ms": T0}, "0 s long"),
        ({"until_ms": T0 - 1}, "-0.001 s long"),
        ({"until_ms": T0 + 8 * 24 * H}, "up to 7 days"),
        ({"modification": -1}, "modification '-1'"),
        ({"modification": 2**53}, "modification"),
        ({"reduce": "some"}, "use to, by or all"),
        ({"reduce": "by"}, "reduce by what? give power_kw"),
        ({"reduce": "to", "power_kw": -1}, "power_kw '-1'; expected 0 to"),
        ({"reduce": "to", "power_kw": float("nan")}, "power_kw 'nan'"),
        ({"reduce": "to", "power_kw": True}, "power_kw 'True'"),
        ({"random_s": 1e9}, "random_s"),
    ],
)
def test_a_call_that_cannot_be_says_where_and_what(said: dict, why: str) -> None:
    usual = {"event": "e", "from_ms": T0, "until_ms": T0 + H}
    with pytest.raises(InvalidError) as refused:
        call_of("ERS", Programme(), usual | said, site="north")
    assert str(refused.value).startswith("call of ERS")
    assert why in str(refused.value)
