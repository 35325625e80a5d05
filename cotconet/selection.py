"""The sine cosine algorithm (Mirjalili 2016; Eq. 14-15) with local search, as a selector."""

import numpy as np

from cotconet.hill_climbing import climb
from cotconet.wrapper import WrapperSelector, among, pair, whole

# Positions stay within this of 0: at its ends the S-shaped transfer is nearly sure (0.25%, 99.75%).
BOUND = 6.0

TRANSFERS = ("s-shaped", "threshold")
LOCAL = ("adaptive", "legacy", None)


class SineCosineSelector(WrapperSelector):
    """Choose features by the sine cosine algorithm, the best set refined by hill climbing.

    In each iteration every agent's position (features,) becomes a set of features, the sets are
    judged (`WrapperSelector`), adaptive beta-hill climbing searches around the best one, and
    positions move to and fro around the best (stated). The paper gives no constants, no binary
    form and no fitness: defaults marked (assumed) below.  # C23 C25

    Args:
        population: agents. 20 (assumed).
        iterations: T. 50 (assumed).
        a: of Eq. 15. 2, which gives the paper's ranges of r1, +-1 and +-2 (derived).
        transfer: how a position in [-6, 6] becomes a bit. "s-shaped": on with chance
            1 / (1 + exp(-position)) (assumed); "threshold": on where above 0.
        local_search: "adaptive", Eq. 16-17; "legacy", as public codes of this family do it; or
            None.
        local_iterations: T_max, sets judged by local search in each iteration; 0 for none. 10
            (assumed).
        power: P of Eq. 16. 2 (assumed).
        beta: least and largest beta of Eq. 17. 0.001 and 0.01 (assumed: 0.1 would redraw 1,254 of
            12,544 features).
        estimator, n_neighbors, weight, max_samples, threads, random_state: see WrapperSelector;
            "knn", 5 and 0.99 as in common wrapper codes, 2,000 and 1,000 samples, one thread
            (assumed).

    Sets judged: iterations * (population + local_iterations), 1,500 by default.
    """

    def __init__(
        self,
        population=20,
        iterations=50,
        a=2.0,
        transfer="s-shaped",
        local_search="adaptive",
        local_iterations=10,
        power=2,
        beta=(0.001, 0.01),
        estimator="knn",
        n_neighbors=5,
        weight=0.99,
        max_samples=(2000, 1000),
        threads=1,
        random_state=None,
    ):
        self.population = population
        self.iterations = iterations
        self.a = a
        self.transfer = transfer
        self.local_search = local_search
        self.local_iterations = local_iterations
        self.power = power
        self.beta = beta
        self.estimator = estimator
        self.n_neighbors = n_neighbors
        self.weight = weight
        self.max_samples = max_samples
        self.threads = threads
        self.random_state = random_state

    def check_settings(self, classes):
        super().check_settings(classes)
        if self.transfer not in TRANSFERS or self.local_search not in LOCAL:
            raise ValueError(
                f"transfer={self.transfer!r}, local_search={self.local_search!r}: give one of "
                f"{TRANSFERS} and one of {LOCAL}"
            )
        if not among(self.a, 0):
            self._refuse("a", "a number, 0 or more")
        if not whole(self.local_iterations, 0):
            self._refuse("local_iterations", "0 or more, a whole number")
        if not among(self.power, 0) or self.power == 0:
            self._refuse("power", "a number above 0")
        ends = self.beta if pair(self.beta) else (1, 0)
        if not among(ends[0], 0, 1) or not among(ends[1], ends[0], 1):
            self._refuse("beta", "two numbers from 0 to 1, the least and the largest")

    def _search(self, judge, X, y, rng):
        positions = rng.uniform(-BOUND, BOUND, (self.population, X.shape[1]))
        best, least, place = None, np.inf, None
        for t in range(1, self.iterations + 1):
            masks = bits(positions, self.transfer, rng)
            fitness = [judge(mask) for mask in masks]
            leader = int(np.argmin(fitness))
            if fitness[leader] < least:
                best, least, place = masks[leader], fitness[leader], positions[leader]
            if self.local_search:
                best, least = climb(
                    best,
                    least,
                    judge.near,
                    rng,
                    iterations=self.local_iterations,
                    power=self.power,
                    beta=self.beta,
                    legacy=self.local_search == "legacy",
                )
            # The destination stands for the best set: on its side of 0 in every feature.
            place = np.where(best, np.abs(place), -np.abs(place))
            positions = step(positions, place, amplitude(t, self.iterations, self.a), rng)
            judge.bar.set_postfix(fitness=f"{judge.least:.4f}", refresh=False)


def amplitude(t, iterations, a=2.0):
    """r1 of Eq. 15, `a - t a / T`."""
    return a - t * a / iterations


def step(positions, best, r1, rng):
    """Move all agents once (Eq. 14).

    Args:
        positions: float (agents, features). best: float (features,), the destination.
        r1: of Eq. 15. rng: numpy Generator; r2 in 0..2 pi, r3 in 0..2 and r4 in 0..1 are drawn for
            every agent and feature, in this order.

    Returns:
        float (agents, features), kept within [-BOUND, BOUND] (assumed).
    """
    r2 = rng.uniform(0, 2 * np.pi, positions.shape)
    r3 = rng.uniform(0, 2, positions.shape)
    r4 = rng.random(positions.shape)
    wave = np.where(r4 < 0.5, np.sin(r2), np.cos(r2))
    moved = positions + r1 * wave * np.abs(r3 * best - positions)
    return np.clip(moved, -BOUND, BOUND)


def bits(positions, transfer, rng):
    """Sets of features, bool, from positions (agents, features); none of them empty."""
    if transfer == "threshold":
        masks = positions > 0
    else:
        masks = rng.random(positions.shape) < 1 / (1 + np.exp(-positions))
    empty = ~masks.any(1)
    masks[empty, positions[empty].argmax(1)] = True
    return masks
