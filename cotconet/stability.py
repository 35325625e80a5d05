"""How alike are the sets of features that a selector finds from different seeds?"""

from itertools import combinations

import numpy as np
from scipy.stats import norm


def jaccard(masks):
    """Mean over pairs of masks of common over joint features, 0..1; chance is not taken off.

    Args:
        masks: bool (runs, features), two runs or more, none empty.
    """
    masks = _checked(masks)
    return float(np.mean([(a & b).sum() / (a | b).sum() for a, b in combinations(masks, 2)]))


def stability(masks, level=0.95):
    """Stability corrected for chance (Nogueira, Sechidis and Brown 2018, JMLR 18(174)).

    1 where all runs choose the same features, 0 on average where each chooses as many at random;
    Kuncheva's index where all sets are equally large.

    Args:
        masks: bool (runs, features), two runs or more. level: of the interval.

    Returns:
        (estimate, low, high): their Theorem 7's asymptotic interval. All NaN where every run
        chooses all features or none, for which it is not defined.
    """
    masks = _checked(masks)
    runs, features = masks.shape
    share = masks.mean(0)
    sizes = masks.sum(1)
    mean = sizes.mean() / features
    chance = mean * (1 - mean)
    if chance == 0:
        return np.nan, np.nan, np.nan
    spread = runs / (runs - 1) * np.mean(share * (1 - share))
    estimate = 1 - spread / chance
    # Each run's own share of the estimate, up to a constant.
    own = (masks @ share) / features - sizes * mean / features
    own += estimate / 2 * (2 * sizes * mean / features - sizes / features - mean + 1)
    own /= chance
    deviation = 2 / runs * np.sqrt(np.square(own - own.mean()).sum())
    reach = norm.ppf((1 + level) / 2) * deviation
    return float(estimate), float(estimate - reach), float(estimate + reach)


def _checked(masks):
    masks = np.asarray(masks, bool)
    if masks.ndim != 2 or len(masks) < 2:
        raise ValueError(f"masks has the shape {masks.shape}: give (runs, features), runs > 1")
    return masks
