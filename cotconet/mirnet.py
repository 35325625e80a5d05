"""MIRNet-v2, the trained enhancement of Table 7's row "MirNET", on pairs of our own making."""

import shutil
import threading
from pathlib import Path

import cv2
import keras
import numpy as np
from keras import layers, ops

from smears import backend, training
from smears import weights as weight_files
from smears.arrays import write_stream
from smears.images import resize
from smears.pictures import order

SLOPE = 0.2  # of every leaky ReLU
GROUPS = (1, 2, 4, 4)  # of the convolutions, in each recursive residual group

register = keras.saving.register_keras_serializable("cotconet")


def MIRNetV2(side=None, features=80, factor=1.5, blocks=2, groups=GROUPS):
    """MIRNet-v2 (Zamir et al. 2023, its authors' code): 5,858,560 parameters at the defaults.

    Recursive residual groups of multi-scale blocks: three resolutions with 80, 120 and 180
    channels, which exchange what they have found twice, by the same weights. No layer has a bias.

    Args:
        side: of the pictures, divisible by 4; None: any such sides.
        features: channels at full resolution; factor: how many times more at each half of it.
        blocks: multi-scale blocks in a group. groups: of the convolutions of each group.

    Returns:
        keras.Model, float (b, h, w, 3) in 0..1 -> float32 of the same shape.
    """
    inputs = keras.Input((side, side, 3), name="pixels")
    x = _conv(features, 3, "first")(inputs)
    for number, split in enumerate(groups, 1):
        start = x
        for block in range(1, blocks + 1):
            x = _multi_scale(x, features, factor, split, f"group{number}_block{block}")
        x = _conv(features, 3, f"group{number}_conv")(x)
        x = layers.Add(name=f"group{number}")([x, start])
    x = _conv(3, 3, "last")(x)
    x = layers.Add(name="enhanced", dtype="float32")([x, inputs])
    return keras.Model(inputs, x, name="mirnet_v2")


def _multi_scale(x, features, factor, groups, name):
    """A multi-scale residual block: three resolutions, two rounds, the middle and top joined."""
    widths = [int(features * factor**level) for level in range(3)]
    context = [ResidualContext(groups, name=f"{name}_context{level}") for level in range(3)]
    fuse = [SelectiveFusion(name=f"{name}_fuse{level}") for level in range(2)]
    top = x
    middle = _down(top, widths[1], f"{name}_down2")
    bottom = _down(_down(top, widths[1], f"{name}_down4a"), widths[2], f"{name}_down4b")
    for turn in (1, 2):
        top, middle, bottom = context[0](top), context[1](middle), context[2](bottom)
        middle = fuse[1]([middle, _up(bottom, widths[1], f"{name}_up32_{turn}")])
        top = fuse[0]([top, _up(middle, widths[0], f"{name}_up21_{turn}")])
    return layers.Add(name=name)([_conv(features, 1, f"{name}_conv")(top), x])


def _conv(filters, size, name, groups=1):
    kind = layers.Conv2D if groups == 1 else GroupedConv2D
    return kind(
        filters, size, padding="same", use_bias=False, groups=groups, kernel_initializer=_start(),
        name=name,
    )  # fmt: skip


def _start():
    """Uniform within 1 / sqrt(fan in), as the authors' framework starts convolutions: without
    normalisation, He's start makes four residual groups explode."""
    return keras.initializers.VarianceScaling(1 / 3, "fan_in", "uniform")


def _down(x, width, name):
    return _conv(width, 1, name)(layers.AveragePooling2D(2, name=f"{name}_pool")(x))


def _up(x, width, name):
    x = _conv(width, 1, name)(x)
    return layers.UpSampling2D(2, interpolation="bilinear", name=f"{name}_rise")(x)


@register
class GroupedConv2D(layers.Conv2D):
    """Keras's, but a convolution for each group: on a CPU a training step of MIRNet-v2 takes a
    seventh of the time, for neither backend has a fast gradient of grouped ones there."""

    def convolution_op(self, inputs, kernel):
        one = super().convolution_op
        parts = ops.split(inputs, self.groups, -1), ops.split(kernel, self.groups, -1)
        return ops.concatenate([one(x, own) for x, own in zip(*parts, strict=True)], -1)


@register
class ResidualContext(layers.Layer):
    """Two convolutions, then the map's global context added to each place, on a skip path.

    Args:
        groups: of both convolutions, must divide the channels.

    Input and output: float (b, h, w, c).
    """

    def __init__(self, groups=1, **kwargs):
        super().__init__(**kwargs)
        self.groups = groups

    def build(self, shape):
        width = shape[-1]
        self.first = _conv(width, 3, "first", self.groups)
        self.second = _conv(width, 3, "second", self.groups)
        self.attend = _conv(1, 1, "attend")
        self.squeeze = _conv(width, 1, "squeeze")
        self.expand = _conv(width, 1, "expand")
        for layer in (self.first, self.second, self.attend, self.squeeze):
            layer.build(shape)
        self.expand.build((shape[0], 1, 1, width))
        self.built = True

    def call(self, inputs):
        x = self.second(ops.leaky_relu(self.first(inputs), SLOPE))
        places = self.attend(x)
        places = ops.exp(places - ops.max(places, axis=(1, 2), keepdims=True))
        places = places / ops.sum(places, axis=(1, 2), keepdims=True)
        context = ops.sum(x * places, axis=(1, 2), keepdims=True)
        x = x + self.expand(ops.leaky_relu(self.squeeze(context), SLOPE))
        return inputs + ops.leaky_relu(x, SLOPE)

    def compute_output_shape(self, shape):
        return shape

    def get_config(self):
        return {**super().get_config(), "groups": self.groups}


@register
class SelectiveFusion(layers.Layer):
    """Selective kernel fusion: for each channel, how much of either of two maps is taken.

    Args:
        reduction: channels a unit of the narrow layer; at least four units.

    Input: two maps float (b, h, w, c). Output: one.
    """

    def __init__(self, reduction=8, **kwargs):
        super().__init__(**kwargs)
        self.reduction = reduction

    def build(self, shapes):
        width = shapes[0][-1]
        narrow = max(width // self.reduction, 4)
        self.squeeze = _conv(narrow, 1, "squeeze")
        self.choose = [_conv(width, 1, f"choose{number}") for number in range(2)]
        self.squeeze.build((None, 1, 1, width))
        for layer in self.choose:
            layer.build((None, 1, 1, narrow))
        self.built = True

    def call(self, inputs):
        first, second = inputs
        mean = ops.mean(first + second, axis=(1, 2), keepdims=True)
        narrow = ops.leaky_relu(self.squeeze(mean), SLOPE)
        # A softmax over two is a sigmoid of their difference.
        share = ops.sigmoid(self.choose[0](narrow) - self.choose[1](narrow))
        return first * share + second * (1 - share)

    def compute_output_shape(self, shapes):
        return shapes[0]

    def get_config(self):
        return {**super().get_config(), "reduction": self.reduction}


class Enhancer:
    """A trained MIRNet-v2 as a step of `enhancement.enhance`: uint8 (h, w, 3) to the same.

    Args:
        side: of the square in which pictures pass the network, divisible by 4.
        features, factor, blocks, groups: see `MIRNetV2`.
        seed: of weights, order and degradation; None: the weights are random as Keras's own
            generator stands.
    """

    def __init__(self, side=256, features=80, factor=1.5, blocks=2, groups=GROUPS, seed=0):
        if seed is not None:
            backend.seed(seed)
        self.config = {
            "side": side, "features": features, "factor": factor, "blocks": blocks,
            "groups": list(groups),
        }  # fmt: skip
        self.side, self.seed = side, seed or 0
        self.network = MIRNetV2(side, features, factor, blocks, groups)
        self._one_at_a_time = threading.Lock()  # pictures are prepared by several threads

    def fit(self, pictures, run, *, epochs=50, batch_size=8, learning_rate=2e-4, most=400):
        """Learn to undo `degraded` on some pictures, of the training part alone.

        Blood cells have no pairs of a bad and a good picture, and low-light weights know
        photographs of rooms; so each picture is the target and the input is made from it
        (assumed, C36). L1 loss, Adam from `learning_rate` to zero on a cosine.

        Args:
            pictures: sequence of uint8 (h, w, 3). run: smears.runs.Run; a finished one is loaded,
                a killed one goes on. most: pictures used, drawn by the seed.

        Returns:
            self.
        """
        if (run.folder / "mirnet.weights.h5").exists():
            self.network.load_weights(run.folder / "mirnet.weights.h5")
            return self
        store = run.folder / "cache" / "pictures.npy"
        if not store.exists():
            rows = np.random.default_rng(self.seed).permutation(len(pictures))[:most]
            shape = (len(rows), self.side, self.side, 3)
            squares = (resize(np.asarray(pictures[int(row)]), self.side)[None] for row in rows)
            write_stream(store, shape, np.uint8, squares)
        pairs = Pairs(store, batch_size=batch_size, seed=self.seed)
        rate = keras.optimizers.schedules.CosineDecay(learning_rate, epochs * len(pairs))
        self.network.compile(keras.optimizers.Adam(rate), "mean_absolute_error")
        run.begin()
        training.fit(self.network, pairs, None, run, epochs, title="MIRNet-v2")
        self.save(run.folder)
        for folder in ("cache", "checkpoint"):
            shutil.rmtree(run.folder / folder, ignore_errors=True)
        return self

    def __call__(self, image):
        x = resize(np.asarray(image), self.side)[None].astype(np.float32) / 255
        with self._one_at_a_time:
            found = np.asarray(self.network.predict_on_batch(x))[0]
        found = np.round(found.clip(0, 1) * 255).astype(np.uint8)
        if found.shape == image.shape:
            return found
        return cv2.resize(found, image.shape[1::-1], interpolation=cv2.INTER_CUBIC)

    def save(self, folder):
        """Write mirnet.json and mirnet.weights.h5, each whole or not at all."""
        weight_files.keep(self.network, folder, "mirnet", self.config | {"seed": self.seed})

    @classmethod
    def load(cls, folder):
        """Read what `save` wrote: numbers and text only, so nothing in it is run."""
        known = weight_files.kept(folder, "mirnet")
        seed = known.pop("seed")
        loaded = cls(**known, seed=None)
        loaded.seed = seed
        loaded.network.load_weights(Path(folder) / "mirnet.weights.h5")
        return loaded


class Pairs(keras.utils.PyDataset):
    """Degraded pictures and themselves; each batch a pure function of (seed, epoch, index).

    Args:
        store: path of a .npy of uint8 (n, side, side, 3). batch_size: the last may be smaller.
        seed: of order and degradation.

    Items: (float32 (b, side, side, 3), float32 of the same shape), both in 0..1.
    """

    def __init__(self, store, *, batch_size, seed=0):
        super().__init__(workers=1)
        self.store, self.batch_size, self.seed, self.epoch = store, batch_size, seed, 0
        self.count = len(np.load(store, mmap_mode="r"))

    def __len__(self):
        return -(-self.count // self.batch_size)

    def __getitem__(self, index):
        rows = order(self.count, True, self.seed, self.epoch)
        rows = rows[index * self.batch_size : (index + 1) * self.batch_size]
        good = np.load(self.store, mmap_mode="r")[rows].astype(np.float32) / 255
        bad = [
            degraded(picture, np.random.default_rng([self.seed, self.epoch, row]))
            for picture, row in zip(good, rows, strict=True)
        ]
        return np.stack(bad), good


def degraded(picture, rng):
    """A darker, noisier picture: gamma 1.5 to 3, normal noise of deviation up to 0.05 (C36).

    Args:
        picture: float32 (h, w, 3) in 0..1. rng: NumPy generator.

    Returns:
        float32 (h, w, 3) in 0..1.
    """
    dark = picture ** np.float32(rng.uniform(1.5, 3))
    noise = rng.normal(0, rng.uniform(0, 0.05), picture.shape).astype(np.float32)
    return np.clip(dark + noise, 0, 1)
