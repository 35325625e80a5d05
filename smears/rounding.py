"""What a printed, rounded number allows: intervals, whole counts, test sizes, degrees of freedom.

Printed numbers come as texts, because "83.00%" says more than 83.0: its decimals tell how far it
was rounded, its sign whether it is a percentage. Fractions are exact, so nothing here depends on
a tolerance.
"""

import re
from fractions import Fraction
from math import ceil, floor

import numpy as np
from scipy import stats


def bounds(printed):
    """Values that round to a printed number, either way at a tie.

    Args:
        printed: text such as "0.95", "97.34%" or "7".

    Returns:
        (low, high), Fractions; percentages divided by 100.

    Raises:
        ValueError: a text that is not one number.
    """
    found = re.fullmatch(r"(-?\d+)(?:\.(\d+))?(%?)", printed.replace(",", ""))
    if not found:
        raise ValueError(f"{printed!r} is not one printed number, such as 0.95 or 97.34%.")
    scale = 10 ** len(found[2] or "") * (100 if found[3] else 1)
    middle = Fraction(int(found[1] + (found[2] or "")), scale)
    return middle - Fraction(1, 2 * scale), middle + Fraction(1, 2 * scale)


def mean_bounds(printed):
    """(low, high) of the mean of several printed numbers, each anywhere within its rounding."""
    lows, highs = zip(*(bounds(text) for text in printed), strict=True)
    return sum(lows) / len(lows), sum(highs) / len(highs)


def values(printed):
    """How many numbers from 0 to 1 (0% to 100%) are printed with as many decimals."""
    low, high = bounds(printed)
    return int(1 / (high - low)) + 1


def is_count(printed, size):
    """Whether a printed share can be k / size for a whole number k; `size` may be an int array."""
    low, high = bounds(printed)
    least = -(-low.numerator * size // low.denominator)
    return least <= high.numerator * size // high.denominator


def sizes(printed, limit):
    """Sizes 1..limit at which every one of several printed shares can be a whole count."""
    tried = np.arange(1, limit + 1)
    fits = np.all([is_count(text, tried) for text in printed], axis=0)
    return tried[fits].tolist()


def chance_of_sizes(printed, size):
    """Expected number of sizes up to `size` that would fit as many made-up shares as well.

    A size n has n + 1 whole counts; so many of the printable values it can hit.
    """
    tried = np.arange(1, size + 1)
    hit = [np.minimum(1, (tried + 1) / values(text)) for text in printed]
    return float(np.prod(hit, axis=0).sum())


def best_size(printed, limit):
    """The size at which surprisingly many, though not all, of the printed shares are whole counts.

    Returns:
        (size, positions that fit, expected number of sizes that small that would fit as many
        made-up shares), least by the last; ties go to the smaller size.
    """
    tried = np.arange(1, limit + 1)
    fits = np.array([is_count(text, tried) for text in printed])
    hit = np.minimum(1, (tried + 1) / min(values(text) for text in printed))
    # How many sizes up to each would fit at least 0, 1, ... all of the shares by accident.
    reached = stats.binom.sf(np.arange(-1, len(printed)), len(printed), hit[:, None]).cumsum(0)
    chance = reached[tried - 1, fits.sum(0)]
    place = int(chance.argmin())
    return place + 1, np.flatnonzero(fits[:, place]).tolist(), float(chance[place])


def f1_bounds(precision, recall, average):
    """(low, high) of an F1 score that goes with a printed precision and recall.

    Args:
        precision, recall: printed texts.
        average: "one": of one class, or micro averages: F1 is their harmonic mean. "mean": means
            over classes: the harmonic mean is concave and at least p + r - 1, so the mean F1 lies
            between P + R - 1 and the harmonic mean of P and R.
    """
    if average not in ("one", "mean"):
        raise ValueError(f"average={average!r}: give 'one' or 'mean'.")
    (p_low, p_high), (r_low, r_high) = bounds(precision), bounds(recall)
    low = _harmonic(p_low, r_low) if average == "one" else p_low + r_low - 1
    return max(low, Fraction(0)), _harmonic(min(p_high, Fraction(1)), min(r_high, Fraction(1)))


def _harmonic(p, r):
    return 2 * p * r / (p + r) if p > 0 and r > 0 else Fraction(0)


def images_behind(recall, errors):
    """(least, most) number of images of a class with a printed recall and so many errors.

    `most` is None for a recall that may be 1.
    """
    low, high = bounds(recall)
    return ceil(errors / (1 - low)), floor(errors / (1 - high)) if high < 1 else None


def degrees_of_freedom(t, p, limit=1000):
    """Degrees of freedom 1..limit at which a printed t has the printed two-sided p."""
    (t_low, t_high), (p_low, p_high) = bounds(t.lstrip("-")), bounds(p)
    count = np.arange(1, limit + 1)
    most, least = (2 * stats.t.sf(float(side), count) for side in (t_low, t_high))
    return count[(most >= float(p_low)) & (least <= float(p_high))].tolist()


def two_class_matrices(accuracy, precision, recall, f1, positives, negatives, within=0):
    """Confusion matrices of a two-class test of known class sizes that print as four figures.

    Args:
        accuracy: printed; None: not asked for. precision, recall, f1: printed.
        positives, negatives: number of images of each class.
        within: so many units of its last decimal F1 may be off, because many compute it from
            precision and recall that are rounded already.

    Returns:
        List of (TP, FN, FP, TN).
    """
    found = []
    low, high = bounds(recall)
    p_low, p_high = bounds(precision)
    f1_low, f1_high = widened(f1, within)
    for tp in range(max(ceil(low * positives), 1), min(floor(high * positives), positives) + 1):
        most = negatives if p_low <= 0 else min(floor(tp / p_low) - tp, negatives)
        for fp in range(max(ceil(tp / p_high) - tp, 0), most + 1):
            fn, tn = positives - tp, negatives - fp
            right = Fraction(tp + tn, positives + negatives)
            fits = accuracy is None or bounds(accuracy)[0] <= right <= bounds(accuracy)[1]
            if fits and f1_low <= Fraction(2 * tp, 2 * tp + fp + fn) <= f1_high:
                found.append((tp, fn, fp, tn))
    return found


def two_class_tests(accuracy, precision, recall, f1, limit, within=0):
    """Class sizes of every two-class test of up to `limit` images that prints as four figures.

    Args: as `two_class_matrices`.

    Yields:
        (positives, least, most): with so many positives, any number of negatives from least to
        most will do. Tests without a hit are passed over.
    """
    (a_low, a_high), (p_low, p_high), (r_low, r_high) = map(bounds, (accuracy, precision, recall))
    f1_low, f1_high = widened(f1, within)
    hits = np.arange(1, limit + 1)
    false, missed = _misses(hits, p_low, p_high, limit), _misses(hits, r_low, r_high, limit)
    wrong_of_both = _misses(2 * hits, f1_low, f1_high, 2 * limit)
    rows = np.column_stack([hits, *false, *missed, *wrong_of_both])
    some = (rows[:, 1] <= rows[:, 2]) & (rows[:, 3] <= rows[:, 4])
    for tp, fp_least, fp_most, fn_least, fn_most, wrong_least, wrong_most in rows[some].tolist():
        for fp in range(fp_least, fp_most + 1):
            last = min(fn_most, limit - tp - fp, wrong_most - fp)
            for fn in range(max(fn_least, wrong_least - fp), last + 1):
                wrong = fp + fn
                most = limit if a_high >= 1 else min(floor(wrong / (1 - a_high)), limit)
                least = max(ceil(wrong / (1 - a_low)), tp + wrong)
                if least <= most:
                    yield tp + fn, least - tp - fn, most - tp - fn


def _misses(hits, low, high, limit):
    """(least, most) misses beside each count of hits, together at most `limit`, with the share of
    hits from low to high, Fractions: in whole numbers, for dividing fractions is slow."""
    most = limit if low <= 0 else hits * low.denominator // low.numerator
    least = -(hits * high.denominator // -high.numerator)
    return np.maximum(least, hits) - hits, np.minimum(most, limit) - hits


def widened(printed, within):
    """(low, high) of a printed number that may be so many units of its last decimal off."""
    low, high = bounds(printed)
    more = max(within - Fraction(1, 2), 0) * (high - low)
    return low - more, high + more


def chance_of_classes(rows, fitting, size, printed=10_001):
    """Expected number of pairs of class sizes, together up to `size`, that fit so many rows.

    Args:
        rows: how many made-up rows of precision and recall. fitting: how many of them fit.
        printed: how many values a figure can have.
    """
    total = 0.0
    for images in range(2, size + 1):
        positives = np.arange(1, images)
        # Either of two figures may be the recall, whose whole counts number one more than the
        # positives; the other one then depends on the false positives.
        hit = np.minimum(1, 2 * (positives + 1.0) * (images - positives + 1) / printed**2)
        total += stats.binom.sf(fitting - 1, rows, hit).sum()
    return float(total)
