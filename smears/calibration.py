"""Temperature scaling: one number, fitted on the validation part, that corrects confidence."""

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import softmax

from smears import metrics
from smears.runs import classes_of

SMALLEST = 1e-12  # a probability of zero has no logarithm


def scale(probabilities, temperature):
    """Soften (temperature > 1) or sharpen (< 1) probabilities; the ranking stays.

    Guo et al. 2017, arXiv 1706.04599, section 4.2: softmax(logits / temperature). Logarithms of
    softmax outputs are logits but for a constant, which softmax ignores.

    Args:
        probabilities: float (n, k), rows that sum to 1. temperature: positive float.

    Returns:
        float64 (n, k), rows that sum to 1.
    """
    return softmax(np.log(np.maximum(probabilities, SMALLEST)) / temperature, axis=1)


def fit(labels, probabilities):
    """The temperature in 0.05..20 with the least negative log-likelihood.

    Where every prediction is right the likelihood grows with ever sharper probabilities, whatever
    they are: such pictures cannot show that the network was too modest, so none is below 1 then.

    Args:
        labels: integers (n,), n >= 1. probabilities: float (n, k).
    """
    least = 1.0 if (probabilities.argmax(1) == labels).all() else 0.05

    def loss(logarithm):
        found = scale(probabilities, np.exp(logarithm))[np.arange(len(labels)), labels]
        return -np.log(np.maximum(found, SMALLEST)).mean()

    return float(np.exp(minimize_scalar(loss, bounds=np.log([least, 20]), method="bounded").x))


def of(predictions):
    """Fit on the validation part of a predictions table, measure on its test part.

    Args:
        predictions: DataFrame as `smears.runs.read_predictions` gives it.

    Returns:
        Dict: temperature (1.0 without validation pictures), validation (number of pictures),
        error_before and error_after (expected calibration error on the test part; NaN without).
    """
    classes = classes_of(predictions)
    codes = predictions["label"].map({name: n for n, name in enumerate(classes)})
    known = codes.notna()
    parts = {}
    for part in ("validation", "test"):
        rows = known & (predictions["part"] == part)
        parts[part] = codes[rows].to_numpy(int), predictions.loc[rows, classes].to_numpy()
    labels, probabilities = parts["validation"]
    temperature = fit(labels, probabilities) if len(labels) else 1.0
    test, scores = parts["test"]
    before = after = float("nan")
    if len(test):
        before = metrics.calibration_error(test, scores)
        after = metrics.calibration_error(test, scale(scores, temperature))
    return {
        "temperature": temperature, "validation": len(labels), "error_before": before,
        "error_after": after,
    }  # fmt: skip
