"""What a fit is given: checked, its texts named, a fifth of the pictures held out."""

import hashlib
import json
import tempfile
from contextlib import contextmanager
from copy import copy
from pathlib import Path

import numpy as np
import pandas as pd

from cotconet import preparation
from smears import InputError


def name_of(texts):
    """16 hexadecimal digits that name a sequence of texts."""
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()[:16]


def units(groups):
    """Groups in which every picture of an unknown subject is alone."""
    return np.array([name or f"picture {n}" for n, name in enumerate(groups)])


def subjects(groups, count):
    """The subject of each sample as text, "" where it is unknown.

    Args:
        groups: (n,), of any labels; None and NaN, as pandas has what is missing, are unknown.
        count: n, of samples.

    Returns:
        str (n,).

    Raises:
        InputError: another number of them.
    """
    groups = np.asarray(groups, object)
    if groups.shape != (count,):
        raise InputError(f"groups has the shape {groups.shape}, but there are {count} samples")
    return np.where(pd.isna(groups), "", groups).astype(str)


def plain(method):
    """Make NumPy's scalars among an estimator's arguments Python's own, which JSON can hold.

    Labels and seeds often come out of arrays. The values stay equal, in lists and dicts too.

    Args:
        method: estimator; its `cache` and `weights`, which may be paths, are left alone.

    Raises:
        ValueError: an argument that JSON cannot hold.
    """
    for name, value in method.get_params(deep=False).items():
        if name in ("cache", "weights"):
            continue
        known = _plain(value)
        try:
            json.dumps(known)
        except TypeError as problem:
            raise ValueError(f"{name}={value!r}: plain values only ({problem})") from problem
        setattr(method, name, known)


def _plain(value):
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, dict):
        return {_plain(name): _plain(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(map(_plain, value))
    return value


def accepted(method, pictures, y, groups, validation):
    """Check what a method's `fit` was given; sets its `classes_` and `positive_`.

    Args:
        method: estimator with `positive` and `random_state`. Others: as for `CoTCoNet.fit`.

    Returns:
        (pictures, y, groups, validation); a fifth, whole subjects, where no validation was given.

    Raises:
        InputError: not one label a picture, not two classes, unequal lengths, no validation
            picture, or a positive class that is none of them.
    """
    y = np.asarray(y)
    if len(y) != len(pictures) or len(y) == 0:
        raise InputError(f"{len(pictures)} pictures, but {len(y)} labels")
    if y.ndim != 1:
        raise InputError(f"y has the shape {y.shape}: give one label a picture, (n,)")
    groups = np.full(len(y), "") if groups is None else subjects(groups, len(y))
    if validation is not None and not len(validation[0]) == len(validation[1]) > 0:
        raise InputError(
            f"validation has {len(validation[0])} pictures and {len(validation[1])} labels: give "
            "as many, not none; or None, to have a fifth held out"
        )
    if validation is None:
        pictures, y, groups, validation = held_out(pictures, y, groups, method.random_state)
    classes = method.classes_ = np.unique(y)
    if len(classes) != 2:
        raise InputError(
            f"{type(method).__name__} tells two classes apart; these are {len(classes)}: "
            f"{', '.join(map(str, classes))}."
        )
    names = classes.tolist()
    if method.positive is not None and method.positive not in names:
        raise InputError(f"positive={method.positive!r} is none of {names}")
    method.positive_ = classes[1 if method.positive is None else names.index(method.positive)]
    return pictures, y, groups, validation


@contextmanager
def passing(method):
    """A fitted method whose predictions store what they need in between for one call alone.

    Yields the method itself where it has a `cache`; else a shallow copy of it whose folder is
    gone at the end, for explanations ask for thousands of pictures that are never seen again.
    """
    if method.cache is not None:
        yield method
        return
    # Windows deletes no file that is still mapped.
    with tempfile.TemporaryDirectory(prefix="prediction-", ignore_cleanup_errors=True) as folder:
        own = copy(method)
        own._root = Path(folder)
        yield own


def held_out(pictures, y, groups, seed):
    """Keep a fifth for validation, whole subjects: (pictures, y, groups, (pictures, y)).

    Args: as `CoTCoNet.fit`, all as arrays but the pictures; seed: of the choice.

    Raises:
        InputError: no such fifth, nor a larger share, leaves every class on both sides.
    """
    from sklearn.model_selection import StratifiedGroupKFold

    apart, classes = units(groups), len(np.unique(y))
    most = min(5, len(np.unique(apart)), *np.unique(y, return_counts=True)[1])
    for count in range(most, 1, -1):
        folds = StratifiedGroupKFold(count, shuffle=True, random_state=seed)
        for train, held in folds.split(y, y, apart):
            if min(len(np.unique(y[part])) for part in (train, held)) == classes:
                return taken(pictures, train), y[train], groups[train], (
                    taken(pictures, held), y[held],
                )  # fmt: skip
    raise InputError(
        "too few subjects or pictures of a class to hold some out for validation: give validation, "
        "or two subjects or more of each class."
    )


def taken(pictures, rows):
    """These rows of pictures: of files, as files."""
    if isinstance(pictures, preparation.Files):
        return pictures.take(rows)
    return [pictures[row] for row in rows]
