"""Intervals cover as often as they say, tests agree with SciPy, statsmodels and hand work."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar

from smears import metrics, statistics


def _accuracy(matrix):
    return matrix.trace(axis1=-2, axis2=-1) / matrix.sum((-2, -1))


def _stack(right):
    """Two-class matrices (1, subjects, 2, 2) from bools (subjects, pictures), class 0 the true."""
    hit = right.sum(1)
    stack = np.zeros((1, len(right), 2, 2), int)
    stack[0, :, 0, 0], stack[0, :, 0, 1] = hit, right.shape[1] - hit
    return stack


def _subjects(rng, subjects=40, pictures=12):
    """Bools (subjects, pictures): pictures of one subject are right about equally often."""
    skill = rng.beta(4, 1, subjects)  # mean 0.8
    return rng.random((subjects, pictures)) < skill[:, None]


def _covered(rng, by_subject, resamples=400):
    right = _subjects(rng)
    stack = _stack(right if by_subject else right.reshape(-1, 1))
    seed = int(rng.integers(1 << 30))
    low, high = _interval(stack, _accuracy, resamples=resamples, seed=seed)
    return low <= 0.8 <= high


def _interval(stack, statistic, **more):
    return statistics.bootstrap_by_subject(stack, [statistic], **more)[0]


def test_the_bootstrap_by_subject_covers_the_truth_as_often_as_it_says():
    rng = np.random.default_rng(0)
    share = np.mean([_covered(rng, by_subject=True) for _ in range(400)])
    # A percentile interval over 40 subjects falls a little short of 95%; 3.3 standard errors.
    assert 0.89 < share < 0.985


def test_pictures_taken_as_independent_cover_far_too_seldom():
    rng = np.random.default_rng(0)
    share = np.mean([_covered(rng, by_subject=False, resamples=100) for _ in range(120)])
    assert share < 0.85


def test_the_bootstrap_agrees_with_the_normal_interval_of_a_large_independent_sample():
    rng = np.random.default_rng(1)
    right = rng.random((2000, 1)) < 0.7
    low, high = _interval(_stack(right), _accuracy, resamples=2000)
    half = 1.96 * (right.mean() * (1 - right.mean()) / 2000) ** 0.5
    assert (low, high) == pytest.approx((right.mean() - half, right.mean() + half), abs=0.002)


def test_a_bootstrap_repeats_itself_and_its_level_widens_it():
    stack = _stack(_subjects(np.random.default_rng(2)))
    first = _interval(stack, _accuracy, seed=5)
    assert first == _interval(stack, _accuracy, seed=5)
    assert first != _interval(stack, _accuracy, seed=6)
    narrow = _interval(stack, _accuracy, seed=5, level=0.5)
    assert first[0] < narrow[0] < narrow[1] < first[1]


def test_seeds_that_differ_widen_the_interval_of_their_mean():
    rng = np.random.default_rng(3)
    right = rng.random((60, 5)) < 0.8
    same = np.concatenate([_stack(right)] * 3)
    spread = np.concatenate([_stack(right & (rng.random((60, 5)) < q)) for q in (1, 0.8, 0.6)])
    width = [np.diff(_interval(s, _accuracy))[0] for s in (same, spread)]
    assert width[1] > 2 * width[0]


def test_a_subject_without_a_class_does_not_spoil_the_interval():
    stack = np.array([[[[3, 0], [0, 0]], [[0, 0], [1, 2]], [[2, 1], [0, 0]]]])
    interval = _interval(stack, lambda m: metrics.from_confusion(m)["balanced_accuracy"])
    assert np.isfinite(interval).all()


def test_the_difference_of_two_methods_is_their_mean_difference_and_turns_its_sign():
    rng = np.random.default_rng(4)
    first, second = (np.concatenate([_stack(_subjects(rng)) for _ in range(2)]) for _ in range(2))
    found = statistics.difference_by_subject(first, second, _accuracy)
    per_seed = _accuracy(first.sum(1)) - _accuracy(second.sum(1))
    assert found[0] == pytest.approx(per_seed.mean())
    assert found[1] <= found[0] <= found[2]
    turned = statistics.difference_by_subject(second, first, _accuracy)
    assert turned == pytest.approx((-found[0], -found[2], -found[1]))


def test_the_difference_is_sharper_than_two_intervals_because_it_pairs_subjects():
    rng = np.random.default_rng(5)
    right = _subjects(rng)
    worse = right & (rng.random(right.shape) < 0.95)
    first, second = _stack(right), _stack(worse)
    _, low, high = statistics.difference_by_subject(first, second, _accuracy)
    alone = np.diff(_interval(first, _accuracy))[0]
    assert low > 0
    assert high - low < alone / 2


def test_the_difference_of_equally_good_methods_covers_nought_as_often_as_it_says():
    rng = np.random.default_rng(6)
    covered = []
    for _ in range(200):
        skill = rng.beta(4, 1, 40)[:, None]
        pair = [_stack(rng.random((40, 6)) < skill) for _ in range(2)]
        _, low, high = statistics.difference_by_subject(*pair, _accuracy, resamples=300)
        covered.append(low <= 0 <= high)
    assert 0.89 < np.mean(covered) < 0.99


def test_the_difference_of_two_sets_of_pictures_draws_each_by_itself():
    rng = np.random.default_rng(8)
    first, second = _stack(_subjects(rng, 40)), _stack(_subjects(rng, 25, 5))
    gap, low, high = statistics.difference_apart(first, second, _accuracy)
    assert gap == pytest.approx(_accuracy(first.sum(1))[0] - _accuracy(second.sum(1))[0])
    # Variances of independent parts add up.
    widths = [np.diff(_interval(s, _accuracy))[0] for s in (first, second)]
    assert high - low == pytest.approx(np.hypot(*widths), rel=0.1)
    turned = statistics.difference_apart(second, first, _accuracy)
    assert turned == pytest.approx((-gap, -high, -low), abs=0.02)


def test_grouped_confusions_sum_to_the_whole_and_keep_subjects_apart():
    table = pd.DataFrame(
        {
            "label": ["a", "b", "b", "a"],
            "a": [0.9, 0.2, 0.6, 0.4],
            "b": [0.1, 0.8, 0.4, 0.6],
        }
    )
    unit = pd.Series(["s2", "s1", "s2", "s10"])
    found = statistics.grouped_confusions(table, ["a", "b"], unit)
    assert found.tolist() == [[[0, 0], [0, 1]], [[0, 1], [0, 0]], [[1, 0], [1, 0]]]  # s1, s10, s2
    assert found.sum(0).tolist() == [[1, 1], [1, 1]]


@pytest.mark.parametrize("correct", [5, 12, 20])
def test_above_chance_is_the_upper_tail_of_the_binomial(correct):
    expected = sum(stats.binom.pmf(k, 20, 0.3) for k in range(correct, 21))
    assert statistics.above_chance(correct, 20, 0.3) == pytest.approx(expected)


def _outcomes(only_first, only_second, both=10):
    return np.repeat([1, -1, 0], [only_first, only_second, both])


def test_mcnemar_worked_out_by_hand():
    # Of eight pictures that one method alone gets right, one is the second's: 2 (1 + 8) / 2⁸.
    assert statistics.mcnemar(_outcomes(7, 1)) == pytest.approx(18 / 256)


@pytest.mark.parametrize(("b", "c"), [(0, 0), (3, 3), (0, 9), (14, 5), (60, 31)])
def test_mcnemar_equals_the_binomial_test_and_statsmodels_and_does_not_mind_the_order(b, c):
    found = statistics.mcnemar(_outcomes(b, c))
    expected = stats.binomtest(b, b + c).pvalue if b + c else 1
    assert found == pytest.approx(expected)
    assert found == pytest.approx(mcnemar([[10, b], [c, 0]], exact=True).pvalue)
    assert found == pytest.approx(statistics.mcnemar(_outcomes(c, b)))
    assert found == statistics.mcnemar(_outcomes(b, c, both=500))


def test_of_units_with_several_pictures_mcnemar_is_the_sign_flip_test():
    differences = np.array([3, -1, 2, 0, 5, -2, 1, 1, 4])
    expected = stats.permutation_test(
        (differences,), np.sum, permutation_type="samples", n_resamples=2**9
    )
    assert statistics.mcnemar(differences) == pytest.approx(expected.pvalue)
    # Ten times the same picture is one picture.
    assert statistics.mcnemar(10 * _outcomes(7, 1)) == pytest.approx(18 / 256)


def test_mcnemar_rejects_what_is_alike_as_often_as_it_says():
    rng = np.random.default_rng(0)
    alike = rng.normal(size=(1000, 20, 1))  # what is easier for one method than the other, by unit
    apart = rng.random((1000, 20, 15)) < 1 / (1 + np.exp(-alike))
    p = [statistics.mcnemar(2 * one.sum(1) - 15) for one in apart]
    assert 0.02 < np.mean(np.array(p) < 0.05) < 0.07


def test_holm_worked_out_by_hand():
    # Sorted 0.01, 0.03, 0.04 times 3, 2, 1, never less than the one before.
    assert statistics.holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert statistics.holm([0.5, 0.6]) == pytest.approx([1, 1])
    assert statistics.holm([0.02]) == pytest.approx([0.02])


def test_the_t_interval_worked_out_by_hand():
    mean, half = statistics.t_interval([1, 2, 3, 4])
    assert mean == 2.5
    assert half == pytest.approx(3.182446 * (5 / 3) ** 0.5 / 2, rel=1e-6)


def test_the_t_interval_equals_scipy_s_and_has_no_width_for_one_value():
    values = np.random.default_rng(7).normal(0.9, 0.1, 50)
    mean, half = statistics.t_interval(values, 0.9)
    low, high = stats.t.interval(0.9, 49, values.mean(), values.std(ddof=1) / 50**0.5)
    assert (mean - half, mean + half) == pytest.approx((low, high))
    assert np.isnan(statistics.t_interval([0.9])[1])


def test_the_paired_t_test_worked_out_by_hand():
    t, p = statistics.paired_t(np.array([1.0, 2, 3]), np.zeros(3))
    assert t == pytest.approx(2 * 3**0.5)
    # Student's distribution with two degrees of freedom has a closed form.
    assert p == pytest.approx(1 - t / (2 + t**2) ** 0.5)


def test_no_resample_lacks_a_class():
    """Ten classes of three subjects: drawn without strata, two thirds of resamples lack one."""
    confusions = np.zeros((1, 30, 10, 10), int)
    for subject in range(30):
        confusions[0, subject, subject // 3, subject // 3] = 3
        confusions[0, subject, subject // 3, (subject // 3 + subject) % 10] += 1

    def classes_there(matrix):
        return (matrix.sum(-1) > 0).sum(-1)

    low, high = _interval(confusions, classes_there, resamples=500)
    assert (low, high) == (10, 10)


def test_the_interval_of_a_mean_draws_subjects_whole():
    values = [[0.0, 0.0, 0.0, 1.0], [0.2, 0.2, 0.2, 1.0]]
    mean, low, high = statistics.mean_by_subject(values, ["a", "a", "a", "b"])
    assert mean == pytest.approx((0.25 + 0.4) / 2)
    # A resample has a twice, b twice or both once: 0, 1 or 0.25 in the first seed.
    assert low == pytest.approx(0.0)
    assert high == pytest.approx(1.0)
    assert statistics.mean_by_subject([[0.5, 0.5]], ["a", "b"]) == (0.5, 0.5, 0.5)


def test_the_interval_of_a_mean_is_about_that_of_the_normal_law():
    values = np.random.default_rng(0).normal(3, 2, (1, 400))
    mean, low, high = statistics.mean_by_subject(values, np.arange(400))
    half = 1.96 * values.std() / 20
    assert (low, high) == pytest.approx((mean - half, mean + half), abs=0.03)


def test_the_interval_of_a_difference_of_means_holds_the_true_one_and_widens_with_fewer_people():
    rng = np.random.default_rng(1)
    people = np.repeat(np.arange(40), 10)
    one = rng.normal(0, 1, 40)[people] + rng.normal(0, 0.1, 400)
    two = rng.normal(1, 1, 40)[people] + rng.normal(0, 0.1, 400)
    apart, low, high = statistics.difference_of_means([two], [one], people, people)
    assert apart == pytest.approx(two.mean() - one.mean())
    assert low < 1 < high
    # Ten pictures of a person say little more than one: as wide as the normal law of 40 people.
    assert high - low == pytest.approx(2 * 1.96 * np.sqrt(2 / 40), rel=0.25)


def test_two_sets_of_pictures_are_drawn_apart_though_they_are_as_large():
    right = _subjects(np.random.default_rng(9))
    stack = _stack(right)
    gap, low, high = statistics.difference_apart(stack, stack, _accuracy)
    alone = np.diff(_interval(stack, _accuracy))[0]
    assert gap == 0
    assert high - low == pytest.approx(2**0.5 * alone, rel=0.1)
    people, values = np.arange(40), right.mean(1)
    _, low, high = statistics.difference_of_means([values], [values], people, people)
    assert high - low == pytest.approx(2**0.5 * alone, rel=0.1)


def test_a_drawn_subject_counts_with_all_its_pictures():
    # Every other resample has both: a quarter of the pictures is 1, not half of the subjects.
    found = statistics.mean_by_subject([[0.0, 0.0, 0.0, 1.0]], ["a", "a", "a", "b"], level=0.2)
    assert found == (0.25, 0.25, 0.25)


def test_pictures_that_one_method_alone_got_right_are_counted_over_all_seeds():
    right = np.random.default_rng(10).random((2, 3, 6, 4)) < 0.7  # method, seed, unit, picture
    first, second = (np.concatenate([_stack(seed) for seed in method]) for method in right)
    apart = right[0].sum((0, 2)) - right[1].sum((0, 2))
    assert statistics.right_apart(first, second).tolist() == apart.tolist()


def test_several_scores_have_the_intervals_that_each_has_alone():
    stack = _stack(_subjects(np.random.default_rng(4)))

    def halved(matrix):
        return _accuracy(matrix) / 2

    found = statistics.bootstrap_by_subject(stack, [_accuracy, halved], resamples=200)
    assert found == [_interval(stack, score, resamples=200) for score in (_accuracy, halved)]
    assert found[1] == pytest.approx(np.array(found[0]) / 2)
