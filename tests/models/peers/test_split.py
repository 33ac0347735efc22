"""What is worked out by hand because numpy's own takes longer gives what numpy's own gives."""

import numpy as np
import pytest

from lode_models.peers.sample import pairs
from lode_models.peers.split import median


@pytest.mark.parametrize("dtype", [np.float32, np.int64])
@pytest.mark.parametrize("n", [1, 2, 7, 8, 1001])
def test_a_median_is_numpys(n, dtype):
    values = (1000 * np.random.default_rng(n).normal(size=n)).astype(dtype)
    assert median(values) == np.median(values)


def test_a_median_is_of_what_is_known():
    assert median(np.array([np.nan, 3.0, np.nan, 1.0])) == 2.0
    assert np.isnan(median(np.array([np.nan])))
    assert np.isnan(median(np.zeros(0)))


@pytest.mark.parametrize("shape", [(3, 5), (12, 400), (4, 0)])
def test_pairs_are_numpys(shape):
    mask = np.random.default_rng(1).random(shape) < 0.3
    for ours, theirs in zip(pairs(mask), np.nonzero(mask), strict=True):
        np.testing.assert_array_equal(ours, theirs)
