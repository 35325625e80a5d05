"""Scores as pure functions: from confusion matrices where they can be, else from probabilities.

Rows of a confusion matrix are true classes, columns predicted ones.
"""

import numpy as np
from sklearn.metrics import roc_auc_score, roc_curve


def from_confusion(matrix):
    """Scores of one or many confusion matrices.

    Args:
        matrix: array (..., k, k) of counts; leading axes are kept, so a bootstrap scores all
            its resamples at once.

    Returns:
        Dict of arrays (...): accuracy, balanced_accuracy, precision_macro, recall_macro,
        f1_macro, precision_weighted, recall_weighted, f1_weighted, kappa (Cohen), mcc
        (Matthews). Micro averages equal the accuracy. As in scikit-learn, a class that is never
        predicted has precision 0; a class that occurs neither as truth nor as prediction is left
        out of macro averages. NaN where nothing is defined.
    """
    matrix = np.asarray(matrix, float)
    hit = np.diagonal(matrix, axis1=-2, axis2=-1)
    true, said = matrix.sum(-1), matrix.sum(-2)
    total = true.sum(-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        recall = np.where(true > 0, hit / true, np.nan)
        there = true + said > 0
        zero_recall = np.where(there, np.nan_to_num(recall), np.nan)
        precision = np.where(there, np.where(said > 0, hit / said, 0.0), np.nan)
        f1 = np.where(there, 2 * hit / (true + said), np.nan)
        accuracy = hit.sum(-1) / total
        agree = (true * said).sum(-1) / total**2
        spread = np.sqrt((total**2 - (said**2).sum(-1)) * (total**2 - (true**2).sum(-1)))
        scores = {
            "accuracy": accuracy,
            "balanced_accuracy": _mean(recall),
            "precision_macro": _mean(precision),
            "recall_macro": _mean(zero_recall),
            "f1_macro": _mean(f1),
            "kappa": (accuracy - agree) / (1 - agree),
            "mcc": (hit.sum(-1) * total - (true * said).sum(-1)) / spread,
        }
        share = true / total[..., None]
        for name, value in (("precision", precision), ("recall", zero_recall), ("f1", f1)):
            scores[f"{name}_weighted"] = (np.nan_to_num(value) * share).sum(-1)
    return scores


def binary(matrix, positive):
    """Scores of one or many two-class confusion matrices, by one class's side.

    Args:
        matrix: array (..., 2, 2) of counts. positive: 0 or 1, the class that is looked for.

    Returns:
        Dict of arrays (...): accuracy, precision, recall (of the positive class), specificity
        (the other class's recall), f1. A class that is never predicted has precision 0; NaN
        where a class does not occur.
    """
    matrix = np.asarray(matrix, float)
    order = [positive, 1 - positive]
    matrix = matrix[..., order, :][..., order]
    tp, fn, fp, tn = (matrix[..., i, j] for i in (0, 1) for j in (0, 1))
    with np.errstate(invalid="ignore", divide="ignore"):
        return {
            "accuracy": (tp + tn) / matrix.sum((-1, -2)),
            "precision": np.where(tp + fp > 0, tp / (tp + fp), 0.0),
            "recall": tp / (tp + fn),
            "specificity": tn / (tn + fp),
            "f1": 2 * tp / (2 * tp + fp + fn),
        }


def of_class(matrix, number, name):
    """Precision, recall or F1 of one class of one or many confusion matrices.

    Args:
        matrix: array (..., k, k) of counts. number: the class. name: "precision", "recall", "f1".

    Returns:
        Array (...): NaN where no picture is of the class, precision 0 where none is said to be.
    """
    hit = matrix[..., number, number].astype(float)
    said, true = matrix[..., :, number].sum(-1), matrix[..., number, :].sum(-1)
    known = np.where(true > 0, 1.0, np.nan)
    out_of = {"precision": said, "recall": true, "f1": (said + true) / 2}[name]
    return known * hit / np.maximum(out_of, 1)


def _mean(values):
    """Mean over the last axis without NaN; NaN where all are."""
    known = ~np.isnan(values)
    with np.errstate(invalid="ignore"):
        return np.where(known, values, 0).sum(-1) / known.sum(-1)


def roc(labels, probabilities):
    """One-against-rest ROC curves.

    Args:
        labels: integer array (n,). probabilities: float array (n, k).

    Returns:
        List, one a class: (false positive rates, true positive rates, area under the curve);
        the area is NaN for a class without, or with nothing but, its own pictures.
    """
    curves = []
    for number in range(probabilities.shape[1]):
        own = labels == number
        if own.all() or not own.any():
            curves.append((np.array([0.0, 1.0]), np.array([0.0, 1.0]), float("nan")))
            continue
        false, true, _ = roc_curve(own, probabilities[:, number])
        curves.append((false, true, roc_auc_score(own, probabilities[:, number])))
    return curves


def calibration_error(labels, probabilities, bins=15):
    """Expected calibration error: mean gap of confidence and accuracy over equal-width bins.

    Guo et al. 2017, arXiv 1706.04599. Args as `roc`; returns a float in [0, 1].
    """
    confidence, right = probabilities.max(1), probabilities.argmax(1) == labels
    place = np.minimum((confidence * bins).astype(int), bins - 1)
    gaps = np.bincount(place, weights=confidence - right, minlength=bins)
    return float(np.abs(gaps).sum() / len(labels))
