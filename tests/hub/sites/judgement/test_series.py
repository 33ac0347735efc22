"""What a series' finding says for as long as it goes on."""

import numpy as np

from lode_hub.sites.judgement.series import CALM_MS, STEP_MS, Key, SeriesWatch

T0 = 1_700_000_000_000


def test_what_surprised_is_said_again_until_it_is_calm():
    watch, key = SeriesWatch(), Key(1, "power", "site:1", "n")
    noise = np.random.default_rng(1).normal(100, 1, 400)
    begun_ms = 0
    for turn in range(400):
        now_ms = T0 + turn * STEP_MS
        found = watch.step(now_ms, {key: noise[turn] - 50 * (turn >= 300)})
        if found and not begun_ms:
            begun_ms = now_ms
            (again,) = watch.renew(now_ms + 60_000)
            assert (again.at_ms, again.title) == (now_ms + 60_000, found[0].title)
    assert T0 + 300 * STEP_MS < begun_ms < now_ms - CALM_MS
    assert watch.renew(now_ms) == []
