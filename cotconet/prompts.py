"""Batches that train a promptable segmenter: a picture, the box of its cell, the mask."""

import keras
import numpy as np

from cotconet import region
from smears.pictures import order


def box_prompt(box, shape, side):
    """A box as SAM takes it: two corners in pixels of a picture resized to a square.

    Args:
        box: (x0, y0, x1, y1) in a picture of shape (h, w). side: of the square.

    Returns:
        float32 (2, 2), [[x0, y0], [x1, y1]].
    """
    scale = side / np.array([shape[1], shape[0]], np.float32)
    return (np.asarray(box, np.float32).reshape(2, 2) * scale).astype(np.float32)


def jittered(box, amount, shape, rng):
    """A box whose four sides are moved apart, each by up to so much of its width or height.

    Args:
        box: (x0, y0, x1, y1). amount: share. shape: (h, w) that it is kept inside.
        rng: NumPy generator.

    Returns:
        float (4,).
    """
    box = np.asarray(box, float)
    width, height = box[2] - box[0], box[3] - box[1]
    moved = box + amount * rng.uniform(-1, 1, 4) * (width, height, width, height)
    return moved.clip(0, (shape[1], shape[0], shape[1], shape[0]))


class Prompted(keras.utils.PyDataset):
    """Each batch a pure function of (seed, epoch, index), as smears.pictures.Pictures' are.

    Args:
        inputs: path of a .npy: uint8 (n, side, side, 3) pictures, or float (n, g, g, c) image
            embeddings.
        masks: path of a .npy of uint8 (n, m, m), 255 inside the cell. Boxes are taken from them.
        side: of the pictures, in whose pixels the boxes are. grid: of the targets.
        batch_size: the last batch of an epoch may be smaller.
        jitter: see `jittered`.
        augmenter: smears.augmentation.Augmenter for pictures and masks alike, which then also get
            another brightness of each channel, by up to 15% (assumed, C9); None for neither.
        shuffle, seed: order, jitter and augmentation of an epoch (attribute `epoch`).

    Items: ({"images" or "embeddings": float32, "boxes": float32 (b, 2, 2)}, float32
        (b, grid, grid) share of each cell that is in the mask).
    """

    def __init__(
        self, inputs, masks, side, grid, *, batch_size, jitter=0.0, augmenter=None, shuffle=False,
        seed=0,
    ):  # fmt: skip
        super().__init__(workers=1)
        self.inputs, self.masks, self.side, self.grid = inputs, masks, side, grid
        self.batch_size, self.jitter, self.augmenter = batch_size, jitter, augmenter
        self.shuffle, self.seed, self.epoch = shuffle, seed, 0
        self.count = len(np.load(masks, mmap_mode="r"))

    def __len__(self):
        return -(-self.count // self.batch_size)

    def __getitem__(self, index):
        rows = order(self.count, self.shuffle, self.seed, self.epoch)
        rows = rows[index * self.batch_size : (index + 1) * self.batch_size]
        x = np.load(self.inputs, mmap_mode="r")[rows]
        masks = np.load(self.masks, mmap_mode="r")[rows]
        pictures = x.dtype == np.uint8
        x = x.astype(np.float32) / (255 if pictures else 1)
        boxes = np.empty((len(rows), 2, 2), np.float32)
        for place, row in enumerate(rows):
            rng = np.random.default_rng([self.seed, self.epoch, row])
            if self.augmenter is not None:
                way = self.augmenter.draw(rng)
                light = rng.uniform(0.85, 1.15, 3).astype(np.float32)
                x[place] = np.clip(self.augmenter.apply(x[place], way) * light, 0, 1)
                masks[place] = self.augmenter.apply(masks[place], way)
            box = region.box(masks[place] > 127, 0)
            if self.jitter:
                box = jittered(box, self.jitter, masks.shape[1:], rng)
            boxes[place] = box_prompt(box, masks.shape[1:], self.side)
        shares = masks.reshape(len(rows), self.grid, masks.shape[1] // self.grid, self.grid, -1)
        name = "images" if pictures else "embeddings"
        return {name: x, "boxes": boxes}, shares.mean((2, 4), dtype=np.float32) / 255
