"""Table 5's five frozen ImageNet networks, and the heads trained on their features."""

from typing import NamedTuple

import keras
from keras import layers

from smears import weights as weight_files


class Backbone(NamedTuple):
    """A keras.applications network: constructor's name, preprocessing mode, smallest side."""

    constructor: str
    preprocess: str
    smallest: int


BACKBONES = {
    "Xception": Backbone("Xception", "tf", 71),
    "Inception V3": Backbone("InceptionV3", "tf", 75),
    "MobileNet": Backbone("MobileNet", "tf", 32),
    "DenseNet121": Backbone("DenseNet121", "torch", 32),
    "VGG19": Backbone("VGG19", "caffe", 32),
}


def backbone(name, input_shape=(224, 224, 3), weights="imagenet"):
    """A frozen network without its classifier, as the authors' notebook has it.

    Args:
        name: key of `BACKBONES`.
        input_shape: (height, width, 3); 224 x 224 in the notebook.
        weights: "imagenet" or None.

    Returns:
        keras.Model, not trainable, whose output is the last feature map.

    Raises:
        ValueError: an input smaller than the network can take.
        smears.weights.NotAvailable: ImageNet weights that cannot be downloaded.
    """
    found = BACKBONES[name]
    if min(input_shape[:2]) < found.smallest:
        raise ValueError(f"{name} needs at least {found.smallest} pixels, not {input_shape[:2]}.")
    constructor = getattr(keras.applications, found.constructor)
    arguments = {"include_top": False, "input_shape": input_shape}
    if weights == "imagenet":
        network = weight_files.imagenet(constructor, **arguments)
    else:
        network = constructor(weights=None, **arguments)
    network.trainable = False
    return network


def head(feature_shape, classes, pooling="flatten"):
    """The trained part: softmax on the flattened map (notebook), or on its average (option).

    Args:
        feature_shape: (height, width, channels). classes: number of outputs.
        pooling: "flatten" or "average".
    """
    kinds = {"flatten": layers.Flatten, "average": layers.GlobalAveragePooling2D}
    if pooling not in kinds:
        raise ValueError(f"pooling={pooling!r}: give one of {', '.join(kinds)}.")
    inputs = keras.Input(feature_shape, name="features")
    flat = kinds[pooling](name=pooling)(inputs)
    outputs = layers.Dense(classes, activation="softmax", name="probabilities")(flat)
    return keras.Model(inputs, outputs, name="head")


def whole(frozen, trained):
    """Backbone and head as one flat model, pixels to probabilities."""
    x = frozen.output
    for layer in trained.layers[1:]:
        x = layer(x)
    return keras.Model(frozen.input, x, name=f"{frozen.name}_whole")
