"""Bring a heat map to its picture's size, and lay it over in colours that all can tell apart."""

import cv2
import numpy as np


def fit(heat, picture):
    """A coarse or finer map at the picture's size, its largest value 1.

    The scale of scores means nothing, so maps show where, not how much.

    Args:
        heat: float (rows, columns), not negative, not all zero. picture: uint8 (h, w, 3).

    Returns:
        float32 (h, w) in [0, 1]: means where it shrinks, linear in between where it grows.
    """
    height, width = picture.shape[:2]
    way = cv2.INTER_AREA if min(height, width) < min(heat.shape) else cv2.INTER_LINEAR
    sized = cv2.resize(np.asarray(heat, np.float32), (width, height), interpolation=way)
    return sized / sized.max()


def strength(heat):
    """How strong a map's colours are, float (h, w) in [0, 1].

    The strongest percent of the pixels is 1, as Smilkov et al. 2017 (arXiv 1706.03825, section 2)
    draw gradients, a few of which would leave all others dark.

    Args:
        heat: float (h, w) in [0, 1].
    """
    return np.minimum(heat / (np.percentile(heat, 99) or heat.max() or 1.0), 1)


def overlay(picture, explanation, opacity=0.5):
    """The picture under its heat map, from dark violet (0) to yellow (matplotlib's viridis).

    Args:
        picture: uint8 (h, w, 3) RGB. explanation: smears.explain.Explanation of that size.
        opacity: of the colours, 0 to 1.

    Returns:
        uint8 (h, w, 3).

    Raises:
        ValueError: sizes differ.
    """
    from matplotlib import colormaps

    heat = explanation.map
    if heat.shape != picture.shape[:2]:
        raise ValueError(f"a map {heat.shape} on a picture {picture.shape[:2]}: sizes must agree")
    colours = 255 * colormaps["viridis"](strength(heat))[..., :3]
    return np.round((1 - opacity) * picture + opacity * colours).astype(np.uint8)
