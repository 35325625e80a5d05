"""Share groups of pictures out over folds so that each fold has its share of every class."""

import numpy as np


def spread(code, unit, count, seed):
    """The fold of each row, as scikit-learn's StratifiedGroupKFold shuffles and shares them.

    Its rule, without its Python loops over classes and rows: ten times as fast, which counts
    where every picture is a group of its own and `smears.splits` tries twenty shuffles. Groups
    that are most uneven in their classes come first; each goes into the fold that leaves the
    class shares of all folds least apart, of equally good ones into the emptiest.

    Args:
        code: integer class of each row (n,), every class 0..k-1 present.
        unit: group of each row (n,).
        count: number of folds. seed: of the shuffle.

    Returns:
        Integer array (n,), 0..count-1.
    """
    sizes = np.bincount(code)
    unit = np.unique(unit, return_inverse=True)[1]
    own = np.zeros((unit.max() + 1, len(sizes)))
    np.add.at(own, (unit, code), 1)
    order = np.arange(len(own))
    np.random.RandomState(seed).shuffle(order)  # scikit-learn draws so
    order = order[np.argsort(-own[order].std(axis=1), kind="stable")]
    held = np.zeros((count, len(sizes)))
    into = np.eye(count)[:, :, None]
    fold = np.empty(len(own), int)
    for group in order:
        # Axes: the fold that the group is tried in, all folds, classes.
        tried = (held + into * own[group]) / sizes
        apart = tried.std(axis=1).mean(axis=1).tolist()
        full = held.sum(axis=1).tolist()
        best, least, fewest = 0, np.inf, np.inf
        for number in range(count):
            # np.isclose's tolerances.
            near = abs(apart[number] - least) <= 1e-8 + 1e-5 * abs(least)
            if apart[number] < least or (near and full[number] < fewest):
                best, least, fewest = number, apart[number], full[number]
        held[best] += own[group]
        fold[group] = best
    return fold[unit]
