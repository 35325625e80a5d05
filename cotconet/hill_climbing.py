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


def neighbour(mask, n, beta, rng):
    """A set of features near another one.

    Args:
        mask: bool (features,). n, beta: of Eq. 16 and 17. rng: numpy Generator.

    Returns:
        A new mask: each bit flipped with chance n * REACH, at least one in all; then each bit
        with chance beta drawn anew, on or off alike.
    """
    size = len(mask)
    flip = (rng.random(size) < n * REACH).nonzero()[0]
    found = mask.copy()
    found[flip if len(flip) else rng.integers(size)] ^= True
    fresh = (rng.random(size) < beta).nonzero()[0]
    found[fresh] = rng.random(len(fresh)) < 0.5
    return found


def legacy_neighbour(mask, beta, rng):
    """The form in the public codes of this family: a random number of bits, up to 30%, is flipped,
    then each is put back with chance beta. So beta narrows the search there, and N has no part.
    """
    size = len(mask)
    count = rng.integers(1, max(2, int(LEGACY_SHARE * size) + 1))
    flip = np.zeros(size, bool)
    flip[rng.choice(size, count, replace=False)] = True
    return mask ^ (flip & (rng.random(size) >= beta))


def climb(
    mask, fitness, evaluate, rng, *, iterations=10, power=2, beta=(0.001, 0.01), legacy=False
):
    """Search around one set of features; a neighbour that is not worse takes its place.

    Args:
        mask: bool (features,), the start. fitness: its fitness, the lower the better.
        evaluate: function mask -> fitness, called once an iteration.
        rng: numpy Generator.
        iterations: T_max. power: P. beta: least and largest beta (`legacy`: LEGACY_BETA).
        legacy: neighbours by `legacy_neighbour`.

    Returns:
        (mask, fitness) of where the search ended, never worse than the start.
    """
    for t in range(1, iterations + 1):
        if legacy:
            found = legacy_neighbour(mask, exploration(t, iterations, LEGACY_BETA), rng)
        else:
            found = neighbour(
                mask, neighbourhood(t, iterations, power), exploration(t, iterations, beta), rng
            )
        if not found.any():
            found[rng.integers(len(mask))] = True
        value = evaluate(found)
        if value <= fitness:
            mask, fitness = found, value
    return mask, fitness
