"""Scores against scikit-learn on random predictions, and cases worked out by hand."""

import warnings

import numpy as np
import pytest
from sklearn import metrics as reference

from smears import metrics


def _labels(seed, classes=5, count=120, absent=0):
    """True and said labels; `absent` classes occur in neither, one more in the truth alone."""
    rng = np.random.default_rng(seed)
    true = rng.choice(classes - absent, count, p=rng.dirichlet(np.ones(classes - absent)))
    said = np.where(rng.random(count) < 0.6, true, rng.integers(0, classes - absent, count))
    if absent:
        said[said == 0] = 1
    return true, said


def _matrix(true, said):
    return reference.confusion_matrix(true, said, labels=range(5))


REFERENCES = {
    "accuracy": reference.accuracy_score,
    "balanced_accuracy": reference.balanced_accuracy_score,
    "kappa": reference.cohen_kappa_score,
    "mcc": reference.matthews_corrcoef,
    **{
        f"{name}_{average}": lambda true, said, score=score, average=average: score(
            true, said, average=average, zero_division=0
        )
        for name, score in (
            ("precision", reference.precision_score),
            ("recall", reference.recall_score),
            ("f1", reference.f1_score),
        )
        for average in ("macro", "weighted")
    },
}


@pytest.mark.parametrize("name", REFERENCES)
@pytest.mark.parametrize("absent", [0, 1, 2])
def test_scores_equal_scikit_learn_s(name, absent):
    for seed in range(12):
        true, said = _labels(seed, absent=absent)
        found = metrics.from_confusion(_matrix(true, said))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # scikit-learn's, about classes without truth
            expected = REFERENCES[name](true, said)
        assert found[name] == pytest.approx(expected, abs=1e-12)


def test_every_score_has_a_reference():
    assert set(metrics.from_confusion(np.eye(3))) == set(REFERENCES)


def test_scores_worked_out_by_hand():
    # Class 0: 8 of 10 right; class 1: 3 of 5 right; said 0: 10, said 1: 5.
    found = metrics.from_confusion([[8, 2], [2, 3]])
    assert found["accuracy"] == pytest.approx(11 / 15)
    assert found["precision_macro"] == pytest.approx((8 / 10 + 3 / 5) / 2)
    assert found["f1_macro"] == pytest.approx((0.8 + 0.6) / 2)
    assert found["f1_weighted"] == pytest.approx((0.8 * 10 + 0.6 * 5) / 15)
    # By chance (10 * 10 + 5 * 5) / 15² = 5 / 9 would agree.
    assert found["kappa"] == pytest.approx((11 / 15 - 5 / 9) / (4 / 9))
    assert found["mcc"] == pytest.approx((8 * 3 - 2 * 2) / (10 * 5 * 10 * 5) ** 0.5)


def test_a_class_that_is_never_said_has_precision_nought_and_one_that_is_nowhere_is_left_out():
    found = metrics.from_confusion([[4, 0, 0], [2, 0, 0], [0, 0, 0]])
    assert found["precision_macro"] == pytest.approx((4 / 6 + 0) / 2)
    assert found["recall_macro"] == pytest.approx((1 + 0) / 2)
    assert found["f1_macro"] == pytest.approx((0.8 + 0) / 2)


def test_a_class_that_occurs_once_counts_as_one_that_occurs():
    for true, said in (([0, 0, 1], [0, 0, 0]), ([0, 0, 0], [0, 0, 1])):
        found = metrics.from_confusion(reference.confusion_matrix(true, said, labels=[0, 1, 2]))
        for name in ("precision_macro", "recall_macro", "f1_macro"):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                assert found[name] == pytest.approx(REFERENCES[name](true, said)), name


@pytest.mark.parametrize("positive", [0, 1])
def test_scores_of_two_classes_equal_scikit_learn_s(positive):
    rng = np.random.default_rng(positive)
    for _ in range(20):
        true, said = rng.integers(0, 2, (2, 30))
        matrix = reference.confusion_matrix(true, said, labels=[0, 1])
        precision, recall, f1, _ = reference.precision_recall_fscore_support(
            true, said, average="binary", pos_label=positive
        )
        expected = {
            "accuracy": (true == said).mean(), "precision": precision, "recall": recall, "f1": f1,
            "specificity": reference.recall_score(true, said, pos_label=1 - positive),
        }  # fmt: skip
        assert metrics.binary(matrix, positive) == pytest.approx(expected)
    many = metrics.binary(np.stack([matrix, matrix.T]), positive)
    assert many["recall"].tolist() == many["precision"][::-1].tolist()


def test_of_two_classes_one_that_is_never_said_or_never_there():
    found = metrics.binary(np.array([[0, 5], [0, 7]]), 0)
    assert (found["precision"], found["recall"], found["f1"]) == (0, 0, 0)
    assert found["specificity"] == 1
    one = metrics.binary(np.array([[1, 0], [0, 0]]), 0)
    assert (one["precision"], one["f1"]) == (1, 1)
    assert np.isnan(one["specificity"])


def test_many_matrices_are_scored_at_once_each_as_alone():
    rng = np.random.default_rng(0)
    many = rng.integers(0, 9, (3, 4, 5, 5))
    found = metrics.from_confusion(many)
    for name, values in found.items():
        assert values.shape == (3, 4)
        alone = metrics.from_confusion(many[1, 2])[name]
        assert values[1, 2] == pytest.approx(alone, nan_ok=True)


def test_nothing_gives_nan_and_no_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = metrics.from_confusion(np.zeros((3, 3)))
    for name in ("accuracy", "f1_macro", "balanced_accuracy", "kappa"):
        assert np.isnan(found[name]), name


@pytest.mark.parametrize("seed", range(5))
def test_scores_of_each_class_equal_scikit_learn_s(seed):
    true, said = _labels(seed)
    said[said == 4] = 0  # a class that is never said
    expected = reference.precision_recall_fscore_support(
        true, said, labels=range(5), zero_division=0
    )
    for name, values in zip(("precision", "recall", "f1"), expected, strict=False):
        found = [metrics.of_class(_matrix(true, said), number, name) for number in range(5)]
        known = np.where(np.bincount(true, minlength=5) > 0, values, np.nan)
        np.testing.assert_allclose(found, known, atol=1e-12, err_msg=name)


def test_roc_areas_equal_scikit_learn_s_and_are_nan_for_a_class_without_pictures():
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 3, 80)
    probabilities = rng.dirichlet([1, 1, 1, 1], 80)
    curves = metrics.roc(labels, probabilities)
    for number in range(3):
        area = reference.roc_auc_score(labels == number, probabilities[:, number])
        assert curves[number][2] == pytest.approx(area)
        assert np.trapezoid(curves[number][1], curves[number][0]) == pytest.approx(area)
    assert np.isnan(curves[3][2])


def test_a_perfect_ranking_has_area_one_and_its_reverse_nought():
    labels = np.array([0, 0, 1, 1])
    ranked = np.array([[0.9, 0.1], [0.8, 0.2], [0.3, 0.7], [0.2, 0.8]])
    assert [curve[2] for curve in metrics.roc(labels, ranked)] == [1, 1]
    assert [curve[2] for curve in metrics.roc(labels, ranked[:, ::-1])] == [0, 0]


def test_calibration_error_worked_out_by_hand():
    # Two of four right at confidence 0.9, one of one at 0.6: (4 * 0.4 + 1 * 0.4) / 5.
    probabilities = np.array([[0.9, 0.1]] * 4 + [[0.4, 0.6]])
    labels = np.array([0, 0, 1, 1, 1])
    assert metrics.calibration_error(labels, probabilities) == pytest.approx(0.4)


def test_calibration_error_of_a_sure_and_right_model_is_nought():
    assert metrics.calibration_error(np.array([1, 0]), np.eye(2)[[1, 0]]) == 0


def test_calibrated_probabilities_have_a_small_calibration_error_and_sharpened_ones_a_large_one():
    rng = np.random.default_rng(2)
    probabilities = rng.dirichlet([1, 1, 1], 20000)
    labels = (rng.random(20000)[:, None] > probabilities.cumsum(1)).sum(1)
    sharp = probabilities**4 / (probabilities**4).sum(1, keepdims=True)
    assert metrics.calibration_error(labels, probabilities) < 0.02
    assert metrics.calibration_error(labels, sharp) > 0.15


def test_a_sure_answer_stands_in_the_last_bin():
    # Sure and right beside nearly sure and wrong: one bin, whose gap is that of both.
    found = metrics.calibration_error(np.array([0, 1]), np.array([[1.0, 0.0], [0.96, 0.04]]))
    assert found == pytest.approx(abs(1.96 - 1) / 2)


def test_confidences_are_told_apart_in_fifteen_bins():
    # 0.65 lies below 10/15 and 0.68 above: one is 0.35 too low, the other 0.68 too high.
    probabilities = np.array([[0.65, 0.35], [0.68, 0.32]])
    found = metrics.calibration_error(np.array([0, 1]), probabilities)
    assert found == pytest.approx((0.35 + 0.68) / 2)
