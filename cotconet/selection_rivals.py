"""Other ways to choose features, judged like the sine cosine selector and as often (C27)."""

import numpy as np
from sklearn.feature_selection import mutual_info_classif
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.preprocessing import StandardScaler
from sklearn.svm import l1_min_c

from cotconet.wrapper import WrapperSelector

# Strengths of the L1 path, from the one at which the first feature enters to this many times that.
STRENGTHS, WEAKEST = 10, 100.0


class RandomSelector(WrapperSelector):
    """Judge random sets of features, of all sizes, and keep the best.

    Args:
        evaluations: sets judged; 1,500 as SineCosineSelector's default.
        estimator, n_neighbors, weight, max_samples, threads, random_state: see WrapperSelector.
    """

    def __init__(
        self, evaluations=1500, estimator="knn", n_neighbors=5, weight=0.99,
        max_samples=(2000, 1000), threads=1, random_state=None,
    ):  # fmt: skip
        self.evaluations = evaluations
        self.estimator = estimator
        self.n_neighbors = n_neighbors
        self.weight = weight
        self.max_samples = max_samples
        self.threads = threads
        self.random_state = random_state

    def _search(self, judge, X, y, rng):
        for _ in range(self.evaluations):
            mask = rng.random(X.shape[1]) < rng.random()
            if not mask.any():
                mask[rng.integers(len(mask))] = True
            judge(mask)


class RankingSelector(WrapperSelector):
    """Rank the features on the samples that teach; judge the best 1, 2, ..., keep the best number.

    Args:
        ranking: "mutual information" with the class, each feature alone; or "l1", the order in
            which features enter the L1 path of a logistic regression on standardised features.
        evaluations: numbers of features judged, evenly spread where there are more features.
        estimator, n_neighbors, weight, max_samples, threads, random_state: see WrapperSelector.
    """

    def __init__(
        self, ranking="mutual information", evaluations=1500, estimator="knn", n_neighbors=5,
        weight=0.99, max_samples=(2000, 1000), threads=1, random_state=None,
    ):  # fmt: skip
        self.ranking = ranking
        self.evaluations = evaluations
        self.estimator = estimator
        self.n_neighbors = n_neighbors
        self.weight = weight
        self.max_samples = max_samples
        self.threads = threads
        self.random_state = random_state

    def _search(self, judge, X, y, rng):
        if self.ranking not in RANKINGS:
            raise ValueError(f"ranking={self.ranking!r}: give one of {', '.join(RANKINGS)}")
        order = RANKINGS[self.ranking](X, y, int(rng.integers(1 << 31)))
        numbers = np.linspace(1, len(order), min(self.evaluations, len(order))).round().astype(int)
        for number in numbers:
            mask = np.zeros(len(order), bool)
            mask[order[:number]] = True
            judge(mask)


def mutual_information(X, y, seed):
    """Features from the most informative on, int (features,)."""
    return np.argsort(-mutual_info_classif(X, y, random_state=seed), kind="stable")


def l1_path(X, y, seed):
    """Features in the order in which they enter an L1 path; those of one step by their weight."""
    X = StandardScaler().fit_transform(X)
    first = min(l1_min_c(X, y == label, loss="log") for label in np.unique(y))
    entered = np.full(X.shape[1], STRENGTHS)
    weight = np.zeros(X.shape[1])
    for number, strength in enumerate(np.geomspace(first, first * WEAKEST, STRENGTHS)):
        model = LogisticRegression(
            l1_ratio=1, solver="liblinear", C=strength, random_state=seed, tol=1e-3
        )
        model = OneVsRestClassifier(model).fit(X, y)
        size = np.max([np.abs(each.coef_[0]) for each in model.estimators_], axis=0)
        new = (size > 0) & (entered == STRENGTHS)
        entered[new], weight[new] = number, size[new]
    return np.lexsort((-weight, entered))


RANKINGS = {"mutual information": mutual_information, "l1": l1_path}
