"""What all selectors share: sets of features judged on a part of the training samples."""

import warnings
from math import isfinite
from numbers import Integral, Real

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, clone
from sklearn.feature_selection import SelectorMixin
from sklearn.model_selection import StratifiedGroupKFold, train_test_split
from sklearn.svm import SVC
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from cotconet.given import subjects
from cotconet.neighbours import HoldoutNeighbours
from smears import InputError

# A third of the training samples judges. # C26
FOLDS = 3


class WrapperSelector(SelectorMixin, BaseEstimator):
    """Search for a set of features with little error and few features, on training samples alone.

    A third of the samples given to `fit` is held out (all of a subject on one side, where there
    are groups); an estimator learns from the others. Fitness, the lower the better, is
    `weight * error + (1 - weight) * share of features kept`.

    Args of every selector:
        estimator: "knn", k nearest neighbours on the features as they are (a fast path of our
            own), "svc", scikit-learn's support vector machine with its defaults, or any of its
            classifiers, cloned and fitted for each set.
        n_neighbors: k for "knn".
        weight: of the error, from 0 to 1.
        max_samples: two numbers, the most samples to learn from and to judge by, drawn once.
        threads: of the linear algebra; None leaves it alone. More than 1 pays for thousands of
            samples on a machine with nothing else to do.
        random_state: int, RandomState or None.

    Attributes:
        support_: bool (features,), the best set seen, never empty.
        n_evaluations_: sets judged. convergence_curve_: float (n_evaluations_,), the least
            fitness after each. history_: DataFrame with a row a set judged: fitness, error, kept
            (number of features), local (whether by local search).
        inner_train_, inner_valid_: int arrays, the samples of fit that taught and judged.
        n_features_in_, feature_names_in_: as in scikit-learn.

    An interrupted fit leaves all these as they are at that moment, and raises.
    """

    def fit(self, X, y, groups=None, judges=None):
        """Search.

        Args:
            X: float (n, features), training samples alone. y: class labels (n,).
            groups: str (n,), the subject of each sample, "", None or NaN = unknown; None instead
                of all: none known.
            judges: bool (n,), the samples that may judge; the others, synthetic ones, teach,
                unless they are of a subject that judges. None: all may.

        Raises:
            ValueError: NaN, or a setting that `check_settings` refuses.
            InputError: one class, one that cannot stand on both sides of the inner split (one
                sample, or one subject), or groups of another length.
        """
        X, y = validate_data(self, X, y, ensure_min_samples=2)
        check_classification_targets(y)
        self.check_settings(len(np.unique(y)))
        state = check_random_state(self.random_state)
        rng = np.random.default_rng(state.randint(1 << 31, size=4))
        train, valid = _sides(y, groups, judges, rng)
        train = _draw(train, y, self.max_samples[0], rng)
        valid = _draw(valid, y, self.max_samples[1], rng)
        self.inner_train_, self.inner_valid_ = train, valid
        with (
            threadpool_limits(self.threads),
            tqdm(desc=type(self).__name__, unit="evaluation", leave=None) as bar,
        ):
            judge = Judge(self._errors(X[train], y[train], X[valid], y[valid]), self.weight, bar)
            try:
                self._search(judge, X[train], y[train], rng)
            finally:
                if judge.best is not None:
                    self.support_ = judge.best
                    self.history_ = judge.history()
                    self.convergence_curve_ = np.minimum.accumulate(self.history_["fitness"])
                    self.convergence_curve_ = self.convergence_curve_.to_numpy()
                    self.n_evaluations_ = len(self.history_)
        return self

    def check_settings(self, classes):
        """Refuse settings with which a search of so many classes means nothing.

        Raises:
            ValueError: it names the setting, what was given and what may be.
        """
        for name in ("population", "iterations", "evaluations", "n_neighbors"):
            if not whole(getattr(self, name, 1), 1):
                self._refuse(name, "1 or more, a whole number")
        if self.threads is not None and not whole(self.threads, 1):
            self._refuse("threads", "1 or more, a whole number, or None")
        if not among(self.weight, 0, 1):
            self._refuse("weight", "a number from 0 to 1")
        if not pair(self.max_samples) or not all(whole(n, classes) for n in self.max_samples):
            self._refuse(
                "max_samples",
                f"two whole numbers, to learn from and to judge by; each must be {classes} or "
                "more, one of each class",
            )

    def _refuse(self, name, rule):
        raise ValueError(f"{name}={getattr(self, name)!r}: must be {rule}")

    def _errors(self, X_train, y_train, X_valid, y_valid):
        """The share of wrong predictions for any set of features, as `Judge` asks for it."""
        estimator = self.estimator
        if isinstance(estimator, str):
            if estimator == "knn":
                return HoldoutNeighbours(X_train, y_train, X_valid, y_valid, self.n_neighbors)
            estimator = {"svc": SVC()}.get(estimator)
        if not hasattr(estimator, "fit"):
            raise ValueError(f"estimator={self.estimator!r}: give 'knn', 'svc' or a classifier")

        return _Refits(estimator, X_train, y_train, X_valid, y_valid)

    def _get_support_mask(self):
        check_is_fitted(self, "support_")
        return self.support_

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        return tags


def among(value, least, most=float("inf")):
    """Whether a value is one finite number, neither below the least nor above the most."""
    return isinstance(value, Real) and isfinite(value) and least <= value <= most


def whole(value, least):
    """Whether a value is an integer, not below the least."""
    return isinstance(value, Integral) and value >= least


def pair(value):
    """Whether a value is a sequence of two."""
    return np.ndim(value) == 1 and len(value) == 2


class _Refits:
    """Hold-out error of an estimator that is fitted anew for each set of features."""

    def __init__(self, estimator, X_train, y_train, X_valid, y_valid):
        self.estimator = estimator
        self.train, self.valid = (X_train, y_train), (X_valid, y_valid)

    def error(self, mask):
        """Share of wrong predictions under a bool mask (features,)."""
        X, y = self.train
        model = clone(self.estimator).fit(X[:, mask], y)
        X, y = self.valid
        return np.mean(model.predict(X[:, mask]) != y)

    def near(self, start, masks):
        """Yield the error of each mask; that they are near another one saves nothing here."""
        yield from map(self.error, masks)


class Judge:
    """Fitness of sets of features; remembers every one and the best.

    Args:
        errors: has `error(mask)`, an error in 0..1, and `near(start, masks)`, which yields that of
            each mask near another one (`HoldoutNeighbours`). weight: of the error.
        bar: tqdm bar to move.
    """

    def __init__(self, errors, weight, bar):
        self.errors, self.weight, self.bar = errors, weight, bar
        self.best, self.least, self.rows = None, np.inf, []

    def __call__(self, mask):
        """Fitness of a bool mask (features,)."""
        return self._noted(mask, self.errors.error(mask), local=False)

    def near(self, start, masks):
        """Yield the fitness of each mask near another one; those not asked for do not count."""
        for mask, error in zip(masks, self.errors.near(start, masks), strict=True):
            yield self._noted(mask, error, local=True)

    def _noted(self, mask, error, local):
        kept = int(np.count_nonzero(mask))
        fitness = float(self.weight * error + (1 - self.weight) * kept / len(mask))
        self.rows.append((fitness, error, kept, local))
        if fitness < self.least:
            self.best, self.least = mask.copy(), fitness
        self.bar.update()
        return fitness

    def history(self):
        """DataFrame, a row a judged set."""
        return pd.DataFrame(self.rows, columns=["fitness", "error", "kept", "local"])


def _sides(y, groups, judges, rng):
    """`inner_split` of the samples that may judge; the others join those that teach.

    Those of a subject that judges, changed copies of its pictures say, do neither.
    """
    if judges is None:
        return inner_split(y, groups, rng)
    judges = np.asarray(judges, bool)
    if judges.shape != (len(y),):
        raise ValueError(f"judges has the shape {judges.shape}, but there are {len(y)} samples")
    if not judges.any():
        raise ValueError("judges is False for every sample: some must judge")
    rows, others = np.flatnonzero(judges), np.flatnonzero(~judges)
    own = None if groups is None else subjects(groups, len(y))
    sides = inner_split(np.asarray(y)[rows], None if own is None else own[rows], rng)
    train, valid = (rows[side] for side in sides)
    if own is not None:
        known = own[valid][own[valid] != ""]
        others = others[~np.isin(own[others], known)]
    return np.sort(np.concatenate([train, others])), valid


def inner_split(y, groups, rng):
    """Split samples into two thirds that teach and one that judges, each with every class.

    Args:
        y: labels (n,). groups: str (n,) or None. rng: numpy Generator.

    Returns:
        (indices that teach, indices that judge), int arrays, sorted.

    Raises:
        InputError: one class, a class that cannot be on both sides, or groups of another length.
    """
    classes, codes, counts = np.unique(y, return_inverse=True, return_counts=True)
    if len(classes) < 2:
        raise InputError(f"y has one class, {classes[0]}: selection needs two classes or more")
    if counts.min() < 2:
        raise InputError(
            f"class {classes[counts.argmin()]} has one sample: selection needs two or more of "
            "each class, one to learn from and one to judge by"
        )
    seed = int(rng.integers(1 << 31))
    everything = np.arange(len(y))
    if groups is None:
        size = min(max(round(len(y) / FOLDS), len(classes)), len(y) - len(classes))
        parts = train_test_split(everything, test_size=size, stratify=codes, random_state=seed)
        return np.sort(parts[0]), np.sort(parts[1])
    groups = subjects(groups, len(y))
    unit = np.where(groups == "", -1 - everything, pd.factorize(groups)[0])
    folds = min(FOLDS, len(np.unique(unit)), counts.max())
    best, far = None, np.inf
    if folds > 1:
        splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
        with warnings.catch_warnings():
            # "least populated class": whether both sides have it is looked at here.
            warnings.simplefilter("ignore", UserWarning)
            for train, valid in splitter.split(codes, codes, unit):
                both = all(len(np.unique(codes[part])) == len(classes) for part in (train, valid))
                if both and abs(len(valid) / len(y) - 1 / FOLDS) < far:
                    best, far = (train, valid), abs(len(valid) / len(y) - 1 / FOLDS)
    if best is None:
        raise InputError(
            "no inner split has every class on both sides: selection by subject needs two "
            "subjects or more of each class. Give more subjects, or groups=None."
        )
    return best


def _draw(index, y, most, rng):
    """At most so many of the indices, each class in proportion, sorted."""
    if len(index) <= most:
        return index
    index = rng.permutation(index)
    place = pd.Series(y[index]).groupby(y[index])
    share = (place.cumcount() / place.transform("size")).to_numpy()
    return np.sort(index[np.argsort(share, kind="stable")[:most]])
