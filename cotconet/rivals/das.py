"""Das, Sahoo, Meher 2022: ResNet-18 with an orthogonal softmax layer.

Stated (abstract): transfer learning of ResNet-18, extra dropout and ReLU layers, classification by
an orthogonal softmax layer (OSL). Stated of OSL (Li et al. 2020, arXiv 2004.09033, and their
code): the weight vectors of the classes are kept orthogonal in training and at test by a fixed
mask of 0 and 1, logits = x (W * M) + b; class k of K owns the D // K inputs from k * (D // K) on,
the last one the remainder too; weights start uniform within 1 / sqrt(D).
Derived: 11,317,954 parameters, 11,186,112 of them the backbone's; 256 of OSL's 512 weights live.
Assumed: 224 pixels; average pooling, dropout 0.5, dense 256 ReLU, dropout 0.5, OSL; Adam, 1e-4 for
the backbone and 1e-3 for the head, batches of 32, 30 epochs, cross-entropy.
Contradicted: CoTCoNet's rows for ALL-IDB1 and ALL-IDB2 need more pictures than the sets have.
"""

import re
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
from keras import layers, ops

from cotconet.leugan import register
from cotconet.rivals.classifier import Rival, probabilities
from smears import backend
from smears import weights as weight_files

PRESET = "resnet_18_imagenet"
HEAD = 10  # the head's rate in rates of the backbone (assumed)


def resnet18(size):
    """keras-hub's ResNet-18 as a flat model, pixels (n, size, size, 3) -> map, random weights.

    Pixels are scaled by ImageNet's means and deviations (`smears.pictures.preprocess`, "torch").
    """
    with backend.quiet_stderr():  # keras-hub imports TensorFlow where it is installed
        import keras_hub
    network = keras_hub.models.ResNetBackbone(
        input_conv_filters=[64], input_conv_kernel_sizes=[7],
        stackwise_num_filters=[64, 128, 256, 512], stackwise_num_blocks=[2, 2, 2, 2],
        stackwise_num_strides=[1, 2, 2, 2], block_type="basic_block", use_pre_activation=False,
        image_shape=(size, size, 3),
    )  # fmt: skip
    return keras.Model(network.input, network.output, name="resnet18")


def with_head(backbone, dropout=0.5):
    """A backbone under the dropout, ReLU and orthogonal softmax layers of this method.

    Returns:
        keras.Model, pixels -> probabilities (n, 2).
    """
    x = layers.GlobalAveragePooling2D(name="average")(backbone.output)
    x = layers.Dropout(dropout, name="dropout1")(x)
    x = layers.Dense(256, activation="relu", name="head_hidden")(x)
    x = layers.Dropout(dropout, name="dropout2")(x)
    x = OrthogonalSoftmax(2, dtype="float32", name="head_osl")(x)
    return keras.Model(backbone.input, probabilities(x), name=f"{backbone.name}_osl")


@register
class OrthogonalSoftmax(layers.Layer):
    """A dense layer whose classes see inputs of their own: logits x (W * M) + b, (n, d) -> (n, k).

    Args:
        units: k, at most d.
    """

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units

    def build(self, shape):
        width = shape[-1]
        if width < self.units:
            raise ValueError(f"{self.units} classes cannot share {width} inputs")
        bound = width**-0.5
        start = keras.initializers.RandomUniform(-bound, bound)
        self.kernel = self.add_weight(shape=(width, self.units), initializer=start, name="kernel")
        self.bias = self.add_weight(shape=(self.units,), initializer="zeros", name="bias")
        owner = np.minimum(np.arange(width) // (width // self.units), self.units - 1)
        self.mask = np.eye(self.units, dtype=np.float32)[owner]
        self.built = True

    def call(self, inputs):
        live = self.kernel * ops.convert_to_tensor(self.mask, self.kernel.dtype)
        return ops.matmul(inputs, ops.cast(live, inputs.dtype)) + self.bias

    def compute_output_shape(self, shape):
        return (*shape[:-1], self.units)

    def get_config(self):
        return {**super().get_config(), "units": self.units}


class TwoRates(keras.optimizers.Adam):
    """Adam whose rate is `HEAD` times as high for layers whose name begins with "head_"."""

    def build(self, variables):
        super().build(variables)
        self.faster = tuple(variable.path.startswith("head_") for variable in variables)

    def update_step(self, gradient, variable, learning_rate):
        if self.faster[self._get_variable_index(variable)]:
            learning_rate = learning_rate * HEAD
        super().update_step(gradient, variable, learning_rate)


@dataclass(eq=False, repr=False)
class Das(Rival):
    """ResNet-18 under an orthogonal softmax layer. Arguments: see `Rival`.

    Args:
        weights: "imagenet": keras-hub's; None: random; or a file: of the whole network in Keras's
            names, or an .npz in torchvision's names with the normalisation folded into the
            convolutions. Such a backbone is cut where the file ends, and its normalisations stay
            as they are, for their true statistics are not known.
    """

    weights: str | Path | None = "imagenet"

    def build(self, train):
        backbone = resnet18(self.size)
        if self.weights is None:
            return with_head(backbone), "random"
        if self.weights == "imagenet":
            backbone.set_weights(weight_files.hub("ResNetBackbone", PRESET).get_weights())
            return with_head(backbone), "ImageNet"
        path = Path(self.weights)
        backbone, kind = weight_files.cut_off(backbone, _load(backbone, path), path)
        return with_head(backbone), kind

    def optimizer(self, steps):
        return TwoRates(self.learning_rate)


def _load(backbone, path):
    """Put a file's weights into the backbone; returns the names of layers that it lacks."""
    if path.suffix != ".npz":
        return weight_files.load(backbone, path).missing
    with np.load(path, allow_pickle=False) as file:
        stored = {re.sub(r"^\d+_", "", name): file[name].astype("float32") for name in file.files}
    if "conv1/bias" not in stored:
        return weight_files.load(backbone, path).missing
    missing = []
    for layer in backbone.layers:
        if not layer.weights:
            continue
        name, kind = _torchvision(layer.name).rsplit(" ", 1)
        own = f"{name}/{'kernel' if kind == 'conv' else 'bias'}"
        if own not in stored:
            missing.append(layer.name)
        elif kind == "conv":
            layer.set_weights([stored[own]])
        else:
            # At mean 0 and variance 1 - epsilon it adds the bias and does nothing else.
            one = np.ones_like(stored[own])
            layer.set_weights([one, stored[own], 0 * one, (1 - layer.epsilon) * one])
            layer.trainable = False
    return missing


def _torchvision(name):
    """E.g. "stack1_block0_2_bn" -> "layer2.0.conv2 bn"; "conv1_conv" -> "conv1 conv"."""
    found = re.fullmatch(r"stack(\d)_block(\d)_(\d)_(conv|bn)", name)
    if not found:
        return name.replace("_", " ")
    stack, block, number, kind = found.groups()
    part = "downsample.0" if number == "0" else f"conv{number}"
    return f"layer{int(stack) + 1}.{block}.{part} {kind}"
