"""Grad-CAM: where a layer's map holds what speaks for a class.

Selvaraju et al. 2017, arXiv 1610.02391, equations 1 and 2; LeukocyteNet, section 5-2, equations
5 and 6.
"""

import numpy as np
from keras import ops

from smears.explain import Explanation, gradients
from smears.explain.overlay import fit

BATCH = 8  # pictures at a time


def explain(classifier, pictures, target=None, *, layer=None, centred=False):
    """Heat maps of one layer, a list of `Explanation`, one a picture.

    Args:
        classifier: smears.classifier.Classifier of a Functional or Sequential network.
        pictures: sequence of uint8 (h, w, 3) RGB.
        target: class number, a list of them, or None for the most probable class.
        layer: name of a layer whose output is (n, rows, columns, c), or (n, tokens, c) whose
            tokens fill a square row by row, in nested models too; None for the last map.
        centred: take the class's score less the mean of all classes'. Softmax knows scores up to
            a shift alone, and training leaves that shift where it was: a map of the bare score
            (the default, as published) may be flat for a class that the network is sure of.

    Raises:
        ValueError: no such layer, or one whose output is no map.
    """
    if not len(pictures):
        return []
    ready = gradients.scores(classifier.network, classifier.size)
    layer = layer or ready.spatial()
    front, back = ready.parts(layer)
    rows, columns = gradients.grid(front.output.shape)
    if rows * columns < 2:
        raise ValueError(
            f"layer={layer!r}: its output {tuple(front.output.shape[1:])} is no map. "
            f"{ready.spatial()!r} has one."
        )
    chosen = None if target is None else np.broadcast_to(target, len(pictures))
    found = []
    for start in range(0, len(pictures), BATCH):
        several = pictures[start : start + BATCH]
        which, coarse, dead = _coarse(
            front, back, classifier.prepare(several),
            None if chosen is None else chosen[start : start + BATCH], centred,
        )  # fmt: skip
        for number, picture in enumerate(several):
            square = coarse[number].reshape(rows, columns)
            heat, note = _scaled(square, dead[number], layer, picture)
            source = {"layer": layer, "grid": [int(rows), int(columns)]}
            if centred:
                source["score"] = "less the mean of all classes"
            found.append(Explanation(heat, int(which[number]), "Grad-CAM", source, note))
    return found


def _coarse(front, back, x, target, centred):
    """(class, weighted sum of the layer's channels before ReLU, whether no slope is there)."""
    x = ops.convert_to_tensor(x)

    def scores(inner):
        found = back([x, inner], training=False)
        return found - ops.mean(found, axis=1, keepdims=True) if centred else found

    maps = np.asarray(front(x, training=False))
    which, slopes = gradients.gradient(scores, maps, target)
    places = tuple(range(1, maps.ndim - 1))
    weights = slopes.mean(axis=places, keepdims=True)
    return which, (weights * maps).sum(-1), ~slopes.any(axis=(*places, maps.ndim - 1))


def _scaled(coarse, dead, layer, picture):
    """(float32 map of the picture's size in [0, 1], why it is flat or "")."""
    empty = np.zeros(picture.shape[:2], np.float32)
    if not np.isfinite(coarse).all():
        return empty, f"{layer} or its gradient is no finite number"
    if dead:
        return empty, f"the class's score does not depend on {layer} here"
    heat = np.maximum(coarse, 0)
    if not heat.any():
        return empty, f"nothing in {layer} speaks for the class: no weighted sum is above zero"
    flat = np.ptp(heat) <= 1e-6 * heat.max()
    return fit(heat, picture), f"{layer} speaks for the class everywhere alike" if flat else ""
