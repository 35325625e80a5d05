"""LIME: which superpixels speak for a class and which against it, from hiding some of them.

Ribeiro et al. 2016, arXiv 1602.04938; LeukocyteNet, section 5-1, equation 4. Segmentation, kernel
and ridge regression are those of the package `lime`, samples are drawn as it draws them. What it
does a pixel at a time is done here a batch at a time.
"""

import cv2
import numpy as np

from smears import images
from smears.explain import Explanation, targets

# What lime takes unless told otherwise.
KERNEL_WIDTH = 0.25
PENALTY = 1.0

TOP = 5  # superpixels that must be stable, and that are shown
SIDE = 224  # longer side on which superpixels are found: lime's settings are for such pictures
CHUNK = 64  # changed pictures held at a time
UNSTABLE = "are not stable"  # stands in the note of a map whose strongest superpixels are not

# Told apart by colour-blind readers too: bluish green and vermilion of Okabe and Ito.
FOR, AGAINST = (0, 158, 115), (213, 94, 0)


def explain(classifier, pictures, target=None, *, samples=256, most=1024, seed=0):
    """Heat maps and weights of superpixels, a list of `Explanation`, one a picture.

    A superpixel is hidden by its mean colour, each with probability 1/2. A ridge regression of the
    class's probability on what was hidden, samples near the picture weighted more, gives the
    superpixels' weights; the map shows the positive ones, divided by the largest. The number of
    samples is doubled until two regressions, on every other sample each, have the same `TOP`
    superpixels of most weight; `note` says if they have not at `most`. `spread` is half the width
    of a normal 95% interval over drawings of the samples, with errors of unequal size (MacKinnon
    and White 1985, HC2). The ridge's pull towards zero is not in it.

    Args:
        classifier: anything with `scores(pictures)`, float (n, classes), and `classes`; one with
            `size`, such as smears.classifier.Classifier, gets pictures resized to it.
        pictures: sequence of uint8 (h, w, 3) RGB.
        target: class number, a list of them, or None for the most probable class.
        samples: changed pictures at first; multiples of 16 fill the classifier's batches.
        most: changed pictures at last.
        seed: of the samples, the same for every picture.
    """
    chosen = None if target is None else np.broadcast_to(target, len(pictures))
    return [
        _explained(
            classifier, picture, None if chosen is None else chosen[number], samples, most, seed
        )
        for number, picture in enumerate(pictures)
    ]  # fmt: skip


def regions_picture(picture, explanation, most=TOP):
    """The picture with its strongest superpixels: green for the class, orange against it.

    LeukocyteNet's Figure 11 and section 5 have green and red. A light line runs around those for
    the class, a dark one around those against it.

    Args:
        picture: uint8 (h, w, 3) RGB. explanation: of `explain`. most: superpixels shown.

    Returns:
        uint8 (h, w, 3).
    """
    from skimage.segmentation import find_boundaries

    drawn = picture.astype(np.float32)
    weights = explanation.weights
    for region in strongest(weights, most):
        if weights[region]:
            place = explanation.regions == region
            speaks = weights[region] > 0
            drawn[place] = 0.55 * drawn[place] + 0.45 * np.array(FOR if speaks else AGAINST)
            line = place & find_boundaries(place, mode="thick")
            drawn[line] = 255 if speaks else 0
    return np.round(drawn).astype(np.uint8)


def mark(explanation):
    """What a figure writes beside a map not to be relied on: "not stable", "flat", else ""."""
    if UNSTABLE in explanation.note:
        return "not stable"
    return "" if np.ptp(explanation.map) else "flat"


def strongest(weights, most=TOP):
    """Numbers of the superpixels with most weight, either way."""
    return np.argsort(-np.abs(weights), kind="stable")[:most]


def superpixels(picture):
    """Number of each pixel's superpixel, int (h, w) from 0 on: quickshift as lime sets it.

    Vedaldi and Soatto 2008. The picture is brought to `SIDE` first, so that it has some 50,
    whatever its size; at 64 pixels lime's settings give five, at 2,000 thousands.
    """
    from lime.wrappers.scikit_image import SegmentationAlgorithm

    height, width = picture.shape[:2]
    scale = SIDE / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    quickshift = SegmentationAlgorithm("quickshift", kernel_size=4, max_dist=200, ratio=0.2)
    found = quickshift(cv2.resize(picture, size, interpolation=way))
    # Small pictures may lose some on the way back: numbered anew without gaps.
    found = _nearest(found, height, width)
    return np.unique(found, return_inverse=True)[1].reshape(height, width)


def _explained(classifier, picture, target, samples, most, seed):
    regions = superpixels(picture)
    count = int(regions.max()) + 1
    size = getattr(classifier, "size", None)
    shown = images.resize(picture, size) if size else picture
    small = _nearest(regions, *shown.shape[:2])
    hidden = _means(shown, small, count)
    rng = np.random.RandomState(seed)
    rng.randint(1000)  # lime draws a seed of the segmentation first, which does not use it
    rows, found, wanted = np.empty((0, count), int), None, samples
    while True:
        fresh = rng.randint(0, 2, (wanted - len(rows)) * count).reshape(-1, count)
        if not len(rows):
            fresh[0] = 1
        answers = _answers(classifier, shown, hidden, small, fresh)
        rows = np.concatenate([rows, fresh])
        found = answers if found is None else np.concatenate([found, answers])
        which = int(targets(target, found[:1])[0])
        stable = _stable(rows, found, which)
        if stable or len(rows) >= most:
            break
        wanted = min(2 * len(rows), most)
    moved = np.ptp(found[:, which]) > 1e-9  # else what the fit finds is rounding
    weights, spread = _weights(rows, found, which) * moved, _spread(rows, found[:, which]) * moved
    heat = np.maximum(weights, 0)
    source = {"samples": len(rows), "segments": count, "seed": seed, "method": "quickshift"}
    return Explanation(
        (heat / (heat.max() or 1))[regions].astype(np.float32), which, "LIME", source,
        _note(moved, heat, stable, len(rows)), regions, weights, spread,
    )  # fmt: skip


def _note(moved, heat, stable, samples):
    if len(heat) == 1:
        return "the picture is a single superpixel: nothing to compare"
    if not moved:
        return "the class's probability is the same whatever is hidden"
    if not heat.any():
        return "no superpixel speaks for the class"
    top = min(TOP, len(heat))
    return "" if stable else f"the {top} strongest superpixels {UNSTABLE} at {samples} samples"


def _nearest(regions, height, width):
    if regions.shape == (height, width):
        return regions
    sized = cv2.resize(
        regions.astype(np.int32), (width, height), interpolation=cv2.INTER_NEAREST_EXACT
    )
    return sized.astype(int)


def _means(picture, regions, count):
    """The picture with each superpixel in its mean colour, cut to whole numbers as lime does."""
    flat = regions.ravel()
    pixels = np.maximum(np.bincount(flat, minlength=count), 1)
    means = [
        np.bincount(flat, picture[..., channel].ravel(), count) / pixels for channel in range(3)
    ]
    return np.stack(means, axis=1).astype(np.uint8)[regions]


def _answers(classifier, picture, hidden, regions, rows):
    """The classifier's answers to the picture with superpixels hidden where a row is 0."""
    found = []
    for start in range(0, len(rows), CHUNK):
        kept = rows[start : start + CHUNK].astype(np.uint8)
        changed = np.repeat(hidden[None], len(kept), axis=0)
        for one, row in zip(changed, kept, strict=True):
            cv2.copyTo(picture, row[regions], one)
        found.append(classifier.scores(changed))
    return np.concatenate(found)


def _kernel(distances):
    """lime's: from cosine distance to a weight in (0, 1]."""
    return np.sqrt(np.exp(-(distances**2) / KERNEL_WIDTH**2))


def _distances(rows):
    """Cosine distance of each row to the row of ones, the picture itself; nothing kept: 1."""
    return 1 - np.sqrt(rows.mean(1))


def _weights(rows, answers, which):
    """lime's weighted ridge regression on all superpixels: a weight for each."""
    from lime.lime_base import LimeBase

    base = LimeBase(_kernel, random_state=np.random.RandomState(0))
    _, pairs, _, _ = base.explain_instance_with_data(
        rows, answers, _distances(rows), which, rows.shape[1], feature_selection="none"
    )
    weights = np.zeros(rows.shape[1])
    for region, weight in pairs:
        weights[region] = weight
    return weights


def _spread(rows, answers):
    """Half the width of each weight's 95% interval over drawings of the samples."""
    near = _kernel(_distances(rows))
    middle = np.average(rows, axis=0, weights=near)
    x = rows - middle
    inverse = np.linalg.inv((near[:, None] * x).T @ x + PENALTY * np.eye(rows.shape[1]))
    mean = np.average(answers, weights=near)
    pull = near[:, None] * (x @ inverse)  # what an answer adds to each weight
    errors = answers - mean - x @ (pull.T @ (answers - mean))
    # A sample far out draws the plane to itself, so that its error is seen too small.
    leverage = (pull * x).sum(1) + near / near.sum()
    return 1.96 * np.sqrt((pull**2 * (errors**2 / (1 - leverage))[:, None]).sum(0))


def _stable(rows, answers, which):
    """Whether every other sample and the rest have the same strongest superpixels."""
    halves = [
        set(strongest(_weights(rows[first::2], answers[first::2], which)).tolist())
        for first in (0, 1)
    ]
    return halves[0] == halves[1]
