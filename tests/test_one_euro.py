"""The One-Euro filter."""

import numpy as np
import pytest
from OneEuroFilter import OneEuroFilter as AuthorsFilter

from models.one_euro import OneEuroFilter


def test_agrees_with_its_authors_package():
    rng = np.random.default_rng(0)
    t_s = 1.0 + np.cumsum(rng.uniform(0.01, 0.05, 200))
    x = np.cumsum(rng.normal(0.0, 0.02, (200, 3)), axis=0)
    ours = OneEuroFilter(1.5, 20.0)
    theirs = [AuthorsFilter(freq=30.0, mincutoff=1.5, beta=20.0, dcutoff=1.0) for _ in range(3)]
    for i in range(200):
        expected = [f(x[i, k], t_s[i]) for k, f in enumerate(theirs)]
        got = ours.update(x[i], t_s[i] - t_s[i - 1] if i else 0.0)
        np.testing.assert_allclose(got, expected, rtol=1e-9, atol=1e-12)


def test_a_still_hand_becomes_steadier():
    noise = np.random.default_rng(0).normal(0.0, 0.001, (300, 1))
    filtered_by = OneEuroFilter(1.5, 20.0)
    filtered = np.array([filtered_by.update(x, 1 / 30) for x in noise])
    assert filtered[50:].std() < 0.5 * noise[50:].std()


def test_reset_lets_the_next_sample_through():
    filtered_by = OneEuroFilter(1.0, 0.0)
    filtered_by.update(np.array([0.0]), 0.0)
    filtered_by.reset()
    assert filtered_by.update(np.array([5.0]), 0.1) == 5.0


@pytest.mark.parametrize("arguments", [(0.0, 1.0), (1.0, -1.0), (1.0, 1.0, 0.0)])
def test_senseless_cutoffs_are_refused(arguments):
    with pytest.raises(ValueError, match="cut-offs > 0"):
        OneEuroFilter(*arguments)
