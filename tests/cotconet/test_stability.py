"""Stability by hand, against Kuncheva's index, and its interval against repeated sampling."""

from itertools import combinations

import numpy as np
import pytest

from cotconet.stability import jaccard, stability


def test_by_hand():
    masks = [[1, 1, 0, 0], [1, 0, 1, 0]]
    assert jaccard(masks) == pytest.approx(1 / 3)
    # Shares 1, 1/2, 1/2, 0: mean of s^2 = 2 * (1/4 * 2) / 4 = 1/4, chance 1/2 * 1/2.
    assert stability(masks)[0] == pytest.approx(0)


def test_equal_sets_are_fully_stable():
    masks = np.tile([True, False, True, False, False], (4, 1))
    assert stability(masks) == pytest.approx((1, 1, 1))
    assert jaccard(masks) == 1


def test_with_equal_sizes_it_is_kunchevas_index():
    rng = np.random.default_rng(0)
    masks = np.array([rng.permutation(np.arange(20) < 7) for _ in range(6)])
    pairs = [((a & b).sum() - 49 / 20) / (7 - 49 / 20) for a, b in combinations(masks, 2)]
    assert stability(masks)[0] == pytest.approx(np.mean(pairs))


def test_random_sets_have_no_stability_though_they_overlap():
    rng = np.random.default_rng(1)
    masks = rng.random((30, 500)) < 0.8
    assert abs(stability(masks)[0]) < 0.02
    assert jaccard(masks) > 0.6


def test_the_interval_covers_the_truth_about_as_often_as_it_says():
    rng = np.random.default_rng(2)
    chance = np.where(np.arange(60) < 20, 0.8, 0.1)
    truth = 1 - np.mean(chance * (1 - chance)) / (chance.mean() * (1 - chance.mean()))
    covered = []
    for _ in range(400):
        _, low, high = stability(rng.random((40, 60)) < chance)
        covered.append(low <= truth <= high)
    assert 0.88 < np.mean(covered) < 0.99


@pytest.mark.parametrize("value", [True, False])
def test_where_all_or_nothing_is_chosen_it_is_not_defined(value):
    assert np.isnan(stability(np.full((3, 5), value))).all()


def test_one_run_has_no_stability():
    with pytest.raises(ValueError, match=r"runs > 1"):
        stability([[True, False]])
