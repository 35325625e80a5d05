"""Whether the answer hangs on the pixels that a heat map names: deletion and insertion curves.

Petsiuk et al. 2018, RISE (arXiv 1806.07421), section 4.1. Pixels are taken in the map's order, the
most important first, and the class's probability is followed. Both say what the network rests on,
right or wrong; nothing of masks.
"""

import cv2
import numpy as np

STEPS = 15  # so that the pictures of one curve, the untouched one included, fill one batch of 16


def deletion(classifier, pictures, maps, targets, steps=STEPS, seed=0):
    """Probabilities while pixels give way to the picture's mean colour. A low area is better.

    Args:
        classifier: smears.classifier.Classifier, or anything with its `scores(pictures)`.
        pictures: sequence of uint8 (h, w, 3) RGB. maps: float (h, w) of each.
        targets: class number of each. steps: equal shares in which pixels are changed.
        seed: of the order of pixels whose values are equal.

    Returns:
        float64 (n, steps + 1): from the whole picture to the mean colour alone.
    """
    return _curves(classifier, pictures, [_mean(p) for p in pictures], maps, targets, steps, seed)


def insertion(classifier, pictures, maps, targets, steps=STEPS, seed=0):
    """Probabilities while pixels come back into the blurred picture. A high area is better.

    RISE blurs with 5 of 224 pixels' deviation; a cell stays a cell under that, so here it is a
    tenth of the picture's longer side (assumed).

    Args:
        classifier, pictures, maps, targets, steps, seed: as `deletion`.

    Returns:
        float64 (n, steps + 1): from the blurred to the whole picture.
    """
    blurred = [blur(picture) for picture in pictures]
    return _curves(classifier, blurred, pictures, maps, targets, steps, seed)


def area(curves):
    """Area below each curve, by trapezoids, the whole way being 1 long.

    Args:
        curves: float (n, steps + 1).

    Returns:
        float64 (n,) in [0, 1]; of deletion lower is better, of insertion higher.
    """
    curves = np.asarray(curves, float)
    return np.trapezoid(curves, axis=-1) / (curves.shape[-1] - 1)


def blur(picture):
    """The picture without its details: Gaussian of a tenth of the longer side, uint8 (h, w, 3)."""
    return cv2.GaussianBlur(picture, (0, 0), max(picture.shape[:2]) / 10)


def _mean(picture):
    return np.broadcast_to(np.round(picture.mean((0, 1))).astype(np.uint8), picture.shape)


def _curves(classifier, before, after, maps, targets, steps, seed):
    found = np.empty((len(maps), steps + 1))
    for row, (start, end, map, target) in enumerate(zip(before, after, maps, targets, strict=True)):
        places = _places(map, seed)
        limits = np.round(np.linspace(0, places.size, steps + 1))
        shown = [np.where((places < limit)[..., None], end, start) for limit in limits]
        found[row] = classifier.scores(shown)[:, target]
    return found


def _places(map, seed):
    """Integer (h, w): the place of each pixel in the order from the most important, from 0 on."""
    chance = np.random.default_rng(seed).random(map.size)
    places = np.empty(map.size, int)
    places[np.lexsort((chance, -map.ravel()))] = np.arange(map.size)
    return places.reshape(map.shape)
