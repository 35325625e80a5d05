"""GraFR (section 3.4.3, Eq. 10-13): every sample rebuilt from its neighbours in a graph."""

from functools import partial

import numpy as np
import pandas as pd
from tqdm import tqdm

from cotconet.given import subjects
from smears import InputError
from smears.arrays import write_stream

SCOPES = ("top-k", "all")

# Values gathered at once for weighted means and exact distances: bounds the memory.
GATHERED = 1 << 24

# A squared distance from a float32 matrix product is off by some 1e-6 of the squared norms. Below
# this share of them it is computed again, from the differences.
NEAR = 1e-3

HALF = np.finfo(np.float16).max


class GraFR:
    """Rebuild features as the mean of the neighbours', weighted by similarity.

    Nodes are samples, a similarity is 1 / max(Euclidean distance, epsilon) (Eq. 10, 11), and a
    sample is rebuilt as the mean of all nodes' features weighted by similarity (Eq. 13, stated).
    As printed that is the identity: a sample is itself a node, at distance 0. Similarities are
    symmetric, so Eq. 12 calls every node "hidden". Without itself, over thousands of nodes in
    thousands of dimensions, the weights become alike and every result nearly the mean
    (contradicted; `readings` measures it). Three readings in which the equations do something:

    - B, the default: Eq. 12 is "the k most similar nodes", never the sample itself (assumed).
    - A, `scope="all"`: all nodes but itself.
    - C, `blend=True`: half the own vector, half the rebuilt one.  # C21

    Nodes are training samples alone. A training sample is rebuilt from other training samples
    (`fit_transform`; with `groups`, of other subjects, as a new patient's will be), any other
    sample from training samples (`transform`).  # C22

    Features are standardised with the training part's mean and deviation, and so are the results
    (assumed); a constant feature is only centred (`floored`). Blocks of rows are read and results
    can be written as they come, so memory does not grow with the number of samples.

    Args:
        k: neighbours for "top-k". Where fewer are allowed, as many as there are.
        scope: "top-k" or "all".
        blend: reading C.
        literal: Eq. 13 as printed: all nodes with the sample itself; in `transform` the given
            samples are nodes too. To be shown, not used.
        epsilon: least distance, so that a duplicate's similarity is finite.
        standardise: False leaves features as they are, as printed.
        rows: samples in a block; memory is about 16 bytes * rows * features.

    Attributes:
        mean_, scale_: float32 (features,), of the training part.

    Fitting is cheap (X is read twice): what has to be kept of a fitted one is its training part.
    """

    def __init__(
        self, k=10, scope="top-k", blend=False, literal=False, epsilon=1e-6, standardise=True,
        rows=2048,
    ):  # fmt: skip
        if scope not in SCOPES:
            raise ValueError(f"scope={scope!r}: give {' or '.join(map(repr, SCOPES))}")
        if k < 1 or rows < 1 or epsilon <= 0:
            raise ValueError(f"k={k}, rows={rows}, epsilon={epsilon}: all must be above 0")
        self.k, self.scope, self.blend, self.literal = k, scope, blend, literal
        self.epsilon, self.standardise, self.rows = epsilon, standardise, rows

    def fit(self, X, groups=None):
        """Take the training samples as nodes.

        Args:
            X: float (n, features), n >= 1: an array, also a .npy opened with mmap_mode="r". It
                is kept, not copied.
            groups: str (n,), the subject of each sample; "", None or NaN = unknown.

        Raises:
            InputError: not two-dimensional, empty, or a value that is not a finite number.
        """
        self.X_ = _checked(X)
        self.groups_ = None if groups is None else subjects(groups, len(X))
        total, low, high = 0.0, np.inf, -np.inf
        for _, block in self._blocks(self.X_):
            total = total + block.sum(0, dtype=np.float64)
            low, high = np.minimum(low, block.min(0)), np.maximum(high, block.max(0))
        # A constant feature is told by its range: its deviation may be rounding alone.
        constant = low == high
        self.mean_ = np.where(constant, low, total / len(X)).astype(np.float32)
        squares = np.zeros(len(self.mean_))
        for _, block in self._blocks(self.X_):
            squares += np.square(block - self.mean_).sum(0, dtype=np.float64)
        scale = floored(np.where(constant, 0, np.sqrt(squares / len(X))))
        self.scale_ = np.where(self.standardise, scale, 1).astype(np.float32)
        return self

    def fit_transform(self, X, groups=None, out=None):
        """Fit, and rebuild every training sample from other training samples.

        Args:
            X, groups: as for `fit`. With groups, samples of the own subject are no neighbours.
            out: path of a .npy to write the result to, as float16.

        Returns:
            float32 (n, features), or the float16 file `out` opened with mmap_mode="r".

        Raises:
            InputError: as `fit`, or a sample has no neighbour that is allowed.
        """
        self.fit(X, groups)
        codes = None if groups is None else _codes(self.groups_)
        return self._rebuild(self.X_, True, codes, codes, out)

    def transform(self, X, groups=None, out=None):
        """Rebuild samples from training samples alone: they do not see each other.

        Args:
            X: float (n, features).
            groups: str (n,); with them, and with groups in `fit`, training samples of the same
                subject are no neighbours.
            out: as for `fit_transform`.

        Returns:
            As `fit_transform`.
        """
        X = _checked(X)
        if X.shape[1] != len(self.mean_):
            raise InputError(
                f"X has {X.shape[1]} features, but GraFR was fitted on {len(self.mean_)}: give it "
                "features of the same extractor."
            )
        if groups is None or self.groups_ is None:
            return self._rebuild(X, False, None, None, out)
        codes = _codes(np.concatenate([self.groups_, subjects(groups, len(X))]))
        return self._rebuild(X, False, codes[len(self.X_) :], codes[: len(self.X_)], out)

    def _rebuild(self, X, own, codes, node_codes, out):
        if out is None:
            result = np.empty(X.shape, np.float32)
            for start, block in self._rebuilt(X, own, codes, node_codes):
                result[start : start + len(block)] = block
            return result
        blocks = self._rebuilt(X, own, codes, node_codes)
        write_stream(out, X.shape, np.float16, (np.clip(b, -HALF, HALF) for _, b in blocks))
        return np.load(out, mmap_mode="r")

    def _rebuilt(self, X, own, codes, node_codes):
        """Yield (first row, float32 block) of the result."""
        everything = self.literal or self.scope == "all"
        with tqdm(total=len(X), desc="GraFR", unit="sample", leave=None) as bar:
            for start, queries in self._blocks(X):
                self._scale(queries)
                rows = np.arange(start, start + len(queries))
                people = None if codes is None else codes[rows]
                barred = partial(self._barred, rows, own, people, node_codes)
                if everything:
                    beside = X if self.literal and not own else None
                    result = self._mean_of_all(queries, barred, beside)
                else:
                    result = self._mean_of_nearest(queries, barred)
                lonely = np.isnan(result[:, 0])
                if lonely.any():
                    raise InputError(
                        f"sample {rows[lonely][0]} has no neighbour to be rebuilt from: GraFR "
                        "needs two samples, and with groups two subjects."
                    )
                if self.blend:
                    result = (result + queries) / 2
                if not self.standardise:
                    result += self.mean_
                yield start, result
                bar.update(len(queries))

    def _barred(self, rows, own, people, node_people, first, count):
        """Bool (queries, count): nodes from the first on that are no neighbours of a query.

        Itself, and those of the same person.

        Args:
            rows: numbers of the queries (n,). own: whether nodes have the same numbers.
            people: codes of the queries' persons (n,), below 0 where unknown, and node_people: of
                all nodes; None: no one is known.
            first, count: which nodes.
        """
        nodes = np.arange(first, first + count)
        no = np.zeros((len(rows), count), bool)
        if own and not self.literal:
            no |= rows[:, None] == nodes
        if people is not None:
            no |= (people[:, None] == node_people[nodes]) & (people >= 0)[:, None]
        return no

    def _mean_of_all(self, queries, barred, beside):
        """Eq. 13 over all nodes that are not barred. `beside`: more samples that are nodes."""
        weighted, weights = np.zeros_like(queries), np.zeros(len(queries), np.float32)
        norms = _norms(queries)
        for source in (self.X_,) if beside is None else (self.X_, beside):
            for first, nodes in self._blocks(source):
                self._scale(nodes)
                both = norms[:, None] + _norms(nodes)
                squared = both - 2 * (queries @ nodes.T)
                distances = np.sqrt(np.maximum(squared, 0))
                pairs = np.nonzero(squared < NEAR * both)
                step = max(1, GATHERED // queries.shape[1])
                for at in range(0, len(pairs[0]), step):
                    i, j = pairs[0][at : at + step], pairs[1][at : at + step]
                    distances[i, j] = np.sqrt(_norms(queries[i] - nodes[j]))
                similarities = 1 / np.maximum(distances, self.epsilon)
                if source is self.X_:
                    similarities[barred(first, len(nodes))] = 0
                weighted += similarities @ nodes
                weights += similarities.sum(1)
        return _divided(weighted, weights)

    def _mean_of_nearest(self, queries, barred):
        """Eq. 13 over the k most similar nodes that are not barred."""
        k = min(self.k, len(self.X_))
        best = np.full((len(queries), k), np.inf, np.float32)
        index = np.zeros((len(queries), k), int)
        for first, nodes in self._blocks(self.X_):
            self._scale(nodes)
            # Squared distances less the query's own norm, which orders nothing.
            apart = queries @ (-2 * nodes.T)
            apart += _norms(nodes)
            apart[barred(first, len(nodes))] = np.inf
            some = min(k, len(nodes))
            found = np.argpartition(apart, some - 1, axis=1)[:, :some]
            best = np.concatenate([best, np.take_along_axis(apart, found, 1)], axis=1)
            index = np.concatenate([index, first + found], axis=1)
            chosen = np.argpartition(best, k - 1, axis=1)[:, :k]
            best = np.take_along_axis(best, chosen, 1)
            index = np.take_along_axis(index, chosen, 1)
        result = np.empty_like(queries)
        step = max(1, GATHERED // (k * queries.shape[1]))
        for at in range(0, len(queries), step):
            part = slice(at, at + step)
            near = np.asarray(self.X_[index[part].ravel()], np.float32)
            self._scale(near)
            near = near.reshape(-1, k, queries.shape[1])
            distances = np.sqrt(
                np.stack([_norms(queries[part] - near[:, i]) for i in range(k)], axis=1)
            )
            similarities = 1 / np.maximum(distances, np.float32(self.epsilon))
            similarities[np.isinf(best[part])] = 0
            weighted = np.matmul(similarities[:, None], near)[:, 0]
            result[part] = _divided(weighted, similarities.sum(1))
        return result

    def _blocks(self, X):
        """Yield (first row, float32 copy of a block of rows)."""
        for start in range(0, len(X), self.rows):
            block = np.array(X[start : start + self.rows], np.float32)
            if not np.isfinite(block).all():
                row, column = np.argwhere(~np.isfinite(block))[0]
                raise InputError(
                    f"sample {start + row}, feature {column} is {block[row, column]}: features "
                    "must be finite numbers."
                )
            yield start, block

    def _scale(self, block):
        block -= self.mean_
        block /= self.scale_


def floored(deviation):
    """Standard deviations (features,) to divide by: 1 for 0, else at least 1% of their median.

    A unit that was active in one training sample alone would else count, in a sample where it is
    active too, for thousands of deviations.
    """
    varies = deviation > 0
    least = 0.01 * np.median(deviation[varies]) if varies.any() else 0
    return np.where(varies, np.maximum(deviation, least), 1).astype(np.float32)


def readings(X, groups=None, k=10):
    """What each reading of Eq. 10-13 leaves of the features.

    Args:
        X, groups: as for `GraFR.fit`. k: neighbours of readings B and C.

    Returns:
        DataFrame, a row a reading, with two distances, means over samples, in units of the
        samples' own distance from the mean: "from itself" (0: the identity) and "from the mean"
        (0: every sample became the mean).
    """
    own = GraFR().fit(X)
    own = (np.asarray(X, np.float32) - own.mean_) / own.scale_
    unit = np.linalg.norm(own, axis=1).mean()
    table = {}
    for name, settings in {
        "as printed": {"literal": True},
        "A: all but itself": {"scope": "all"},
        f"B: {k} nearest": {},
        f"C: half itself, half {k} nearest": {"blend": True},
    }.items():
        rebuilt = GraFR(k=k, **settings).fit_transform(X, None if "literal" in settings else groups)
        table[name] = {
            "from itself": np.linalg.norm(rebuilt - own, axis=1).mean() / unit,
            "from the mean": np.linalg.norm(rebuilt, axis=1).mean() / unit,
        }
    return pd.DataFrame(table).T


def _checked(X):
    X = X if isinstance(X, np.ndarray) else np.asarray(X)
    if X.ndim != 2 or 0 in X.shape or X.dtype.kind not in "fiub":
        raise InputError(f"X is {X.dtype} of shape {X.shape}: give numbers (samples, features)")
    return X


def _codes(groups):
    """Integers, equal for equal subjects; -1 for an unknown one."""
    return np.where(groups == "", -1, pd.factorize(groups)[0])


def _norms(rows):
    """Squared lengths."""
    return np.einsum("ij,ij->i", rows, rows)


def _divided(weighted, weights):
    """Weighted sums over sums of weights; NaN where no weight is."""
    with np.errstate(invalid="ignore"):
        return weighted / weights[:, None]
