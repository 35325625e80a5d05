"""keras.applications' DenseNets for the compared methods, with the weights that can be had."""

import keras
import numpy as np

from smears import initialisation, pictures
from smears import weights as weight_files

START = 16  # pictures that a random start is scaled on


def densenet(name, size, weights):
    """A DenseNet without its classifier.

    Args:
        name: "DenseNet121" or "DenseNet201". size: side of the pictures, at least 32.
        weights: "imagenet" (downloaded), the path of a file, or None: random.

    Returns:
        (keras.Model, ImageNet-scaled pixels ("torch") -> last map, in words what it starts from).
        Where a file lacks layers, the network is cut before the first of them.

    Raises:
        smears.weights.NotAvailable: ImageNet weights that cannot be downloaded.
        smears.weights.WrongFile, FileNotFoundError: a file that does not fit or is not there.
    """
    constructor = getattr(keras.applications, name)
    arguments = {"include_top": False, "input_shape": (size, size, 3)}
    if weights == "imagenet":
        return weight_files.imagenet(constructor, **arguments), "ImageNet"
    network = constructor(weights=None, **arguments)
    if weights is None:
        return network, "random"
    return weight_files.take(network, weights)


def scale_start(network, part, mode):
    """Give a random network a start that the signal survives, on some pictures of a Part.

    Layer-sequential unit variance: a frozen network cannot learn what its normalisation should be.
    """
    shown = np.load(part.store, mmap_mode="r")
    chosen = np.random.default_rng(0).permutation(len(shown))[:START]
    batch = pictures.preprocess(shown[np.sort(chosen)], mode)
    initialisation.unit_variance(network, batch)
