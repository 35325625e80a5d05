"""What a printed number allows, against brute force and cases worked out by hand."""

from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import f1_score, precision_score, recall_score

from smears import rounding


@pytest.mark.parametrize(
    ("printed", "low", "high"),
    [
        ("0.95", "0.945", "0.955"),
        ("97.34%", "0.97335", "0.97345"),
        ("7", "6.5", "7.5"),
        ("1,180", "1179.5", "1180.5"),
        ("1.00", "0.995", "1.005"),
        ("-1.5", "-1.55", "-1.45"),
    ],
)
def test_bounds_are_half_a_unit_of_the_last_printed_decimal(printed, low, high):
    assert rounding.bounds(printed) == (Fraction(low), Fraction(high))


@pytest.mark.parametrize("printed", ["", "89 – 92", "76.00.1", "nan", "VGG19", "0.95 %%"])
def test_what_is_not_one_number_is_refused_by_name(printed):
    with pytest.raises(ValueError, match="not one printed number"):
        rounding.bounds(printed)


@pytest.mark.parametrize("size", [1, 7, 16, 49, 113, 784])
def test_every_share_that_python_prints_is_a_whole_count_of_its_own_size(size):
    for hits in range(size + 1):
        assert rounding.is_count(f"{hits / size:.4f}", size)
        assert rounding.is_count(f"{100 * hits / size:.2f}%", size)
        assert rounding.is_count(f"{100 * hits / size:.0f}%", size)


@pytest.mark.parametrize("size", [3, 16, 97])
def test_no_other_share_is_a_whole_count(size):
    printed = {f"{hits / size:.3f}" for hits in range(size + 1)}
    # At a tie both neighbours are allowed; Python prints one of them.
    ties = {k for k in range(1001) for h in range(size + 1) if 2 * abs(1000 * h - k * size) == size}
    for k in range(1001):
        text = f"{k / 1000:.3f}"
        assert rounding.is_count(text, size) == (text in printed or k in ties), text


def test_sizes_of_one_half_are_the_even_ones_and_those_large_enough_to_round_to_it():
    assert rounding.sizes(["0.5000"], 20) == list(range(2, 21, 2))
    assert rounding.sizes(["50.00%", "33.33%"], 40) == [6, 12, 18, 24, 30, 36]


def test_the_expected_number_of_sizes_agrees_with_made_up_figures():
    rng = np.random.default_rng(0)
    count = [
        len(rounding.sizes([f"{k / 1000:.3f}" for k in rng.integers(0, 1001, 3)], 60))
        for _ in range(1500)
    ]
    expected = rounding.chance_of_sizes(["0.123"] * 3, 60)
    assert np.mean(count) == pytest.approx(expected, abs=4 * np.std(count) / 1500**0.5)


def test_the_best_size_is_the_true_one_although_some_rows_are_of_others():
    rng = np.random.default_rng(3)
    printed = [f"{rng.integers(600, 849) / 849:.4f}" for _ in range(9)]
    printed += [f"{rng.uniform(0.6, 1):.4f}" for _ in range(3)]
    size, places, chance = rounding.best_size(printed, 2000)
    assert size == 849
    assert set(range(9)) <= set(places)
    assert chance < 1e-4


def test_the_best_size_of_made_up_figures_is_no_surprise():
    for seed in range(5):
        rng = np.random.default_rng(seed)
        printed = [f"{rng.uniform(0.6, 1):.4f}" for _ in range(12)]
        assert rounding.best_size(printed, 1000)[2] > 1e-3


def test_f1_of_one_class_lies_between_the_bounds_of_its_rounded_precision_and_recall():
    for tp, fp, fn in product((1, 5, 40), (0, 3, 17), (0, 2, 31)):
        p, r, f1 = tp / (tp + fp), tp / (tp + fn), 2 * tp / (2 * tp + fp + fn)
        low, high = rounding.f1_bounds(f"{p:.2f}", f"{r:.2f}", "one")
        assert low <= Fraction(f1).limit_denominator(1000) <= high
        # 2 (p² + r²) / (p + r)², at most 2, is how fast it grows with both.
        assert high - low < 0.0201


@pytest.mark.parametrize("average", ["macro", "weighted"])
@pytest.mark.parametrize("seed", range(8))
def test_mean_f1_of_any_predictions_lies_between_the_bounds(average, seed):
    rng = np.random.default_rng(seed)
    true = rng.choice(5, 200, p=[0.5, 0.2, 0.15, 0.1, 0.05])
    said = np.where(rng.random(200) < rng.uniform(0.2, 0.95), true, rng.integers(0, 5, 200))
    arguments = {"average": average, "zero_division": 0}
    p, r, f1 = (f(true, said, **arguments) for f in (precision_score, recall_score, f1_score))
    low, high = rounding.f1_bounds(f"{100 * p:.2f}%", f"{100 * r:.2f}%", "mean")
    assert float(low) <= f1 <= float(high)


def test_f1_of_an_unknown_average_is_refused():
    with pytest.raises(ValueError, match="'one' or 'mean'"):
        rounding.f1_bounds("0.9", "0.9", "macro")


def test_images_behind_a_recall_are_all_those_that_print_so():
    for errors, recall in product((1, 6, 7), ("0.89", "0.90", "0.5", "0.985")):
        decimals = len(recall) - 2
        fits = [n for n in range(errors, 3000) if f"{1 - errors / n:.{decimals}f}" == recall]
        low, high = rounding.images_behind(recall, errors)
        # The end points may be ties, which Python prints one way only.
        assert low in (fits[0], fits[0] - 1)
        assert high in (fits[-1], fits[-1] + 1)


def test_a_recall_that_may_be_one_bounds_the_images_from_below_only():
    assert rounding.images_behind("1.00", 2) == (400, None)


@pytest.mark.parametrize("df", [4, 17, 49, 123])
@pytest.mark.parametrize("sign", ["", "-"])
def test_degrees_of_freedom_are_found_again(df, sign):
    t = 1.4668
    p = 2 * stats.t.sf(t, df)
    found = rounding.degrees_of_freedom(f"{sign}{t}", f"{p:.4f}")
    assert df in found
    for other in found:
        assert 2 * stats.t.sf(t, other) == pytest.approx(p, abs=1.5e-4)


def test_no_degrees_of_freedom_give_an_impossible_p():
    assert rounding.degrees_of_freedom("1.4668", "0.0100") == []
    assert rounding.degrees_of_freedom("1.4668", "0.1488") == [49]


@pytest.mark.parametrize("seed", range(6))
def test_two_class_matrices_hold_the_one_behind_the_figures(seed):
    rng = np.random.default_rng(seed)
    tp, tn = rng.integers(20, 60), rng.integers(20, 80)
    fn, fp = 60 - tp, 80 - tn
    scores = ((tp + tn) / 140, tp / (tp + fp), tp / 60, 2 * tp / (2 * tp + fp + fn))
    found = rounding.two_class_matrices(*(f"{score:.4f}" for score in scores), 60, 80)
    assert (tp, fn, fp, tn) in found
    for a, b, c, d in found:
        again = ((a + d) / 140, a / (a + c), a / (a + b), 2 * a / (2 * a + b + c))
        assert again == pytest.approx(scores, abs=1.01e-4)


def test_two_class_matrices_of_impossible_figures_are_none():
    assert rounding.two_class_matrices("0.9000", "0.1000", "0.9000", "0.9000", 50, 50) == []


@pytest.mark.parametrize("seed", range(6))
def test_two_class_tests_are_all_that_print_so(seed):
    rng = np.random.default_rng(seed)
    positives, negatives = (int(size) for size in rng.integers(3, 12, 2))
    tp, fp = int(rng.integers(1, positives + 1)), int(rng.integers(0, negatives))

    def printed(tp, fp, positives, negatives):
        wrong = positives - tp + fp
        right = 1 - Fraction(wrong, positives + negatives)
        values = (right, Fraction(tp, tp + fp), Fraction(tp, positives),
                  Fraction(2 * tp, 2 * tp + wrong))  # fmt: skip
        return [f"{float(value):.3f}" for value in values]

    asked = printed(tp, fp, positives, negatives)
    naive = {
        (p, n)
        for p in range(1, 30) for n in range(31 - p)
        for hit in range(1, p + 1) for false in range(n + 1)
        if printed(hit, false, p, n) == asked
    }  # fmt: skip
    found = {
        (p, n)
        for p, least, most in rounding.two_class_tests(*asked, 30) for n in range(least, most + 1)
    }  # fmt: skip
    assert (positives, negatives) in found
    # Bounds allow a tie either way, Python prints one of them.
    assert naive <= found
    assert len(found - naive) <= 2


def test_a_test_without_errors_may_have_any_number_of_negatives():
    found = list(rounding.two_class_tests("1.0000", "1.0000", "1.0000", "1.0000", 5))
    assert [(p, least) for p, least, _ in found] == [(1, 0), (2, 0), (3, 0), (4, 0), (5, 0)]
    assert [p + most for p, _, most in found] == [5] * 5


def test_the_expected_number_of_class_sizes_agrees_with_made_up_figures():
    rng = np.random.default_rng(1)
    fits = 0
    for _ in range(200):
        # A row of another, larger test, whose figures know nothing of 20 images.
        tp, fp, fn = rng.integers(200, 900, 3)
        right = 1 - (fp + fn) / (tp + fp + fn + rng.integers(100, 900))
        figures = (right, tp / (tp + fp), tp / (tp + fn), 2 * tp / (2 * tp + fp + fn))
        texts = [f"{value:.2f}" for value in figures]
        ways = (texts, [texts[0], texts[2], texts[1], texts[3]])
        fits += len({
            (p, n) for way in ways for p, least, most in rounding.two_class_tests(*way, 12)
            for n in range(max(least, 1), most + 1)
        })  # fmt: skip
    assert fits / 200 <= rounding.chance_of_classes(1, 1, 12, printed=101)
