"""Intervals and tests: bootstrap over subjects, exact tests, and what the papers compute."""

import warnings

import numpy as np
from scipy import stats
from statsmodels.stats.multitest import multipletests


def grouped_confusions(predictions, classes, unit):
    """Confusion matrices of each independent unit.

    Args:
        predictions: DataFrame with a column `label` and a probability column a class.
        classes: class names.
        unit: Series of the same length: subject (or source image) of each prediction.

    Returns:
        Integer array (units, classes, classes), units in sorted order.
    """
    names = np.array(list(classes))
    true = predictions["label"].map({name: n for n, name in enumerate(names)}).to_numpy(int)
    said = predictions[list(classes)].to_numpy().argmax(1)
    units, code = np.unique(unit.to_numpy(str), return_inverse=True)
    found = np.zeros((len(units), len(names), len(names)), int)
    np.add.at(found, (code, true, said), 1)
    return found


def bootstrap_by_subject(confusions, statistics, *, resamples=2000, seed=0, level=0.95):
    """Percentile intervals of scores over resampled subjects, and seeds where there are several.

    Pictures of one subject are not independent, so whole subjects are drawn with replacement
    (Davison and Hinkley 1997, section 3.8), within each class (a subject's most frequent one):
    the parts of a split are stratified too, and a resample that lacks a class would drag macro
    averages down. With several seeds, seeds are drawn likewise in each resample and the score is
    averaged over the drawn ones. All scores share the drawing.

    Args:
        confusions: integer array (seeds, subjects, k, k), as many subjects in each seed.
        statistics: list of functions of matrices (..., k, k) that return scores (...).
        resamples, seed, level: number of resamples, their seed, the interval's level.

    Returns:
        List of (low, high).
    """
    drawn = _resampled(confusions, statistics, resamples, seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        return [_quantiles(means, level) for means in drawn]


def difference_by_subject(first, second, statistic, *, resamples=2000, seed=0, level=0.95):
    """Mean difference of a score of two methods on the same subjects, with its interval.

    Args:
        first, second: confusions as in `bootstrap_by_subject`, equal in shape.

    Returns:
        (difference, low, high) of first minus second; subjects and seeds are resampled jointly.
    """
    both = np.concatenate([first, second], axis=-1)

    def apart(matrix):
        k = matrix.shape[-2]
        return statistic(matrix[..., :k]) - statistic(matrix[..., k:])

    ((low, high),) = bootstrap_by_subject(
        both, [apart], resamples=resamples, seed=seed, level=level
    )
    return float(np.mean(apart(both.sum(1)))), low, high


def difference_apart(first, second, statistic, *, resamples=2000, seed=0, level=0.95):
    """Difference of a score between two sets of pictures that are resampled each by itself.

    Args:
        first, second: confusions as in `bootstrap_by_subject`, of whatever units and seeds.

    Returns:
        (difference, low, high) of first minus second.
    """
    drawn = [
        _resampled(counts, [statistic], resamples, [seed, number])[0]
        for number, counts in enumerate((first, second))
    ]
    low, high = _quantiles(drawn[0] - drawn[1], level)
    means = [float(np.mean(statistic(counts.sum(1)))) for counts in (first, second)]
    return means[0] - means[1], low, high


def mean_by_subject(values, unit, *, resamples=2000, seed=0, level=0.95):
    """Mean of a score that each picture has, with a percentile interval over subjects and seeds.

    Args:
        values: float array (seeds, pictures).
        unit: subject (or source image) of each picture, (pictures,).
        resamples, seed, level: see `bootstrap_by_subject`.

    Returns:
        (mean, low, high). Subjects are drawn whole, and seeds as in `bootstrap_by_subject`.
    """
    values = np.asarray(values, float)
    low, high = _quantiles(_drawn_means(values, unit, resamples, seed), level)
    return float(values.mean()), low, high


def difference_of_means(first, second, first_unit, second_unit, *, resamples=2000, seed=0,
                        level=0.95):  # fmt: skip
    """Mean of a score of one group of pictures less that of another, with its interval.

    Args:
        first, second: float arrays (seeds, pictures) of two groups that share no subject.
        first_unit, second_unit: subject of each picture of the group.
        resamples, seed, level: see `bootstrap_by_subject`.

    Returns:
        (difference, low, high). Subjects of each group are drawn whole, by themselves.
    """
    groups = [(np.asarray(first, float), first_unit), (np.asarray(second, float), second_unit)]
    drawn = [
        _drawn_means(values, unit, resamples, [seed, number])
        for number, (values, unit) in enumerate(groups)
    ]
    low, high = _quantiles(drawn[0] - drawn[1], level)
    return float(groups[0][0].mean() - groups[1][0].mean()), low, high


def _drawn_means(values, unit, resamples, seed):
    """Means (resamples,) of values (seeds, pictures) over subjects and seeds drawn anew."""
    code = np.unique(np.asarray(unit, str), return_inverse=True)[1]
    sizes = np.bincount(code)
    sums = np.stack([np.bincount(code, row) for row in values])
    rng = np.random.default_rng(seed)
    drawn = rng.multinomial(len(sizes), np.full(len(sizes), 1 / len(sizes)), resamples)
    means = (drawn @ sums.T) / (drawn @ sizes)[:, None]
    chosen = rng.integers(0, len(values), (resamples, len(values)))
    return np.take_along_axis(means, chosen, 1).mean(1)


def _quantiles(drawn, level):
    tail = (1 - level) / 2
    low, high = np.nanquantile(drawn, [tail, 1 - tail])
    return float(low), float(high)


def _resampled(counts, statistics, resamples, seed):
    """Each statistic (resamples,) over drawn subjects (axis 1) and seeds (axis 0), one drawing."""
    seeds, subjects = counts.shape[:2]
    rng = np.random.default_rng(seed)
    drawn = np.zeros((resamples, subjects))
    main = counts[0].sum(-1).argmax(-1)
    for name in np.unique(main):
        own = np.flatnonzero(main == name)
        drawn[:, own] = rng.multinomial(len(own), np.full(len(own), 1 / len(own)), resamples)
    # Sums of whole numbers: exact in whatever order they are added.
    sums = np.tensordot(drawn, counts.astype(float), axes=(1, 1))
    chosen = rng.integers(0, seeds, (resamples, seeds))
    with warnings.catch_warnings():
        # NumPy warns where a score is undefined in all of a resample, which is meant to be NaN.
        warnings.simplefilter("ignore", RuntimeWarning)
        return [
            np.nanmean(np.take_along_axis(score(sums), chosen, 1), axis=1) for score in statistics
        ]


def above_chance(correct, total, chance):
    """One-sided p of the exact binomial test that the accuracy is no better than chance."""
    return float(stats.binomtest(int(correct), int(total), float(chance), "greater").pvalue)


def right_apart(first, second):
    """Integers (units,): pictures that the first method got right less those that the second did.

    Args:
        first, second: confusions (seeds, units, k, k) of two methods on the same pictures.
    """
    return np.trace(first - second, axis1=2, axis2=3).sum(0)


def mcnemar(differences):
    """Two-sided p of McNemar's exact test: are two methods right equally often.

    If they are, each unit's difference is as likely to have the other sign, and the p is the share
    of all signs that give a sum as far from 0 (Good 2005, section 3.2.1). Where no difference is
    beyond 1, one picture a unit and one seed, that is McNemar's test of pictures; counting several
    pictures of a unit as independent instead would give a p that is too small.

    Args:
        differences: integers (units,), see `right_apart`.
    """
    differences = np.asarray(differences)
    chances = np.ones(1)  # of each sum, from the least to the largest
    for size in np.abs(differences[differences != 0]):
        either = np.zeros(2 * size + 1)
        either[[0, -1]] = 0.5
        chances = np.convolve(chances, either)
    sums = np.arange(len(chances)) - len(chances) // 2
    return min(1.0, float(chances[np.abs(sums) >= abs(differences.sum())].sum()))


def holm(values):
    """p values corrected for their number by Holm's method, in the same order."""
    return multipletests(values, method="holm")[1]


def t_interval(values, level=0.95):
    """(mean, half width) of Student's interval, taking the values as independent."""
    values = np.asarray(values, float)
    if len(values) < 2:
        return float(values.mean()), float("nan")
    half = stats.t.ppf((1 + level) / 2, len(values) - 1) * stats.sem(values)
    return float(values.mean()), float(half)


def paired_t(first, second):
    """(t, two-sided p) of the paired t-test."""
    found = stats.ttest_rel(first, second)
    return float(found.statistic), float(found.pvalue)
