"""Seeded series with one fault each, as sites show them: what happens, and where."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Doubles = npt.NDArray[np.float64]
STEP_S = 300
SAMPLES = 4_000
FAULT = slice(3_000, 3_200)


@dataclass(frozen=True)
class Series:
    at_ms: npt.NDArray[np.int64]
    values: Doubles


def series(fault: str, seed: int) -> Series:
    """A site's power with its daily cycle and noise, in kW, and from 3,000 on a fault."""
    noise = np.random.default_rng(seed).normal(0, 5, SAMPLES)
    seconds = np.arange(SAMPLES) * STEP_S
    values = 3_200 + 60 * np.sin(2 * np.pi * seconds / 86_400) + noise
    FAULTS[fault](values, np.random.default_rng([seed, 1]))
    return Series(1_760_000_000_000 + seconds * 1000, values)


def _spike(values: Doubles, _: np.random.Generator) -> None:
    values[FAULT.start] += 400


def _step(values: Doubles, _: np.random.Generator) -> None:
    values[FAULT.start :] -= 250


def _drift(values: Doubles, _: np.random.Generator) -> None:
    values[FAULT] += np.linspace(0, 350, 200)


def _noisier(values: Doubles, random: np.random.Generator) -> None:
    values[FAULT] += random.normal(0, 40, 200)


def _flat(values: Doubles, _: np.random.Generator) -> None:
    values[FAULT] = values[FAULT.start]


def _off(values: Doubles, _: np.random.Generator) -> None:
    values[FAULT] = 0


def _missing_cycle(values: Doubles, _: np.random.Generator) -> None:
    values[FAULT.start : FAULT.start + 288] = 3_200 + (values[:288] - values[288:576])


def _nothing(values: Doubles, _: np.random.Generator) -> None:
    """Leave it as it is."""


FAULTS: dict[str, Callable[[Doubles, np.random.Generator], None]] = {
    "spike": _spike,
    "step": _step,
    "drift": _drift,
    "noisier": _noisier,
    "flat": _flat,
    "off": _off,
    "missing cycle": _missing_cycle,
    "nothing": _nothing,
}
