"""Saliency: how strongly a class's score would answer to a small change of each pixel.

Simonyan et al. 2014, arXiv 1312.6034, section 3; SmoothGrad: Smilkov et al. 2017, arXiv 1706.03825.
LeukocyteNet, section 5-3, names neither (assumed).
"""

import numpy as np

from smears.explain import Explanation, gradients
from smears.explain.overlay import fit

BATCH = 4  # pictures at a time: all layers' values are kept for the way back


def explain(classifier, pictures, target=None, *, samples=0, noise=0.15, seed=0):
    """Heat maps of the gradient, a list of `Explanation`, one a picture.

    The largest of the three channels' magnitudes, of the gradient by the network's own input:
    pixels resized and scaled as in training.

    Args:
        classifier: smears.classifier.Classifier of a Functional or Sequential network.
        pictures: sequence of uint8 (h, w, 3) RGB.
        target: class number, a list of them, or None for the most probable class.
        samples: 0 for the plain gradient; else SmoothGrad: the mean of the gradients at so many
            noisy copies of the input (Smilkov et al. use 50).
        noise: deviation of that noise in shares of the input's range (Smilkov et al.: 0.1 to 0.2).
        seed: of that noise, the same for every picture.
    """
    if not len(pictures):
        return []
    model = gradients.scores(classifier.network, classifier.size).model
    chosen = None if target is None else np.broadcast_to(target, len(pictures))
    source = {"layer": "input", "grid": [classifier.size] * 2}
    if samples:
        source |= {"samples": samples, "noise": noise, "seed": seed}
    found = []
    for start in range(0, len(pictures), BATCH):
        several = pictures[start : start + BATCH]
        x = classifier.prepare(several)
        which, slopes = _slopes(model, x, None if chosen is None else chosen[start : start + BATCH])
        for number, picture in enumerate(several):
            own = slopes[number]
            if samples:
                own = _smooth(model, _copies(x[number], samples, noise, seed), which[number])
            heat, note = _scaled(np.abs(own).max(-1), picture)
            name = "SmoothGrad" if samples else "Saliency"
            found.append(Explanation(heat, int(which[number]), name, source, note))
    return found


def _slopes(model, x, target):
    return gradients.gradient(lambda pixels: model(pixels, training=False), x, target)


def _copies(x, samples, noise, seed):
    """Noisy copies of an input, float32 (samples, size, size, 3)."""
    rng = np.random.default_rng(seed)
    shape = (samples, *x.shape)
    return x + np.float32(noise * np.ptp(x)) * rng.standard_normal(shape, dtype=np.float32)


def _smooth(model, copies, which):
    """The mean over the copies of the gradient of the class's score, float64 (size, size, 3)."""
    total = np.zeros(copies.shape[1:])
    for start in range(0, len(copies), BATCH):
        total += _slopes(model, copies[start : start + BATCH], which)[1].sum(0)
    return total / len(copies)


def _scaled(strength, picture):
    """(float32 map of the picture's size in [0, 1], why it is flat or "")."""
    empty = np.zeros(picture.shape[:2], np.float32)
    if not np.isfinite(strength).all():
        return empty, "the gradient is no finite number"
    if not strength.any():
        return empty, "the class's score depends on no pixel here"
    alike = np.ptp(strength) <= 1e-6 * strength.max()
    return fit(strength, picture), "every pixel sways the class's score alike" if alike else ""
