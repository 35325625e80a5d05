"""Folds: those of scikit-learn, sooner."""

import warnings

import numpy as np
import pytest
from sklearn.model_selection import StratifiedGroupKFold

from smears.folds import spread


@pytest.mark.parametrize("groups", [300, 40, 9])
@pytest.mark.parametrize("count", [3, 5, 8])
@pytest.mark.parametrize("seed", [0, 7])
def test_folds_are_those_of_scikit_learn(groups, count, seed):
    rng = np.random.default_rng([groups, count, seed])
    code = np.concatenate([np.arange(6), rng.choice(6, 294, p=[0.5, 0.2, 0.1, 0.1, 0.07, 0.03])])
    unit = np.arange(300) if groups == 300 else rng.integers(0, groups, 300)
    expected = np.empty(300, int)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # a class of few members
        theirs = StratifiedGroupKFold(count, shuffle=True, random_state=seed)
        for number, (_, rows) in enumerate(theirs.split(code, code, unit)):
            expected[rows] = number
    np.testing.assert_array_equal(spread(code, unit, count, seed), expected)


def test_a_group_is_never_torn_apart():
    unit = np.repeat(np.arange(20), 5)
    fold = spread(np.tile([0, 1, 0, 1, 1], 20), unit, 4, 0)
    assert all(len(set(fold[unit == group])) == 1 for group in range(20))
    assert set(fold) == {0, 1, 2, 3}
