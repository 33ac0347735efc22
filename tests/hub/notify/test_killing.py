"""A notifier that is killed again and again loses nothing."""

import pytest

from tests.hub.notify.killing import kill_often
from tests.hub.sites import stage


@pytest.mark.slow
async def test_kills_at_random_moments_lose_nothing_and_repeats_carry_their_key(store, postgres):
    rigs = await stage.add_rigs(store, await stage.add_agent(store), 10)
    toll = await kill_often(store, postgres, rigs, kills=40, within_s=30, seed=7)
    assert toll.kills > 0
    assert (toll.lost, toll.stray) == (0, 0)
    assert toll.told > 0
