"""Hold-out error of k nearest neighbours for many subsets of features, each from a former one."""

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd
from scipy.linalg.blas import sgemm

ROUNDING = float(np.finfo(np.float32).eps) / 2

# Features that may be added to and taken from a matrix, in multiples of all there are, before it is
# computed afresh: bounds the drift.
RENEWAL = 4

MOST_KEPT = 32

# A mask that differs from a kept one in no larger share of the features is near it.
NEAR = 1 / 16

# Masks looked at together: no more than this, with tables of no more than so many numbers (1 MiB).
# Where they are larger, calls cost little beside the work, and what is wasted counts.
MOST_AHEAD, TOGETHER = 16, 1 << 18

EMPTY = "the mask selects no feature: neighbours need at least one"

SIGNS = np.array([-1, 1], np.float32)


class HoldoutNeighbours:
    """k nearest neighbours of validation samples among training samples, for any set of features.

    A squared distance is a sum over features, so the distances of a mask come from those of
    another mask by the features in which they differ: a matrix product of that rank, added in
    place. Distances of a few former masks are kept; the nearest mask, or an empty one, is the
    start.

    The neighbours are found by passes of argmin, which at this scale are six times faster than
    argpartition. With two classes and odd k a class wins whose (k + 1) / 2-th nearest sample is
    nearer than the other's: (k + 1) / 2 passes over each class's part instead of k over all. For
    masks near another one, as a local search asks for, even these are spared for most samples, and
    several masks are looked at together: see `near`.

    Predictions are those of exact distances: where float32 and drift leave doubt, the distances in
    question are computed again in float64. So they equal those of scikit-learn's
    `KNeighborsClassifier`, ties of votes included (smallest label). Of equally distant samples the
    one that comes first counts, where scikit-learn promises no order.

    Args:
        X_train, y_train: float (n, features), labels (n,).
        X_valid, y_valid: float (m, features), labels (m,).
        n_neighbors: k; with fewer training samples, all of them vote.
        memory: bytes for the kept distances, up to 6 n m for each mask; one to 32 are kept.

    Raises:
        ValueError: features that are not finite, or so large that their mean is not.

    Attributes:
        scale: float, the power of two that features are multiplied by.
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
        middle, self.scale = _frame(self.X_train, self.X_valid)
        valid = np.ascontiguousarray((self.X_valid - middle).T * self.scale, np.float32)
        self.train = np.zeros((len(valid), len(self.filled)), np.float32)
        self.train[:, self.columns_of] = (self.X_train - middle).T * self.scale
        near, far = (np.square(x).sum(0).max() ** 0.5 for x in (self.train, valid))
        self.offset = float(far**2) * 1.01
        self.largest = float((near + far) ** 2) * 1.01
        self.valid = valid * np.float32(-2)
        self.slots = int(np.clip(memory // (6 * n * m), 1, MOST_KEPT))
        self.kept = []
        # `_glance` counts up to 255 in a byte.
        self.glances = self.halves and self.width <= 8 * 255
        if self.glances:
            self.change = np.empty((m, self.width), np.float32)
            self.nearer = np.empty((m, self.width), bool)
        self.ahead = 1
        self.clock = self.columns = self.settled = 0

    def errors(self, masks):
        """Share of wrong predictions for each mask, float (masks,). Args: as `predict`, many."""
        return np.array([self.error(mask) for mask in masks])

    def error(self, mask):
        """Share of wrong predictions. Args: as `predict`."""
        return np.count_nonzero(self._winners(mask) != self.truth) / len(self.truth)

    def near(self, start, masks):
        """Yield the error of each of some masks near another one, as a local search asks for.

        Whoever stops asking, since the search has found a better start, wastes what was computed
        ahead. So it is one mask at first, as many as were asked for when a search last stopped,
        and twice as many each time that all were, up to MOST_AHEAD and TOGETHER.

        Args:
            start, masks: bool (features,) and (masks, features), at least one True in each.
        """
        rows = np.count_nonzero(masks != start) / len(masks) + 2
        width = len(self.filled) + self.passes * len(self.valid[0])
        most = int(np.clip(TOGETHER / (rows * width), 1, MOST_AHEAD))
        done = 0
        while done < len(masks):
            ahead = min(self.ahead, most)
            some = masks[done : done + ahead]
            for used, winners in enumerate(self._winners_near(start, some), 1):
                self.ahead = used if used < len(some) else min(2 * ahead, most)
                yield np.count_nonzero(winners != self.truth) / len(self.truth)
            done += len(some)

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
        return self._kept(mask).vote[0]

    def _winners_near(self, start, masks):
        """Yield `_winners` of each mask; most of the work is done before the first one."""
        if not self.glances or np.count_nonzero(masks != start) > masks.size * NEAR:
            yield from map(self._winners, masks)
        elif not masks.any(1).all():
            raise ValueError(EMPTY)
        else:
            yield from self._glance(self._kept(start), masks)

    def _kept(self, mask):
        """The kept distances of a mask, made from others where need be."""
        mask = np.ascontiguousarray(mask, bool)
        if not mask.any():
            raise ValueError(EMPTY)
        bits = int.from_bytes(np.packbits(mask))
        kept, differ = self._closest(bits)
        self.clock += 1
        if differ:
            kept = self._place(kept, differ, mask)
            self._move(kept, mask, bits)
        kept.used = self.clock
        return kept

    def _closest(self, bits):
        """(kept distances with the fewest features to change, how many); none: (None, inf)."""
        best, least, most = None, math.inf, RENEWAL * len(self.valid)
        for kept in self.kept:
            differ = (kept.bits ^ bits).bit_count()
            if differ < least and kept.terms + differ <= most:
                best, least = kept, differ
        return best, least

    def _place(self, start, differ, mask):
        """The kept distances that shall become those of `mask`."""
        size, full = len(mask), len(self.kept) == self.slots
        # Masks far from each other serve more masks, so the first ones are computed afresh.
        if differ >= np.count_nonzero(mask) or (not full and differ > size // 8):
            if full:
                kept = min(self.kept, key=lambda kept: kept.used)
            else:
                shape = len(self.X_valid), len(self.filled)
                kept = _Kept(np.empty(shape, np.float32), np.zeros(size, bool))
                self.kept.append(kept)
            kept.mask[:], kept.terms = False, 0
            return kept
        if self.glances or len(self.kept) == 1 or not 1 < differ <= size * NEAR:
            return start
        # A local search: the next mask will be near this start too, so it is left as it is.
        start.used = self.clock
        kept = max((kept for kept in self.kept if kept is not start), key=lambda kept: kept.used)
        np.copyto(kept.distances, start.distances)
        kept.mask[:], kept.terms = start.mask, start.terms
        return kept

    def _move(self, kept, mask, bits):
        """Add to kept distances the features that they lack, take from them those of no use."""
        train, valid, _ = (x[:-1] for x in self._changes(kept.mask, mask[None]))
        fresh = not kept.terms
        if fresh:
            # No squared length of a validation sample is larger, so all distances are above 0.
            train[-1] += self.offset
            train[-1, ~self.filled] = np.inf
        # distances += valid.T @ train, in place, for which NumPy has no call. An array in C order
        # is its transpose in Fortran's.
        sgemm(
            1, train.T, valid.T, beta=0 if fresh else 1, c=kept.distances.T, overwrite_c=1,
            trans_b=1,
        )  # fmt: skip
        kept.mask[:], kept.bits = mask, bits
        kept.terms += len(train) - 1
        kept.vote = self._vote(kept.distances, slice(None), kept.terms, mask[None])
        kept.premises = None

    def _changes(self, before, masks):
        """The change of the distances from one mask to each of some others, as two factors.

        Returns:
            (float32 (rows, columns), float32 (rows, m), int (masks,)): for each mask as many rows
            as the last one says, one mask's after another's. Its rows of the second factor,
            transposed, times those of the first one are the change. All but two are features: the
            last but one brings in the training samples' squared lengths, the last one what is
            added for each validation sample: 0, to be filled in.
        """
        differ = masks != before
        which, changed = differ.nonzero()
        self.columns += len(changed)
        counts = np.bincount(which, minlength=len(masks)) + 2
        ends = counts.cumsum()
        places = np.arange(len(changed)) + 2 * which
        feature = np.zeros(ends[-1], np.intp)
        feature[places] = changed
        signs = np.zeros((len(masks), len(feature)), np.float32)
        signs[which, places] = SIGNS.take(masks[differ])
        valid = self.valid.take(feature, 0)
        valid *= signs.sum(0)[:, None]
        valid[ends - 2] = 1
        train = self.train.take(feature, 0)
        train[ends - 2] = signs @ np.square(train)
        train[ends - 1] = 1
        return train, valid, counts

    def _vote(self, distances, samples, terms, masks):
        """Who wins, by the distances of all training samples to some validation samples.

        Args:
            distances: float32 (samples, columns). samples: index of the validation samples.
            terms: the most features added to any of the distances and taken from it.
            masks: bool (samples or 1, features), the mask of each sample or of all.

        Returns:
            (codes of the classes that win (samples,); places of the nearest in each part, and
            their distances, both (passes, samples * parts)).
        """
        found, values = self._nearest(distances)
        doubt = self._doubt(terms)
        if self.halves:
            border, other = values[-1, ::2], values[-1, 1::2]
            winners = (other < border).astype(np.intp)
            unsure = np.abs(other - border) <= doubt
        else:
            votes = self.codes[found[: self.k]]
            winners = (votes == np.arange(len(self.classes))[:, None, None]).sum(1).argmax(0)
            if self.passes == self.k:
                return winners, found, values
            border, unsure = values[-2], values[-1] - values[-2] <= doubt
        for row in unsure.nonzero()[0]:
            sample = np.arange(len(self.X_valid))[samples][row]
            apart, mask = distances[row, self.columns_of], masks[row % len(masks)]
            winners[row] = self._settle(sample, apart, border[row], doubt, mask)
        return winners, found, values

    def _doubt(self, terms):
        """Two distances of so many terms may stand in either order if they differ by no more."""
        # Rounding errors add up as a random walk (Higham and Mary 2019), each at most one rounding
        # of the largest partial sum; most are far smaller.
        return 2 * ROUNDING * math.sqrt(terms) * self.largest

    def _nearest(self, distances):
        """(places, distances) of the nearest samples in each part, both (passes, rows * parts)."""
        flat = distances.reshape(-1)
        # Floats above 0 have the order of their bits, and argmin is faster on integers.
        rows = flat.view(np.int32).reshape(-1, self.width)
        starts = np.arange(0, flat.size, self.width)
        found = np.empty((self.passes, len(rows)), np.intp)
        values = np.empty((self.passes, len(rows)), np.float32)
        for i in range(self.passes):
            rows.argmin(1, out=found[i])
            place = found[i] + starts
            flat.take(place, out=values[i], mode="clip")
            flat[place] = np.inf
        flat[found + starts] = values
        return found, values

    def _settle(self, sample, apart, border, doubt, mask):
        """Code of the class that wins, for one sample, by exact distances near the border."""
        self.settled += 1
        votes = np.bincount(self.codes[apart < border - doubt], minlength=len(self.classes))
        candidates = np.flatnonzero(np.abs(apart - border) <= doubt)
        own = self.X_valid[sample, mask].astype(np.float64)
        between = self.X_train[candidates][:, mask] - own
        exact = np.square(between * _shrinking(np.abs(between).max())).sum(1)
        taken = candidates[np.argsort(exact, kind="stable")[: self.k - votes.sum()]]
        return (votes + np.bincount(self.codes[taken], minlength=len(votes))).argmax()

    def _glance(self, kept, masks):
        """Codes of the classes that win under each of some masks near a kept one, which stays.

        Under the new mask, the half that won under the kept one is no farther than its farthest
        member. Where too few samples of the other class to make a half are as near as that, the
        winner is the same. For the few validation samples where this does not decide, all
        distances are computed.

        Returns:
            int (masks, m).
        """
        if kept.premises is None:
            kept.premises = self._premises(kept)
        order, first, half, apart, others = kept.premises
        train, valid, counts = self._changes(kept.mask, masks)
        parts = _parts(counts)
        terms = kept.terms + counts.max()
        own = valid.take(order, 1)
        moved = train.take(half, 1)
        moved.reshape(-1, *apart.shape)[...] *= own[:, None]
        # Sums of each mask's rows: a product is faster than reduceat.
        rows = np.eye(len(masks), dtype=np.float32).repeat(counts, 1)
        moved = (rows @ moved).reshape(-1, *apart.shape)
        moved += apart
        limits = np.maximum.reduce(moved, 1)
        limits += self._doubt(terms)
        np.negative(limits, out=limits)
        nearer = np.empty(limits.shape, np.uint64)
        for (start, end), limit, count in zip(parts, limits, nearer, strict=True):
            # kept + change <= limit, asked as change - limit <= -kept: one product, one comparison.
            own[end - 1] = limit
            mine, theirs = own[start:end].T, train[start:end]
            np.matmul(mine[:first], theirs[:, self.width :], out=self.change[:first])
            np.matmul(mine[first:], theirs[:, : self.width], out=self.change[first:])
            np.less_equal(self.change, others, out=self.nearer)
            np.add.reduce(self.nearer.view(np.uint64), 1, out=count)
        # Eight flags a word: the words' sum is eight counts of a byte each, then four of two bytes,
        # whose sum comes to stand in the highest two.
        nearer = (nearer & 0x00FF00FF00FF00FF) + (nearer >> 8 & 0x00FF00FF00FF00FF)
        which, place = (nearer * 0x0001000100010001 >> 48 >= self.passes).nonzero()
        winners = np.tile(kept.vote[0], (len(masks), 1))
        if len(which):
            samples = order[place]
            distances = kept.distances[samples]
            undecided = _parts(np.bincount(which, minlength=len(masks)))
            for (start, end), (top, bottom) in zip(parts, undecided, strict=True):
                change = valid[start:end, samples[top:bottom]].T @ train[start:end]
                distances[top:bottom] += change
            winners[which, samples] = self._vote(distances, samples, terms, masks[which])[0]
        return winners

    def _premises(self, kept):
        """What `_glance` takes from a kept mask; validation samples ordered by their winners.

        Returns:
            (their order (m,); how many the first class wins; columns of the winning half, flat
            (passes * m,), and its distances (passes, m); the negated distances of the other
            class's samples (m, width)).
        """
        winners, found, values = kept.vote
        order = np.argsort(winners, kind="stable")
        winner = winners[order]
        part = 2 * order + winner
        half = (found[:, part] + winner * self.width).reshape(-1)
        others = -kept.distances.reshape(-1, self.width)[part ^ 1]
        return order, np.count_nonzero(winner == 0), half, values[:, part], others


def _frame(train, *others):
    """(mean float64 (features,), the power of two by which no feature is farther than 1 from it).

    Squares of very large or small numbers are no float32.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        middle = train.mean(0, dtype=np.float64)
        ends = [(part.max(0) - middle, middle - part.min(0)) for part in (train, *others)]
    reach = np.max(ends)
    if not np.isfinite(reach):
        raise ValueError(
            f"features reach {reach} from their mean: neighbours need finite numbers, and such "
            "whose sum is finite. Standardise them."
        )
    return middle, _shrinking(reach)


def _shrinking(reach):
    """The power of two by which a number comes to lie within 1; it changes no other digit."""
    return 2.0 ** -max(np.frexp(reach)[1], -1000)  # 2.0**1024 is no number


def _parts(counts):
    """(start, end) of each of some parts that stand one after another."""
    return list(pairwise([0, *counts.cumsum().tolist()]))


@dataclass(eq=False)
class _Kept:
    """Distances of one mask, float32 (m, columns).

    bits: the mask as a number. terms: features added and taken since they were computed afresh.
    used: when last. vote: of `_vote`. premises: of `_premises`, once asked for.
    """

    distances: np.ndarray
    mask: np.ndarray
    bits: int = 0
    terms: int = 0
    used: int = 0
    vote: tuple = None
    premises: tuple = None
