"""Whether a heat map lies on the nucleus or the cell: pointing game, relevance inside, overlap.

Arrays in, a number in [0, 1] out; higher is better in all of them, NaN where the mask is empty or
full, so that nothing can be right or wrong. Equal values are treated alike wherever they lie: a map
of plateaus, as LIME's, is scored as its expectation over random orders of its ties, and a flat map,
zero or not, as the guess that it is (the share of the picture that the mask takes).
"""

import numpy as np


def at_half(map):
    """The region of a map: bool (h, w), where it has at least half of its maximum."""
    return map >= map.max() / 2


def iou(region, mask):
    """Intersection over union (Jaccard 1912) of two regions. Higher is better.

    Args:
        region: bool (h, w), e.g. `at_half(map)`. mask: bool (h, w).
    """
    return float((region & mask).sum() / (region | mask).sum()) if _usable(mask) else np.nan


def dice(region, mask):
    """Twice the intersection over the sum of both areas (Dice 1945). Higher is better.

    Args:
        region: bool (h, w), e.g. `at_half(map)`. mask: bool (h, w).
    """
    return (
        float(2 * (region & mask).sum() / (region.sum() + mask.sum())) if _usable(mask) else np.nan
    )


def pointing_game(map, mask):
    """1 where the map's maximum lies inside the mask, else 0. Higher is better.

    Zhang et al. 2018, IJCV 126 (arXiv 1608.00507), section 4.1, without their tolerance of 15
    pixels, which is as much as a small cell measures. Of several equal maxima, the share of them
    that lies inside.

    Args:
        map: float (h, w). mask: bool (h, w).
    """
    return float(mask[map == map.max()].mean()) if _usable(mask) else np.nan


def mass_accuracy(map, mask):
    """Share of the map's sum that lies inside the mask. Higher is better.

    Relevance mass accuracy, Arras et al. 2022, Information Fusion 81 (arXiv 2003.07258), equation
    1. A map that is zero everywhere counts as any other flat one.

    Args:
        map: float (h, w), nothing negative. mask: bool (h, w).

    Raises:
        ValueError: negative values, whose sum is no mass.
    """
    if map.min() < 0:
        raise ValueError(
            "a map with negative values has no mass: give its absolute or positive part"
        )
    if not _usable(mask):
        return np.nan
    total = map.sum(dtype=float)
    return float(map[mask].sum(dtype=float) / total) if total > 0 else float(mask.mean())


def rank_accuracy(map, mask):
    """Share of the map's highest pixels, as many as the mask has, that lie inside the mask.

    Relevance rank accuracy, Arras et al. 2022, equation 2. Higher is better. It is the Dice
    coefficient at the threshold that gives the mask's own area.

    Args:
        map: float (h, w). mask: bool (h, w).
    """
    if not _usable(mask):
        return np.nan
    area = int(mask.sum())
    value = np.partition(map, -area, axis=None)[-area]
    above, tied = map > value, map == value
    share = (area - above.sum()) / tied.sum()
    return float(((above & mask).sum() + share * (tied & mask).sum()) / area)


def scores(map, mask):
    """All of them against nucleus and cell.

    Args:
        map: float (h, w) in [0, 1]. mask: uint8 (h, w), 0 background, 128 cytoplasm, 255 nucleus
            (`smears.images.read_mask`); without 128, the cell is not known apart from the nucleus.

    Returns:
        Dict "<measure> <part>" -> float; of the cell NaN where the mask has no cytoplasm.
    """
    region, found = at_half(map), {}
    for part, own in (("nucleus", mask == 255), ("cell", mask >= 128)):
        if part == "cell" and not (mask == 128).any():
            own = np.zeros_like(own)
        found |= {
            f"pointing {part}": pointing_game(map, own), f"mass {part}": mass_accuracy(map, own),
            f"rank {part}": rank_accuracy(map, own), f"iou {part}": iou(region, own),
            f"dice {part}": dice(region, own),
        }  # fmt: skip
    return found


def _usable(mask):
    return mask.any() and not mask.all()
