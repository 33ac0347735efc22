"""In which units sources may give what they give, and what that comes to in ours."""

import numpy as np
import pytest

from lode_hub.energy.prices import NODELESS, QUANTITIES, Values, none
from lode_hub.energy.sources import decode, described
from lode_hub.energy.units import in_ours, unit
from lode_hub.errors import InvalidError

SOURCE = """quantity = "{quantity}"
unit = "{unit}"
node = "{node}"
format = "csv"
[columns]
time = "t"
value = "v"
"""


@pytest.mark.parametrize(
    ("quantity", "text", "value", "ours", "expected"),
    [
        ("day-ahead", "EUR/kWh", 0.05, "EUR/MWh", 50.0),
        ("real-time", "USD/MWh", -3.0, "USD/MWh", -3.0),
        ("hashprice", "USD/PH/day", 45.0, "USD/TH/day", 0.045),
        ("hashprice", "CAD/EH/s/day", 45e3, "CAD/TH/day", 0.045),
        ("coin-price", "EUR/BTC", 8e4, "EUR/BTC", 8e4),
        ("difficulty", "T", 127.0, "1", 127e12),
        ("fees", "sat", 5e6, "BTC", 0.05),
        ("ambient", "°F", 95.0, "°C", 35.0),
        ("ambient", "K", 300.0, "°C", 26.85),
        ("ambient", "degC", 20.0, "°C", 20.0),
        ("peak-probability", "%", 35.0, "ratio", 0.35),
        ("exchange", "USD/EUR", 1.1, "USD/EUR", 1.1),
    ],
)
def test_a_figure_comes_to_the_same_in_ours(quantity, text, value, ours, expected) -> None:
    one = np.array([0])
    given = Values(unit=text, from_ms=one, until_ms=one + 1, value=np.array([value]),
                   published_ms=one)  # fmt: skip
    found = in_ours(quantity, given)
    assert found.unit == ours
    assert found.value.tolist() == pytest.approx([expected])
    again = in_ours(quantity, found)
    assert (again.unit, again.value.tolist()) == (ours, found.value.tolist())


@pytest.mark.parametrize(
    ("quantity", "text", "write"),
    [
        ("day-ahead", "USD/MW", "USD/MWh, USD/kWh, or the same of another currency"),
        ("hashprice", "USD/GH/day", "write USD/TH/day, USD/PH/day, USD/EH/day"),
        ("hashprice", "sats/TH/day", "write USD/TH/day"),
        ("coin-price", "BTC/USD", "write USD/BTC"),
        ("difficulty", "EH", "'T'"),
        ("ambient", "USD/MWh", "'°C'"),
        ("peak-probability", "permille", "'%'"),
        ("exchange", "EUR/USD", "write USD/EUR or alike"),
    ],
)
def test_what_is_no_unit_of_a_quantity_is_refused_with_what_to_write(quantity, text, write) -> None:
    with pytest.raises(ValueError, match="unit") as refused:
        unit(quantity, text)
    assert write in str(refused.value)
    with pytest.raises(InvalidError) as said:
        described(SOURCE.format(quantity=quantity, unit=text, node="EUR"))
    assert write in str(said.value)


@pytest.mark.parametrize("quantity", QUANTITIES)
def test_every_quantity_has_units_and_without_one_nothing_is_known(quantity) -> None:
    with pytest.raises(ValueError, match=r"write \S"):
        unit(quantity, "furlong")
    assert len(in_ours(quantity, none("furlong"))) == 0


def test_an_exchange_rate_is_of_the_currency_that_is_its_node() -> None:
    assert described(SOURCE.format(quantity="exchange", unit="USD/EUR", node="EUR"))
    for node in ("", "GBP"):
        with pytest.raises(InvalidError, match="the node is the currency"):
            described(SOURCE.format(quantity="exchange", unit="USD/EUR", node=node))


@pytest.mark.parametrize(
    ("quantity", "text", "good", "bad"),
    [
        ("peak-probability", "ratio", 0.35, 35),
        ("peak-probability", "%", 35, 350),
        ("peak-probability", "%", 0, -1),
        ("ambient", "°C", 35, 300),
        ("ambient", "°F", 110, 300),
        ("day-ahead", "USD/kWh", 0.05, 500),
    ],
)
def test_limits_are_in_ours(quantity, text, good, bad) -> None:
    node = "" if quantity in NODELESS else "x"
    source = described(SOURCE.format(quantity=quantity, unit=text, node=node))
    found = decode(source, f"t,v\n2026-06-22T20:00Z,{good}\n2026-06-22T21:00Z,{bad}\n".encode())
    assert found.quotes[0].value.tolist() == [good]
    (refused,) = found.refused
    assert "check the unit" in refused.reason
