"""Points sorted into parts."""

from lode_hub.queries.nouns import PointRow
from lode_ui.parts import grouped
from tests.ui import made


def test_boards_and_fans_have_a_table_each():
    boards, fans, rest = grouped(made.points(1))
    assert boards.title == "Boards"
    assert boards.quantities == ["Hashrate", "Chips", "Board temp", "Chip temp"]
    assert list(boards.rows) == ["Board 1", "Board 2", "Board 3"]
    assert boards.rows["Board 2"]["Board temp"].value == 63.0
    assert (fans.title, fans.quantities, len(fans.rows)) == ("Fans", ["Speed"], 4)
    assert (rest.title, list(rest.rows)) == ("Further points", ["hashrate.ideal"])


def test_numbers_are_ordered_as_numbers():
    points = [point(f"fan.{number}") for number in (10, 2, 1)]
    (fans,) = grouped(points)
    assert list(fans.rows) == ["Fan 1", "Fan 2", "Fan 10"]


def test_a_group_is_as_old_as_its_oldest_value():
    (fans,) = grouped([point("fan.1", at_ms=50), point("fan.2", at_ms=20)])
    assert fans.oldest_ms == 20


def test_any_name_at_all_has_its_place():
    names = ["", ".", "board", "board.1.2.3", "<b>.1", "board.99999.temp", "a.1", "ü.1.x"]
    groups = grouped([point(name) for name in names])
    assert sum(len(row) for group in groups for row in group.rows.values()) == len(names)


def point(name: str, at_ms: int = 0) -> PointRow:
    return PointRow(point=name, unit="rpm", value=1.0, at_ms=at_ms, quality=())
