"""Whether a heat map stays what it is: under small changes of the picture, and over seeds."""

from itertools import combinations

import numpy as np
from scipy import stats

RADIUS = 5  # grey levels of 255; less than a subject's stain or light changes a picture (assumed)


def max_sensitivity(explain, pictures, maps, radius=RADIUS, samples=5, seed=0):
    """The largest change of a map, in shares of its own norm, under small noise on the picture.

    Yeh et al. 2019 (arXiv 1901.09392), definition 1, by Monte Carlo, relative to the norm of the
    map as Bhatt et al. 2020 (arXiv 2005.00631) have it. Lower is better; 0 for a map that no noise
    moves, be it because it does not look at the picture.

    Args:
        explain: function of a list of pictures -> list of float (h, w), one each, always of the
            classes that `maps` explain.
        pictures: sequence of uint8 (h, w, 3) RGB. maps: float (h, w) of each, as `explain` gives.
        radius: grey levels by which each value may change either way.
        samples: noisy copies of each picture. seed: of the noise.

    Returns:
        float64 (n,); NaN where the map is zero everywhere and that of a noisy copy is not.
    """
    rng = np.random.default_rng(seed)
    worst = np.zeros(len(maps))
    for _ in range(samples):
        noisy = [
            np.clip(picture + rng.integers(-radius, radius + 1, picture.shape), 0, 255)
            for picture in pictures
        ]
        moved = explain([picture.astype(np.uint8) for picture in noisy])
        apart = [np.linalg.norm(a - b) for a, b in zip(moved, maps, strict=True)]
        worst = np.maximum(worst, apart)
    norms = np.array([np.linalg.norm(map) for map in maps])
    with np.errstate(invalid="ignore", divide="ignore"):
        found = worst / norms
    found[(norms == 0) & (worst > 0)] = np.nan
    found[worst == 0] = 0.0
    return found


def stability(maps):
    """Mean rank correlation of the maps of one picture that differ in the seed alone.

    Args:
        maps: float (seeds, h, w), seeds >= 2.

    Returns:
        Mean of `rank_correlation` over all pairs; higher is better, 1 if the seed does not matter.
    """
    return float(np.mean([rank_correlation(a, b) for a, b in combinations(maps, 2)]))


def rank_correlation(first, second):
    """Spearman's correlation of two maps' pixels, in [-1, 1].

    A flat map has none; beside another flat one it is called 1, for both say the same, and beside
    one that is not flat 0.
    """
    flat = np.ptp(first) == 0, np.ptp(second) == 0
    if any(flat):
        return float(all(flat))
    return float(stats.spearmanr(np.ravel(first), np.ravel(second)).statistic)


def structural_similarity(first, second):
    """SSIM of two maps in [0, 1], at least 7 x 7 (Wang et al. 2004); 1 if they are equal."""
    from skimage import metrics  # slow to import

    return float(metrics.structural_similarity(first, second, data_range=1.0))
