"""Worlds that are closed at the end of a test."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.edge.control.rig import Rig
from tests.edge.control.world import World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[Callable[..., World]]:
    """Make worlds of so many rigs, or of the rigs given."""
    made: list[World] = []

    def make(rigs: int | list[Rig] = 1, **how: Any) -> World:
        if isinstance(rigs, int):
            rigs = [Rig(f"r{number}") for number in range(1, rigs + 1)]
        home = tmp_path / f"home{len(made)}"
        home.mkdir()
        made.append(World(home, rigs, **how))
        return made[-1]

    yield make
    for found in made:
        found.close()
