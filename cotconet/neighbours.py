"""Hold-out error of k nearest neighbours for many subsets of features, each from a former one."""

import numpy as np
import pandas as pd
from scipy.linalg.blas import sgemm

ROUNDING = np.finfo(np.float32).eps / 2

# Features that may be added to and taken from a matrix, in multiples of all there are, before it is
# computed afresh: bounds the drift.
RENEWAL = 4

MOST_KEPT = 32


class HoldoutNeighbours:
    """k nearest neighbours of validation samples among training samples, for any set of features.

    A squared distance is a sum over features, so the distances of a mask come from those of
    another mask by the features in which they differ: a matrix product of that rank, added in
    place. Distances of a few former masks are kept; the nearest mask, or an empty one, is the
    start.

    The neighbours are found by passes of argmin, which at this scale are six times faster than
    argpartition. With two classes and odd k a class wins whose (k + 1) / 2-th nearest sample is
    nearer than the other's: (k + 1) / 2 passes over each class's part instead of k over all.

    Predictions are those of exact distances: where float32 and drift leave doubt, the distances in
    question are computed again in float64. So they equal those of scikit-learn's
    `KNeighborsClassifier`, ties of votes included (smallest label). Of equally distant samples the
    one that comes first counts, where scikit-learn promises no order.

    Args:
        X_train, y_train: float (n, features), labels (n,).
        X_valid, y_valid: float (m, features), labels (m,).
        n_neighbors: k; with fewer training samples, all of them vote.
        memory: bytes for the kept distances, 4 n m for each mask; one to 32 are kept.

    Attributes:
        classes: the sorted labels of the training samples.
        columns: features added or taken so far, over all evaluations: the work done.
        settled: validation samples that were in doubt so far.
    """

    def __init__(self, X_train, y_train, X_valid, y_valid, n_neighbors=5, memory=1 << 28):
        self.X_train, self.X_valid = np.asarray(X_train), np.asarray(X_valid)
        self.classes, self.codes = np.unique(y_train, return_inverse=True)
        self.truth = pd.Index(self.classes).get_indexer(y_valid)  # -1: a class not trained on
        n, m = len(self.X_train), len(self.X_valid)
        self.k = min(n_neighbors, n)
        half = (self.k + 1) // 2
        counts = np.bincount(self.codes)
        self.halves = self.k % 2 and len(counts) == 2 and counts.min() >= half
        self.passes = half if self.halves else min(self.k + 1, n)
        # Each class's samples stand together, in parts of equal width, so that one argmin serves
        # both; a multiple of 16 is what it is fastest at. What is left over is infinitely far.
        part = self.codes if self.halves else np.zeros(n, int)
        place = pd.Series(part).groupby(part).cumcount().to_numpy()
        self.width = -(-(counts.max() if self.halves else n) // 16) * 16
        self.columns_of = part * self.width + place
        self.filled = np.zeros((part.max() + 1) * self.width, bool)
        self.filled[self.columns_of] = True
        # Distances do not depend on the origin; near it they lose least.
        middle = self.X_train.mean(0, dtype=np.float64)
        valid = np.ascontiguousarray((self.X_valid - middle).T, np.float32)
        self.train = np.zeros((len(valid), len(self.filled)), np.float32)
        self.train[:, self.columns_of] = (self.X_train - middle).T
        near, far = (np.square(x).sum(0).max() ** 0.5 for x in (self.train, valid))
        self.offset = float(far**2) * 1.01
        self.largest = float((near + far) ** 2) * 1.01
        self.valid = valid * np.float32(-2)
        self.starts = np.arange(m * (part.max() + 1)) * self.width
        self.slots = int(np.clip(memory // (4 * n * m), 1, MOST_KEPT))
        self.distances = []
        self.masks = np.zeros((self.slots, len(valid)), bool)
        self.bits = np.array([_bits(mask) for mask in self.masks])
        self.terms, self.used = np.zeros(self.slots, int), np.zeros(self.slots, int)
        self.clock = self.columns = self.settled = 0

    def errors(self, masks):
        """Share of wrong predictions for each mask, float (masks,). Args: as `predict`, many."""
        return np.array([self.error(mask) for mask in masks])

    def error(self, mask):
        """Share of wrong predictions. Args: as `predict`."""
        return np.count_nonzero(self._winners(mask) != self.truth) / len(self.truth)

    def predict(self, mask):
        """Labels predicted for the validation samples, (m,).

        Args:
            mask: bool (features,), at least one True.

        Raises:
            ValueError: an empty mask, under which all distances are 0.
        """
        return self.classes[self._winners(mask)]

    def _winners(self, mask):
        """Codes of the classes that win, int (m,)."""
        mask = np.ascontiguousarray(mask, bool)
        if not mask.any():
            raise ValueError("the mask selects no feature: neighbours need at least one")
        slot = self._slot(mask)
        found, values = self._nearest(slot)
        # Rounding errors add up as a random walk (Higham and Mary 2019), each at most one rounding
        # of the largest partial sum; most are far smaller.
        doubt = 2 * ROUNDING * self.terms[slot] ** 0.5 * self.largest
        if self.halves:
            border, other = values[-1].reshape(-1, 2).T
            winners = (other < border).astype(np.intp)
            unsure = np.abs(other - border) <= doubt
        else:
            votes = self.codes[found[: self.k]]
            winners = (votes == np.arange(len(self.classes))[:, None, None]).sum(1).argmax(0)
            if self.passes == self.k:
                return winners
            border, unsure = values[-2], values[-1] - values[-2] <= doubt
        for row in unsure.nonzero()[0]:
            winners[row] = self._settle(slot, row, border[row], doubt, mask)
        return winners

    def _nearest(self, slot):
        """(places, distances) of the nearest samples in each part, both (passes, m * parts)."""
        flat = self.distances[slot].reshape(-1)
        # Floats above 0 have the order of their bits, and argmin is faster on integers.
        rows = flat.view(np.int32).reshape(-1, self.width)
        found = np.empty((self.passes, len(rows)), np.intp)
        values = np.empty((self.passes, len(rows)), np.float32)
        for i in range(self.passes):
            rows.argmin(1, out=found[i])
            place = found[i] + self.starts
            flat.take(place, out=values[i], mode="clip")  # "raise" would copy
            flat[place] = np.inf
        flat[found + self.starts] = values
        return found, values

    def _settle(self, slot, row, border, doubt, mask):
        """Code of the class that wins, for one sample, by exact distances near the border."""
        self.settled += 1
        apart = self.distances[slot][row, self.columns_of]
        votes = np.bincount(self.codes[apart < border - doubt], minlength=len(self.classes))
        candidates = np.flatnonzero(np.abs(apart - border) <= doubt)
        own = self.X_valid[row, mask].astype(np.float64)
        exact = np.square(self.X_train[candidates][:, mask] - own).sum(1)
        taken = candidates[np.argsort(exact, kind="stable")[: self.k - votes.sum()]]
        return (votes + np.bincount(self.codes[taken], minlength=len(votes))).argmax()

    def _slot(self, mask):
        """Number of the kept distances that are now those of `mask`."""
        made, size = len(self.distances), len(mask)
        bits = _bits(mask)
        differ = np.bitwise_count(self.bits[:made] ^ bits).sum(1, dtype=int)
        differ[self.terms[:made] + differ > RENEWAL * size] = size + 1
        start = differ.argmin() if made else None
        least = differ[start] if made else size + 1
        # Masks far from each other serve more masks, so the first ones are computed afresh.
        if least >= np.count_nonzero(mask) or (made < self.slots and least > size // 8):
            if made < self.slots:
                self.distances.append(np.empty((len(self.valid[0]), len(self.filled)), np.float32))
            slot = made if made < self.slots else self.used.argmin()
            self.masks[slot], self.terms[slot] = False, 0
        elif 1 < least <= size // 16 and made > 1:
            # A local search: the next mask will be near this start too, so it is left as it is.
            self.used[start] = self.clock
            slot = np.where(np.arange(made) == start, -1, self.used[:made]).argmax()
            np.copyto(self.distances[slot], self.distances[start])
            self.masks[slot], self.terms[slot] = self.masks[start], self.terms[start]
        else:
            slot = start
        self._move(slot, mask)
        self.bits[slot] = bits
        self.clock += 1
        self.used[slot] = self.clock
        return slot

    def _move(self, slot, mask):
        """Add to kept distances the features that they lack, take from them those of no use."""
        changed = (self.masks[slot] != mask).nonzero()[0]
        count = len(changed)
        if not count:
            return
        sign = np.where(mask[changed], np.float32(1), np.float32(-1))
        valid = np.empty((count + 1, len(self.X_valid)), np.float32)
        self.valid.take(changed, 0, out=valid[:count], mode="clip")
        valid[:count] *= sign[:, None]
        valid[count] = 1
        train = np.empty((count + 1, len(self.filled)), np.float32)
        self.train.take(changed, 0, out=train[:count], mode="clip")
        # The training samples' squared lengths ride along as one more column.
        train[count] = sign @ np.square(train[:count])
        fresh = not self.terms[slot]
        if fresh:
            # No squared length of a validation sample is larger, so all distances are above 0.
            train[count] += self.offset
            train[count, ~self.filled] = np.inf
        # distances += valid.T @ train, in place, for which NumPy has no call. An array in C order
        # is its transpose in Fortran's.
        sgemm(
            1, train.T, valid.T, beta=0 if fresh else 1, c=self.distances[slot].T,
            overwrite_c=1, trans_b=1,
        )  # fmt: skip
        self.masks[slot] = mask
        self.terms[slot] += count
        self.columns += count


def _bits(mask):
    """A mask as uint64 words, for counting differences fast."""
    words = np.zeros(-(-len(mask) // 64) * 8, np.uint8)
    packed = np.packbits(mask)
    words[: len(packed)] = packed
    return words.view(np.uint64)
