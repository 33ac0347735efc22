"""In which units a quantity may be given, and what one of each is in ours.

what a source says (EUR/kWh, USD/PH/day, °F, %) ─► Unit ─► EUR/MWh, USD/TH/day, °C, a ratio

Ours are USD/MWh, USD/TH/day, USD/BTC, BTC a block, °C and ratios. What another currency is worth
is a series of its own, `exchange`: money stays in its currency here.
"""

import re
from dataclasses import dataclass, replace

from lode_hub.energy.prices import Quantity, Values, none

_CURRENCY = re.compile(r"[A-Z]{3}")

_WH = {"MWh": 1.0, "kWh": 1000.0}
_HASHES = {
    f"{prefix}H{second}/day": of_ours
    for second in ("", "/s")
    for prefix, of_ours in (("T", 1.0), ("P", 1e-3), ("E", 1e-6))
}
_MONEY: dict[Quantity, dict[str, float]] = {
    "day-ahead": _WH,
    "real-time": _WH,
    "hashprice": _HASHES,
    "coin-price": {"BTC": 1.0},
}
"""What one currency's unit per so much is, per ours; the first is ours."""

_PLAIN: dict[Quantity, dict[str, tuple[float, float]]] = {
    "difficulty": {**dict.fromkeys(("1", ""), (1.0, 0.0)), "T": (1e12, 0.0)},
    "fees": {"BTC": (1.0, 0.0), "BTC/block": (1.0, 0.0), "sat": (1e-8, 0.0)},
    "ambient": {
        **dict.fromkeys(("°C", "C", "degC", "Cel", "celsius"), (1.0, 0.0)),
        **dict.fromkeys(("°F", "F", "degF", "[degF]", "fahrenheit"), (5 / 9, -160 / 9)),
        "K": (1.0, -273.15),
    },
    "peak-probability": {**dict.fromkeys(("ratio", "1", ""), (1.0, 0.0)), "%": (0.01, 0.0)},
}
"""What is added to so many times the figure; the first is ours."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Unit:
    """A unit that is known: `ours` is what value · factor + offset is in."""

    ours: str
    factor: float = 1.0
    offset: float = 0.0
    currency: str = ""  # of money; empty: it is none


def unit(quantity: Quantity, text: str) -> Unit:
    """Read in which unit a quantity is given.

    Raises:
        ValueError: it is none of those that this quantity may have; says which these are.
    """
    currency, _, per = text.partition("/")
    if quantity == "exchange" and currency == "USD" and _CURRENCY.fullmatch(per):
        return Unit(ours=text)
    money, plain = _MONEY.get(quantity, {}), _PLAIN.get(quantity, {})
    if per in money and _CURRENCY.fullmatch(currency):
        return Unit(ours=f"{currency}/{next(iter(money))}", factor=money[per], currency=currency)
    if text in plain:
        factor, offset = plain[text]
        return Unit(ours=next(iter(plain)), factor=factor, offset=offset)
    raise ValueError(f"unit {text[:40]!r} of {quantity}; write {_choice(quantity)}")


def in_ours(quantity: Quantity, values: Values) -> Values:
    """Give values in our unit, of money in its own currency; none when their unit is not known."""
    try:
        known = unit(quantity, values.unit)
    except ValueError:
        return none()
    return replace(values, unit=known.ours, value=values.value * known.factor + known.offset)


def _choice(quantity: Quantity) -> str:
    if quantity == "exchange":
        return "USD/EUR or alike: the dollars of one unit of the currency that is its node"
    if quantity in _MONEY:
        listed = ", ".join(f"USD/{per}" for per in _MONEY[quantity])
        return f"{listed}, or the same of another currency"
    return ", ".join(repr(text) for text in _PLAIN[quantity] if text)
