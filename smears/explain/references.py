"""Heat maps that know nothing of the network, with which every measure must be compared."""

import cv2
import numpy as np

from smears.explain import Explanation, targets


def random_map(classifier, pictures, target=None, seed=0):
    """Noise: every pixel uniform in [0, 1], another map for each picture."""
    found = []
    for number, (picture, chosen) in enumerate(_with_targets(classifier, pictures, target)):
        noise = np.random.default_rng([seed, number]).random(picture.shape[:2], np.float32)
        found.append(Explanation(noise, chosen, "Random map", {"seed": seed}))
    return found


def centre(classifier, pictures, target=None):
    """A Gaussian in the middle, its deviation a quarter of each side: cells are cut out centred."""
    found = []
    for picture, chosen in _with_targets(classifier, pictures, target):
        down, across = (np.exp(-(np.linspace(-2, 2, side) ** 2) / 2) for side in picture.shape[:2])
        map = np.outer(down, across)
        found.append(Explanation((map / map.max()).astype(np.float32), chosen, "Centred Gaussian"))
    return found


def edges(classifier, pictures, target=None):
    """Sobel's gradient magnitude of the grey picture, over its maximum."""
    found = []
    for picture, chosen in _with_targets(classifier, pictures, target):
        grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
        map = np.hypot(*(cv2.Sobel(grey, cv2.CV_32F, x, 1 - x) for x in (0, 1)))
        map /= map.max() or 1
        found.append(Explanation(map, chosen, "Edge detector"))
    return found


def _with_targets(classifier, pictures, target):
    """Pairs of a picture and the class explained; the classifier is asked only if none is given."""
    if target is None:
        chosen = classifier.scores(pictures).argmax(1)
    else:
        chosen = targets(target, np.empty((len(pictures), len(classifier.classes))))
    return [(picture, int(number)) for picture, number in zip(pictures, chosen, strict=True)]
