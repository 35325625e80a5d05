"""U-Net and UNet++, the two segmenters that Table 7 puts in LeuSAM's place."""

from pathlib import Path

import cv2
import keras
import numpy as np
from keras import layers

from cotconet import mask_training
from cotconet.prompts import Prompted
from cotconet.segmentation import one_piece
from smears import backend
from smears import weights as weight_files
from smears.arrays import write_stream
from smears.images import resize

# Filters of each level, by the networks' own papers.
FILTERS = {"unet": (64, 128, 256, 512, 1024), "unet++": (32, 64, 128, 256, 512)}
STEPS = 4  # poolings: sides must be divisible by 2 ** STEPS


def UNet(side=256, filters=FILTERS["unet"]):
    """U-Net (Ronneberger et al. 2015): 31,031,745 parameters at the defaults.

    Two 3 x 3 convolutions with ReLU a level, 2 x 2 max-pooling on the way down, transposed 2 x 2
    convolutions and the level's own map on the way up. Convolutions are padded, so that the mask
    has the picture's side (the original's are not), and there is no batch normalisation.

    Args:
        side: of the input in pixels, divisible by 16. filters: of the five levels.

    Returns:
        keras.Model, float (b, side, side, 3) in 0..1 -> float32 logits (b, side, side).
    """
    x = inputs = keras.Input((side, side, 3), name="images")
    kept = []
    for level, count in enumerate(filters):
        x = _double(x, count, f"down{level}")
        if level < STEPS:
            kept.append(x)
            x = layers.MaxPooling2D(2, name=f"pool{level}")(x)
    for level in reversed(range(STEPS)):
        x = _up(x, filters[level], f"up{level}_rise")
        x = layers.Concatenate(name=f"up{level}_join")([kept[level], x])
        x = _double(x, filters[level], f"up{level}")
    return keras.Model(inputs, _logits(x), name="unet")


def UNetPlusPlus(side=256, filters=FILTERS["unet++"]):
    """UNet++ (Zhou et al. 2018): 9,042,177 parameters at the defaults.

    Node (i, j) of the nested skip paths joins all earlier nodes of level i with what rises from
    node (i + 1, j - 1). Without deep supervision: node (0, 4) alone gives the mask (assumed, C33:
    CoTCoNet names neither).

    Args, returns: as `UNet`.
    """
    inputs = keras.Input((side, side, 3), name="images")
    node = {}
    for level, count in enumerate(filters):
        x = layers.MaxPooling2D(2, name=f"pool{level - 1}")(node[level - 1, 0]) if level else inputs
        node[level, 0] = _double(x, count, f"node{level}_0")
    for column in range(1, STEPS + 1):
        for level in range(STEPS + 1 - column):
            rising = _up(node[level + 1, column - 1], filters[level], f"node{level}_{column}_rise")
            earlier = [node[level, before] for before in range(column)]
            joined = layers.Concatenate(name=f"node{level}_{column}_join")([*earlier, rising])
            node[level, column] = _double(joined, filters[level], f"node{level}_{column}")
    return keras.Model(inputs, _logits(node[0, STEPS]), name="unet_plus_plus")


NETWORKS = {"unet": UNet, "unet++": UNetPlusPlus}


class UNetSegmenter:
    """A segmenter (see cotconet.segmentation) by U-Net or UNet++, without a prompt.

    Args:
        kind: "unet" or "unet++".
        side: of the square that pictures are resized to.
        filters: of the five levels; None: those of the network's paper.
        cells: "main": the largest piece is the cell (C33); "all": every piece, of whole fields.
        seed: of weights, order and augmentation.
    """

    def __init__(self, kind="unet", *, side=256, filters=None, cells="main", seed=0):
        if kind not in NETWORKS:
            raise ValueError(f"kind={kind!r}: give one of {', '.join(NETWORKS)}")
        if side % 2**STEPS:
            raise ValueError(f"side={side}: four poolings need a multiple of {2**STEPS}")
        if seed is not None:
            backend.seed(seed)
        self.kind, self.side, self.cells, self.seed = kind, side, cells, seed or 0
        self.filters = tuple(filters or FILTERS[kind])
        self.network = NETWORKS[kind](side, self.filters)

    @property
    def title(self):
        """What this one is, for tables: its name and size."""
        name = {"unet": "U-Net", "unet++": "UNet++"}[self.kind]
        return f"{name} ({self.network.count_params() / 1e6:.2f} M weights, from scratch)"

    def fit(
        self, images, masks, run, *, epochs=60, batch_size=16, learning_rate=1e-3, augmenter=None,
        validation=None, title=None,
    ):  # fmt: skip
        """Train on pictures and masks of their cells, as LeuSAM is (loss, optimiser, schedule).

        Args: as `cotconet.leusam.LeuSAM.fit`.

        Returns:
            self.

        Raises:
            ValueError: as there.
        """
        if (run.folder / "unet.weights.h5").exists():
            self.network.load_weights(run.folder / "unet.weights.h5")
            return self
        cache = run.folder / "cache"
        train = _Masked(
            *self._stored(images, masks, cache, "train"), self.side, self.side,
            batch_size=batch_size, augmenter=augmenter, shuffle=True, seed=self.seed,
        )  # fmt: skip
        watched = None
        if validation is not None:
            watched = _Masked(
                *self._stored(*validation, cache, "validation"), self.side, self.side,
                batch_size=batch_size,
            )  # fmt: skip
        title = title or self.network.name
        mask_training.fit(self.network, train, watched, run, epochs, learning_rate, title)
        self.save(run.folder)
        mask_training.clear(run)
        return self

    def _stored(self, images, masks, cache, name):
        """Paths of the resized pictures and masks in two files, made once."""
        mask_training.check(images, masks)
        paths = [cache / f"{name}-{what}.npy" for what in ("inputs", "masks")]
        if not paths[0].exists():
            shape = (len(images), self.side, self.side, 3)
            squares = (resize(np.asarray(image), self.side)[None] for image in images)
            write_stream(paths[0], shape, np.uint8, squares)
        if not paths[1].exists():
            shape = (len(masks), self.side, self.side)
            write_stream(paths[1], shape, np.uint8, mask_training.shrunk(masks, self.side))
        return paths

    def __call__(self, image):
        """The mask of its cells, bool (h, w), of uint8 (h, w, 3)."""
        return self.masks([image])[0]

    def masks(self, images, boxes=None, batch_size=8):
        """List of masks, bool (h, w); boxes are ignored, for these networks take no prompt."""
        found = []
        batch_size = 1 if len(images) == 1 else batch_size  # one shape for all that come in sets
        for start in range(0, len(images), batch_size):
            stop = min(start + batch_size, len(images))
            part = [np.asarray(images[i]) for i in range(start, stop)]
            x = np.zeros((batch_size, self.side, self.side, 3), np.float32)
            squares = [resize(image, self.side) for image in part]
            x[: len(part)] = np.stack(squares) / np.float32(255)
            logits = np.asarray(self.network.predict_on_batch(x))
            for image, plane in zip(part, logits, strict=False):
                mask = cv2.resize(plane, image.shape[1::-1], interpolation=cv2.INTER_LINEAR) > 0
                found.append(mask if self.cells == "all" else one_piece(mask))
        return found

    def save(self, folder):
        """Write unet.json and unet.weights.h5, each whole or not at all."""
        names = ("kind", "side", "filters", "cells", "seed")
        state = {name: getattr(self, name) for name in names}
        weight_files.keep(self.network, folder, "unet", state)

    @classmethod
    def load(cls, folder):
        """Read what `save` wrote: numbers and text only, so nothing in it is run."""
        state = weight_files.kept(folder, "unet")
        loaded = cls(**{**state, "seed": None})
        loaded.seed = state["seed"]
        loaded.network.load_weights(Path(folder) / "unet.weights.h5")
        return loaded


class _Masked(Prompted):
    """Pictures and masks without the boxes: float32 (b, s, s, 3), (b, s, s)."""

    def __getitem__(self, index):
        x, masks = super().__getitem__(index)
        return x["images"], masks


def _double(x, filters, name):
    for number in (1, 2):
        x = layers.Conv2D(
            filters, 3, padding="same", activation="relu", kernel_initializer="he_normal",
            name=f"{name}_conv{number}",
        )(x)  # fmt: skip
    return x


def _up(x, filters, name):
    return layers.Conv2DTranspose(filters, 2, strides=2, padding="same", name=name)(x)


def _logits(x):
    x = layers.Conv2D(1, 1, dtype="float32", name="logit")(x)
    return layers.Reshape(x.shape[1:3], name="mask")(x)
