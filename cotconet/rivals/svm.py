"""A support vector machine of two classes as plain arrays, so that a file of it runs no code."""

import numpy as np
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.svm import SVC


def fit(x, codes, C, gamma):
    """Train scikit-learn's SVC with a radial kernel, and keep its numbers.

    Args:
        x: float (n, d). codes: 0 or 1 (n,), both present.
        C: of SVC. gamma: of SVC, a number or "scale".

    Returns:
        Dict of float arrays: vectors (s, d), weights (s,), offset (), gamma ().
    """
    machine = SVC(C=C, gamma=gamma).fit(x, codes)
    # "scale" as SVC has it; the fitted number is not public.
    number = 1 / (x.shape[1] * (x.var() or 1.0)) if gamma == "scale" else gamma
    return {
        "vectors": machine.support_vectors_, "weights": machine.dual_coef_[0],
        "offset": machine.intercept_[0], "gamma": np.float64(number),
    }  # fmt: skip


def decide(arrays, x, rows=1024):
    """The decision function of `fit`'s arrays, float (n,): above 0 is label 1.

    Args:
        x: float (n, d). rows: computed at a time.
    """
    x, vectors = np.asarray(x, np.float64), arrays["vectors"]
    found = np.empty(len(x))
    for start in range(0, len(x), rows):
        part = x[start : start + rows]
        kernel = rbf_kernel(part, vectors, gamma=float(arrays["gamma"]))
        found[start : start + rows] = kernel @ arrays["weights"] + arrays["offset"]
    return found
