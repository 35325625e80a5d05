"""The rivals are judged as the sine cosine selector is, and on its inner split."""

import numpy as np
import pytest
from sklearn.neighbors import KNeighborsClassifier
from sklearn.utils.estimator_checks import parametrize_with_checks

from cotconet import selection_rivals
from cotconet.selection import SineCosineSelector
from cotconet.selection_rivals import RandomSelector, RankingSelector


def planted(seed, n=200, features=40, told=4):
    """Samples whose first `told` features tell the class; the others are noise."""
    rng = np.random.default_rng(seed)
    y = np.arange(n) % 2
    X = rng.normal(size=(n, features))
    X[:, :told] += 1.2 * y[:, None]
    return X, y


RIVALS = [
    RandomSelector(30, random_state=0),
    RankingSelector("mutual information", 30, random_state=0),
    RankingSelector("l1", 30, random_state=0),
]


@parametrize_with_checks(RIVALS)
def test_they_are_scikit_learn_selectors(estimator, check):
    check(estimator)


@pytest.mark.parametrize("selector", RIVALS)
def test_they_judge_as_often_as_asked_on_the_same_inner_split(selector):
    X, y = planted(0)
    groups = np.array([f"s{i // 8}" for i in range(200)])
    selector.fit(X, y, groups)
    assert selector.n_evaluations_ == 30
    quick = {"population": 2, "iterations": 1, "local_search": None, "random_state": 0}
    ours = SineCosineSelector(**quick).fit(X, y, groups)
    np.testing.assert_array_equal(selector.inner_train_, ours.inner_train_)
    mask, train, valid = selector.support_, selector.inner_train_, selector.inner_valid_
    own = KNeighborsClassifier(5).fit(X[train][:, mask], y[train])
    fitness = 0.99 * np.mean(own.predict(X[valid][:, mask]) != y[valid]) + 0.01 * mask.mean()
    assert selector.convergence_curve_[-1] == pytest.approx(fitness)


@pytest.mark.parametrize("ranking", selection_rivals.RANKINGS)
@pytest.mark.parametrize("seed", range(3))
def test_rankings_put_planted_features_first(ranking, seed):
    X, y = planted(seed, n=400)
    order = selection_rivals.RANKINGS[ranking](X, y, seed)
    assert sorted(order) == list(range(40))
    assert set(order[:4]) == {0, 1, 2, 3}
    # A third class, told by the fifth feature.
    y = np.where(np.arange(400) % 3 == 0, 2, y)
    X[:, 4] += 3 * (y == 2)
    assert selection_rivals.RANKINGS[ranking](X, y, seed)[0] == 4


def test_a_ranking_needs_no_more_judging_than_there_are_features():
    X, y = planted(0)
    history = RankingSelector(random_state=0).fit(X, y).history_
    assert history["kept"].tolist() == list(range(1, 41))


def test_random_sets_have_all_sizes():
    X, y = planted(0)
    kept = RandomSelector(300, random_state=0).fit(X, y).history_["kept"]
    assert kept.min() == 1
    assert kept.max() >= 39
    assert 15 < kept.mean() < 25


def test_the_sine_cosine_selector_beats_random_sets_at_equal_evaluations():
    gain = []
    for seed in range(10):
        X, y = planted(seed)
        ours = SineCosineSelector(10, 20, local_iterations=5, random_state=seed).fit(X, y)
        chance = RandomSelector(ours.n_evaluations_, random_state=seed).fit(X, y)
        gain.append(chance.convergence_curve_[-1] - ours.convergence_curve_[-1])
    assert np.median(gain) > 0
    assert np.mean(np.array(gain) >= 0) >= 0.8


def test_an_unknown_ranking_is_refused():
    with pytest.raises(ValueError, match="give one of mutual information, l1"):
        RankingSelector("variance").fit(*planted(0))
