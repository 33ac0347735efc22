"""Antminers' own words, where they are easily taken for something else: cold, dead, asleep."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lode_edge.drivers.asic import antminer, antminer_web
from lode_edge.drivers.asic.figures import Board
from lode_edge.drivers.asic.reply import Replies, Row
from lode_wire.records import State

STATS: Row = {"Elapsed": 600, "GHS 5s": "95000.5", "fan_num": 4, "fan1": 6000, "fan2": 0}


def chain(n: int, **said: object) -> Row:
    whole: Row = {"chain_acn": 114, "chain_rate": "31000.0", "temp_pcb": "60-62-61-64"}
    return {f"{key}{n}": value for key, value in (whole | said).items()}


def replies(stats: Row, **more: Row) -> Replies:
    firmware = {"BMMiner": "1.0"}  # what comes first in `stats` is not the chains
    return Replies(by_command={"stats": {"STATS": [firmware, stats]}, **more})


@pytest.mark.parametrize(
    ("said", "temp_c"),
    [
        ("78-50-69-70", 78.0),
        ("0-0-0-41", 41.0),  # a sensor that is not there reads 0
        ("0-0-0-0", None),
        ("", None),
        ("-5--3--8--4", -3.0),  # a container in winter
        ("-5-3-0-0", 3.0),
        ("41.5 - 42.5", 42.5),
        ("-", None),
        ("N/A", None),
        ("....", None),
    ],
)
def test_the_hottest_sensor_of_a_chain_also_below_zero(said: str, temp_c: float | None) -> None:
    (board,) = antminer.boards(chain(1, temp_pcb=said), 1e3)
    assert board.temp_c == temp_c


@given(st.lists(st.integers(-40, 120).filter(bool), min_size=1, max_size=8))
def test_every_list_of_temperatures_is_read_back(temps: list[int]) -> None:
    said = "-".join(map(str, temps))
    (board,) = antminer.boards(chain(1, temp_pcb=said), 1e3)
    assert board.temp_c == max(temps)


@pytest.mark.parametrize(
    ("said", "chips"),
    [
        ({"chain_acs": " oooooooo ooo"}, 11.0),
        ({"chain_acs": " ooxo-o xxxx"}, 4.0),  # those that do not answer do not count
        ({"chain_acs": " xxxxxxxx"}, 0.0),
        ({"chain_acs": "  "}, 114.0),
        ({}, 114.0),
    ],
)
def test_only_chips_that_answer_count(said: Row, chips: float) -> None:
    (board,) = antminer.boards(chain(1, **said), 1e3)
    assert board.chips == chips


def test_an_empty_slot_is_no_board_and_a_dead_board_is_one() -> None:
    stats = chain(1) | chain(2, chain_acn=0) | chain(3, chain_rate="0.0")
    found = antminer.boards(stats, 1e3)
    assert [board.hashrate_ths for board in found] == [31.0, 0.0]
    figures = antminer.read(replies(STATS | stats))
    assert figures.reading(1, 0).boards_alive == 1


def test_a_rate_that_is_missing_is_not_zero() -> None:
    (board,) = antminer.boards(chain(1, chain_rate=""), 1e3)
    assert board == Board(temp_c=64.0, chips=114.0)
    figures = antminer.read(replies({"Elapsed": 5, "GHS 5s": ""}))
    assert figures.hashrate_ths is None
    assert figures.state is State.UNKNOWN


def test_a_fan_that_is_counted_and_stands_still_is_told() -> None:
    assert antminer.fans(STATS) == [6000.0, 0.0, None, None]
    assert antminer.fans({"fan1": 6000, "fan2": 0}) == [6000.0]  # or there is none


@pytest.mark.parametrize(
    ("turning", "fans"),
    [
        ({3: 5880, 6: 6120}, [5880.0, 6120.0]),
        ({6: 6120}, [6120.0, 0.0]),  # one of the two has died
        ({}, [0.0, 0.0]),
        ({1: 6000, 2: 5900}, [6000.0, 5900.0]),
        ({1: 6000}, [6000.0, 0.0]),
        ({1: 6000, 2: 5900, 3: 5800}, [6000.0, 5900.0]),
        ({1: 6000, 6: 6120}, [6000.0, 0.0]),  # as many beyond as within: the count is right
        ({3: 5880, 5: 6000, 6: 6120}, [5880.0, 6000.0, 6120.0]),
    ],
)
def test_fans_are_where_they_turn(turning: dict[int, int], fans: list[float]) -> None:
    stats: Row = {"fan_num": 2} | {f"fan{n}": turning.get(n, 0) for n in range(1, 9)}
    assert antminer.fans(stats) == fans


@pytest.mark.parametrize("count", [-1, 0, 2.5, 1e9, "2", None])
def test_an_odd_count_of_fans_breaks_nothing(count: object) -> None:
    found = antminer.fans({"fan_num": count, "fan3": 5880})
    assert 5880.0 in found
    assert len(found) <= 16


@pytest.mark.parametrize("unit", ["GH", "MH", "TH", "", "kH"])
def test_the_unit_of_a_chain_is_as_said_or_as_it_always_was(unit: str) -> None:
    per_ths = {"MH": 1e6, "TH": 1.0}.get(unit, 1e3)
    stats = {"rate_unit": unit, "total_rateideal": 90 * per_ths} | chain(1, chain_rate=30 * per_ths)
    figures = antminer.read(replies(STATS | stats))
    assert figures.boards[0].hashrate_ths == pytest.approx(30.0)
    assert figures.ideal_ths == pytest.approx(90.0)
    assert figures.hashrate_ths == pytest.approx(95.0005)  # its unit is in its key


@pytest.mark.parametrize(
    ("mode", "rate", "state"),
    [
        (1, 0, State.SLEEPING),
        ("1", "0.00", State.SLEEPING),
        (1, 90_000, State.MINING),  # told to sleep, and not yet asleep
        (1, "", State.UNKNOWN),
        (0, 0, State.UNKNOWN),  # awake and idle says nothing of why
        (None, 0, State.UNKNOWN),
    ],
)
def test_asleep_is_what_its_mode_and_its_rate_say_together(
    mode: object, rate: object, state: State
) -> None:
    conf = {} if mode is None else {antminer.MODE_KEYS[0]: mode}
    stats = {"Elapsed": 5, "GHS 5s": rate}
    assert antminer.read(replies(stats, **{antminer.CONF: conf})).state is state
    page = {"rate_5s": rate, "elapsed": 5} | conf
    by_page = Replies(by_command={"/cgi-bin/stats.cgi": {"STATS": [page]}})
    assert antminer_web.read(by_page).state is state


def test_the_page_tells_the_same_figures_as_the_port() -> None:
    page: Row = {
        "rate_5s": 95.0,
        "rate_unit": "TH/s",
        "rate_ideal": 100.0,
        "elapsed": 600,
        "fan": [6000, 0, "5800", None],
        "chain": [
            {"rate_real": 31.5, "asic_num": 114, "temp_pcb": [60, 0, 64], "temp_chip": []},
            {"asic_num": 113, "temp_pcb": "64"},
        ],
    }
    pools: Row = {"POOLS": [{"accepted": 10, "rejected": 1}, {"accepted": 5}]}
    asked = {"/cgi-bin/stats.cgi": {"STATS": [page]}, "/cgi-bin/pools.cgi": pools}
    figures = antminer_web.read(Replies(by_command=asked))
    assert (figures.hashrate_ths, figures.ideal_ths) == (95.0, 100.0)
    assert figures.fans_rpm == [6000.0, 0.0, 5800.0, None]
    assert figures.boards == [
        Board(temp_c=64.0, hashrate_ths=31.5, chips=114.0),
        Board(chips=113.0),
    ]
    assert (figures.accepted, figures.rejected) == (15.0, 1.0)
    silent = antminer_web.read(Replies())
    assert silent.is_empty
