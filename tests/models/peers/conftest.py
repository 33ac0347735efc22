"""A detector that has watched a quiet fleet."""

import numpy as np
import pytest

from lode_models.peers import Peers
from tests.models.peers.quiet_fleet import fleet, play


@pytest.fixture(scope="package")
def watched() -> dict[str, np.ndarray]:
    """The state after a fleet was watched for an hour and a half and showed nothing."""
    peers = Peers(fleet())
    assert play(peers, range(540)) == []
    return peers.snapshot()


@pytest.fixture
def peers(watched) -> Peers:
    peers = Peers(fleet())
    peers.restore(watched)
    return peers
