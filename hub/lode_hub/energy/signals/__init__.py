"""What comes from outside besides prices: calls for demand response, and what hashes earn."""

from lode_hub.energy.signals.calls import Call, call_of
from lode_hub.energy.signals.economics import Belief, Economics, formula_usd_th_day, hashprice
from lode_hub.energy.signals.programme import Programme

__all__ = [
    "Belief",
    "Call",
    "Economics",
    "Programme",
    "call_of",
    "formula_usd_th_day",
    "hashprice",
]
