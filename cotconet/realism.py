"""How good synthetic pictures are: told apart, far off, or copied from training pictures (3.3)."""

import cv2
import numpy as np
import pandas as pd
from scipy import stats
from scipy.spatial.distance import cdist
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.model_selection import StratifiedKFold
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from smears import InputError, images, reports

SIDE = 32  # pixels on which the fixed features look
FEATURES = 64  # numbers that are left after the random projection
ANGLES = 8
FEWEST = 10
COLLAPSED = 0.5  # variety below which the table speaks of mode collapse (assumed, C14)


def fixed_features(pictures):
    """Features that need no weights file and are the same on every machine (assumed, C14).

    Mean and deviation of each channel (6), a 16 x 16 picture (768), and histograms of gradient
    directions in 4 x 4 cells (128), each group of the same weight, through one random projection
    from a fixed seed.

    Args:
        pictures: uint8 (n, s, s, 3).

    Returns:
        float32 (n, 64).
    """
    small = np.stack([images.resize(picture, SIDE) for picture in pictures]) / 255.0
    colours = np.concatenate([small.mean((1, 2)), small.std((1, 2))], axis=1)
    pixels = small.reshape(len(small), SIDE // 2, 2, SIDE // 2, 2, 3).mean((2, 4))
    groups = [colours, pixels.reshape(len(small), -1), _gradients(small.mean(-1))]
    rng = np.random.default_rng(0)
    projected = [
        group @ rng.normal(size=(group.shape[1], FEATURES)) / np.sqrt(group.shape[1])
        for group in groups
    ]
    return np.sum(projected, axis=0).astype(np.float32)


def _gradients(grey):
    """Histograms of gradient directions, weighted by size: float (n, s, s) -> (n, 4 * 4 * 8)."""
    found = np.empty((len(grey), 4, 4, ANGLES))
    cell = grey.shape[1] // 4
    for number, picture in enumerate(grey):
        across, down = cv2.Sobel(picture, -1, 1, 0), cv2.Sobel(picture, -1, 0, 1)
        size = np.hypot(across, down)
        turns = np.arctan2(down, across) / (2 * np.pi)
        angle = np.floor(turns * ANGLES).astype(int) % ANGLES
        for kind in range(ANGLES):
            here = np.where(angle == kind, size, 0)
            found[number, :, :, kind] = here.reshape(4, cell, 4, cell).mean((1, 3))
    return found.reshape(len(grey), -1)


def told_apart(first, second, seed=0, permutations=200):
    """Classifier two-sample test (Lopez-Paz and Oquab 2017), with permutations for its p.

    A support vector machine with a Gaussian kernel learns to tell equally many of both apart, in
    five folds. Folds share training pictures, so that the number of right answers is not
    binomial; the labels are therefore exchanged at random and everything is done again.

    Args:
        first, second: float (n, d) and (m, d), at least 10 each.
        seed: of choice, folds and permutations. permutations: number of them.

    Returns:
        (accuracy, p): 0.5 is indistinguishable; p of the accuracy under exchanged labels.
    """
    rng = np.random.default_rng(seed)
    count = min(len(first), len(second))
    x = np.concatenate([part[rng.permutation(len(part))[:count]] for part in (first, second)])
    y = np.repeat([0, 1], count)
    gram = rbf_kernel(StandardScaler().fit_transform(x))

    def accuracy(labels):
        folds = StratifiedKFold(5, shuffle=True, random_state=seed).split(x, labels)
        right = [
            SVC(kernel="precomputed").fit(gram[np.ix_(a, a)], labels[a]).predict(gram[np.ix_(b, a)])
            == labels[b]
            for a, b in folds
        ]
        return np.concatenate(right).mean()

    value = accuracy(y)
    as_good = sum(accuracy(rng.permutation(y)) >= value for _ in range(permutations))
    return float(value), (as_good + 1) / (permutations + 1)


def kernel(first, second):
    """(x . y / d + 1)^3, the kernel of KID (Binkowski et al. 2018). (n, d), (m, d) -> (n, m)."""
    return (first @ second.T / first.shape[1] + 1) ** 3


def kernel_distance(own, cross, other):
    """Squared maximum mean discrepancy, unbiased: 0 on average where both are of one kind.

    Args:
        own, cross, other: `kernel` of the first with themselves (n, n), of the first with the
            second (n, m), of the second with themselves (m, m); two or more of each.

    Returns:
        Float; below zero by chance.
    """
    n, m = cross.shape
    within = (own.sum() - np.trace(own)) / (n * (n - 1))
    return float(within + (other.sum() - np.trace(other)) / (m * (m - 1)) - 2 * cross.mean())


def kernel_interval(first, second, seed=0, subsets=200):
    """(kernel distance, low, high): 95% of its values on random halves, as KID takes subsets.

    Halves are drawn without replacement, for a picture drawn twice would look like a match; the
    interval is that of half as many pictures, hence wide.
    """
    rng = np.random.default_rng(seed)
    own, cross, other = kernel(first, first), kernel(first, second), kernel(second, second)
    values = []
    for _ in range(subsets):
        a = rng.permutation(len(first))[: max(2, len(first) // 2)]
        b = rng.permutation(len(second))[: max(2, len(second) // 2)]
        values.append(kernel_distance(own[np.ix_(a, a)], cross[np.ix_(a, b)], other[np.ix_(b, b)]))
    low, high = np.percentile(values, [2.5, 97.5])
    return kernel_distance(own, cross, other), float(low), float(high)


def memorised(train, held_out, synthetic):
    """Whether synthetic pictures are copies of training pictures (assumed, C14).

    Two questions. Is the nearest real picture a training picture more often than its share of
    all real ones (binomial test)? That also happens where the held-out ones are of other people.
    So: are synthetic pictures nearer to training pictures than those are to each other
    (Mann-Whitney)? Copied, if both.

    Args:
        train, held_out, synthetic: float (n, d), features.

    Returns:
        Dict: ratio (median distance to the nearest training picture / to the nearest held-out
        one, the larger set cut down at random to the size of the smaller, mean of 20 draws; 1 is
        no difference), train_share, expected_share, share_p, own_ratio (median distance to the
        nearest training picture / of training pictures to their nearest other), own_p, copied
        (bool, both p below 0.01), nearest (integers, each synthetic picture's training picture).
    """
    to_train, to_held = cdist(synthetic, train), cdist(synthetic, held_out)
    nearer = to_train.min(1) < to_held.min(1)
    expected = len(train) / (len(train) + len(held_out))
    share_p = stats.binomtest(int(nearer.sum()), len(nearer), expected, "greater").pvalue
    among = cdist(train, train)
    np.fill_diagonal(among, np.inf)
    own_p = stats.mannwhitneyu(to_train.min(1), among.min(1), alternative="less").pvalue
    count, rng = min(len(train), len(held_out)), np.random.default_rng(0)
    near = [
        np.mean([d[:, rng.permutation(d.shape[1])[:count]].min(1) for _ in range(20)], axis=0)
        for d in (to_train, to_held)
    ]
    return {
        "ratio": float(np.median(near[0]) / np.median(near[1])),
        "train_share": float(nearer.mean()),
        "expected_share": float(expected),
        "share_p": float(share_p),
        "own_ratio": float(np.median(to_train.min(1)) / np.median(among.min(1))),
        "own_p": float(own_p),
        "copied": bool(share_p < 0.01 and own_p < 0.01),
        "nearest": to_train.argmin(1),
    }


def enough(counts):
    """Refuse so few pictures that the report says nothing.

    Args:
        counts: dict of kind -> number of pictures.

    Raises:
        InputError: fewer than 10 of a kind.
    """
    for name, count in counts.items():
        if count < FEWEST:
            raise InputError(
                f"{count} {name} pictures: the realism report needs at least {FEWEST} of each "
                "kind. Add data, or split it otherwise."
            )


def report(train, held_out, synthetic, features=None, seed=0):
    """Everything above, for one set of synthetic pictures.

    Args:
        train: uint8 (n, s, s, 3), what the GAN saw.
        held_out: uint8 (m, s, s, 3), real ones of the same class that it did not see.
        synthetic: uint8 (k, s, s, 3).
        features: function of such pictures to float (n, d), the same for all; default
            `fixed_features`. They are standardised by the training pictures.
        seed: of everything random.

    Returns:
        Dict with the numbers of pictures, "told_apart" and "kernel_distance" (each with
        "synthetic, held-out", "synthetic, train" and, as what real pictures give among
        themselves, "train, held-out"), "variety" (mean deviation of a feature of the synthetic
        pictures / of the training pictures: far below 1 is mode collapse) and "memorised".

    Raises:
        InputError: fewer than 10 pictures of a kind.
    """
    given = {"train": train, "held-out": held_out, "synthetic": synthetic}
    enough({name: len(pictures) for name, pictures in given.items()})
    found = {name: (features or fixed_features)(p) for name, p in given.items()}
    scale = StandardScaler().fit(found["train"])
    found = {name: scale.transform(np.asarray(x, np.float64)) for name, x in found.items()}
    pairs = [("synthetic", "held-out"), ("synthetic", "train"), ("train", "held-out")]
    return {
        "pictures": {name: len(pictures) for name, pictures in given.items()},
        "told_apart": {
            f"{a}, {b}": told_apart(found[a], found[b], seed) for a, b in pairs
        },
        "kernel_distance": {
            f"{a}, {b}": kernel_interval(found[a], found[b], seed) for a, b in pairs
        },
        "variety": float(found["synthetic"].std(0).mean() / found["train"].std(0).mean()),
        "memorised": memorised(*found.values()),
    }  # fmt: skip


def table(found):
    """The report as a table of texts, a row a measure.

    Args:
        found: dict of `report`.

    Returns:
        (DataFrame, caption lines).
    """
    rows = []
    for pair, (accuracy, p) in found["told_apart"].items():
        rows.append(("Told apart by a classifier", pair, f"{accuracy:.2f}", f"{p:.2g}", "0.5"))
    for pair, (value, low, high) in found["kernel_distance"].items():
        text = f"{value:.3f} ({low:.3f} to {high:.3f})"
        rows.append(("Kernel distance", pair, text, "", "0"))
    rows.append(("Variety", "synthetic / train", f"{found['variety']:.2f}", "", "1"))
    m = found["memorised"]
    rows += [
        ("Nearest distance, train / held-out", "synthetic", f"{m['ratio']:.2f}", "", "1"),
        (
            "Nearest real picture is a training one", "synthetic", f"{m['train_share']:.2f}",
            f"{m['share_p']:.2g}", f"{m['expected_share']:.2f}",
        ),
        (
            "Nearest distance / that among train", "synthetic", f"{m['own_ratio']:.2f}",
            f"{m['own_p']:.2g}", "1",
        ),
    ]  # fmt: skip
    counts = ", ".join(f"{count} {name}" for name, count in found["pictures"].items())
    lines = [
        f"Pictures: {counts}. The rows train, held-out are what real pictures give.",
        "Classifier: accuracy of a support vector machine, five folds, p by permutation.",
        "Kernel distance: unbiased MMD², KID's kernel; in brackets 95% of it on random halves.",
        f"Copies of training pictures: {'yes' if m['copied'] else 'not shown'} (yes where p is "
        "below 0.01 in both of the last two rows).",
    ]
    if found["variety"] < COLLAPSED:
        lines.append(
            f"Mode collapse: the synthetic pictures differ from each other {found['variety']:.2f} "
            "times as much as real ones do. Train longer, or do without them."
        )
    return pd.DataFrame(rows, columns=["Measure", "Of", "Value", "p", "Perfect"]), lines


def figure(train, held_out, synthetic, nearest, count=24):
    """Three sheets side by side: held-out, synthetic, and each one's nearest training picture.

    Args:
        train, held_out, synthetic: as for `report`.
        nearest: integers, `report(...)["memorised"]["nearest"]`.
        count: at most so many of each, the first.

    Returns:
        matplotlib figure.
    """
    count = min(count, len(held_out), len(synthetic))
    titles = ("Held out, not seen", "Synthetic", "Nearest training picture")
    shown = (held_out[:count], synthetic[:count], train[nearest[:count]])
    drawn, axes = reports.pyplot().subplots(1, 3, figsize=(12, 6.4), layout="constrained")
    for axis, title, pictures in zip(axes, titles, shown, strict=True):
        axis.imshow(images.tile(pictures, columns=4))
        axis.set_title(title)
        axis.axis("off")
    return drawn
