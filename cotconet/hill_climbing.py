"""Adaptive beta-hill climbing (Al-Betar et al. 2019; Eq. 16-17) on sets of features."""

import numpy as np

# Chance that the N operator flips a bit at N = 1: a tenth of the bits are considered, each flipped
# or not with equal chance (assumed). # C24
REACH = 0.05

# Largest share of bits that the legacy form flips, and its range of beta.
LEGACY_SHARE, LEGACY_BETA = 0.3, (0.1, 1.0)


def neighbourhood(t, limit, power=2):
    """N of Eq. 16, `1 - t^(1/P) / T_max^(1/P)`: from nearly 1 down to 0 at t = limit."""
    return 1 - (t / limit) ** (1 / power)


def exploration(t, limit, beta=(0.001, 0.01)):
    """beta of Eq. 17: from its least value at t = 0 linearly up to its largest at t = limit."""
    return beta[0] + t * (beta[1] - beta[0]) / limit


def change(size, n, beta, rng):
    """How a neighbour is made of a set of features, whichever set it is.

    Args:
        size: number of features. n, beta: of Eq. 16 and 17. rng: numpy Generator.

    Returns:
        (kept, turned), bool (features,): the neighbour is `(mask & kept) ^ turned`. Each bit is
        turned with chance n * REACH, at least one in all; then each is drawn anew with chance
        beta, on or off alike.
    """
    turned = rng.random(size) < n * REACH
    if not turned.any():
        turned[rng.integers(size)] = True
    kept = rng.random(size) >= beta
    fresh = (~kept).nonzero()[0]
    turned[fresh] = rng.random(len(fresh)) < 0.5
    return kept, turned


def legacy_change(size, beta, rng):
    """The form in the public codes of this family: a random number of bits, up to 30%, is turned,
    then each is put back with chance beta. So beta narrows the search there, and N has no part.
    """
    count = rng.integers(1, max(2, int(LEGACY_SHARE * size) + 1))
    turned = np.zeros(size, bool)
    turned[rng.choice(size, count, replace=False)] = True
    turned &= rng.random(size) >= beta
    return np.ones(size, bool), turned


def climb(
    mask, fitness, evaluate, rng, *, iterations=10, power=2, beta=(0.001, 0.01), legacy=False
):
    """Search around one set of features; a neighbour that is not worse takes its place.

    Args:
        mask: bool (features,), the start. fitness: its fitness, the lower the better.
        evaluate: function (mask, masks (n, features)) -> iterable of the fitness of masks near the
            first one. Of these some are asked for, in order: none after one that is not worse.
        rng: numpy Generator.
        iterations: T_max, fitnesses asked for in all; 0 gives the start back.
        power: P. beta: least and largest beta (`legacy`: LEGACY_BETA).
        legacy: neighbours by `legacy_change`.

    Returns:
        (mask, fitness) of where the search ended, never worse than the start.
    """
    changes, size = [], len(mask)
    for t in range(1, iterations + 1):
        if legacy:
            changes.append(legacy_change(size, exploration(t, iterations, LEGACY_BETA), rng))
        else:
            n = neighbourhood(t, iterations, power)
            changes.append(change(size, n, exploration(t, iterations, beta), rng))
    if not changes:
        return mask, fitness
    # The changes do not depend on where the search has come to, so those from one place can be
    # judged together.
    kept, turned = map(np.array, zip(*changes, strict=True))
    t = 0
    while t < iterations:
        found = (mask & kept[t:]) ^ turned[t:]
        for row in (~found.any(1)).nonzero()[0]:
            found[row, rng.integers(size)] = True
        for near, value in zip(found, evaluate(mask, found), strict=True):
            t += 1
            if value <= fitness:
                mask, fitness = near, value
                break
    return mask, fitness
