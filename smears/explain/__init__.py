"""Which pixels a classifier's answer rests on: Grad-CAM, saliency and LIME, in one form.

Each explainer is a module with `explain(classifier, pictures, target=None, **settings)`, which
returns a list of `Explanation`, one a picture. `classifier` is a smears.classifier.Classifier;
LIME takes anything with `scores(pictures)` and `classes`. `target` is a class number, a list of
them (one a picture), or None for the most probable class.
"""

from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class Explanation:
    """One heat map, and what it was computed from.

    Args:
        map: float32 (h, w) in [0, 1], of the picture's own size; 1 matters most.
        target: number of the class that is explained.
        method: e.g. "Grad-CAM".
        source: JSON-able dict of what it was computed from: layer, samples, segments, seed ...
        note: why the map is flat or not to be relied on; "" if nothing is to be said.
        regions: LIME alone: int (h, w), the number of each pixel's superpixel, else None.
        weights: LIME alone: float (regions,), positive for, negative against the class.
        spread: LIME alone: float (regions,), half the width of each weight's 95% interval.
    """

    map: np.ndarray
    target: int
    method: str
    source: dict = field(default_factory=dict)
    note: str = ""
    regions: np.ndarray | None = None
    weights: np.ndarray | None = None
    spread: np.ndarray | None = None


def targets(target, scores):
    """Class number of each picture: the given one or ones, or the most probable.

    Args:
        target: as in `explain`. scores: float (n, k).
    """
    if target is None:
        return scores.argmax(1)
    chosen = np.broadcast_to(np.asarray(target), len(scores))
    if chosen.min() < 0 or chosen.max() >= scores.shape[1]:
        raise ValueError(f"target={target!r}: classes are 0 to {scores.shape[1] - 1}")
    return chosen
