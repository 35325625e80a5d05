"""LeuSAM: a Segment Anything model trained for leukocytes (section 3.2)."""

import os
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import cv2
import keras
import numpy as np
from tqdm import tqdm

from cotconet import mask_training, region
from cotconet.prompts import Prompted, box_prompt
from cotconet.sam import BoxPrompt, config, sam
from cotconet.segmentation import one_piece, otsu_watershed
from smears import backend
from smears import weights as weight_files
from smears.arrays import write_stream
from smears.images import resize
from smears.weights import NotAvailable

EMBEDDED = 4  # pictures that a frozen encoder sees at a time
EPOCHS = {True: 10, False: 60}  # of a frozen encoder, and of one that starts at random


def found(settings):
    """Settings of `LeuSAM` with weights="auto" of the size "base" replaced by what can be had now.

    SA-1B's weights, or where they cannot be downloaded the size "small" from random ones, said on
    standard error. Other sizes start at random. What is kept of a training is named after what
    this gives, as in `coupled.found`.

    Args:
        settings: dict of keyword arguments of `LeuSAM`, and others.

    Returns:
        The same, or a new dict with other "size" and "weights".
    """
    if settings.get("size") != "base" or settings.get("weights", "auto") != "auto":
        return settings
    try:
        sam("base", weights="sa1b")
    except NotAvailable as reason:
        print(f"{reason} LeuSAM is the small one, from random weights.", file=sys.stderr)
        return settings | {"size": "small", "weights": None}
    return settings | {"weights": "sa1b"}


class LeuSAM:
    """A segmenter (see cotconet.segmentation): picture, and the box of a cell, to its mask.

    One box is one object, so the mask is of one cell. keras-hub's own SAM can only predict
    (`SAMImageSegmenter.fit` raises), so its layers are put into plain models here. Pictures are
    resized to a square, as MedSAM does; the first of SAM's four masks is trained, the other three
    and the head that judges them are left as they are.

    Args:
        size, image_size, weights: see `cotconet.sam.sam`. With weights, both encoders are frozen
            and the mask decoder is trained; without, the whole. "auto": see `found`; `title`
            says what it came to.
        seed: of random weights and of the training's order and jitter; None: the weights are
            random as Keras's own generator stands, and it is left alone.
    """

    def __init__(self, size="small", image_size=None, weights="auto", seed=0):
        settings = found({"size": size, "image_size": image_size, "weights": weights})
        if seed is not None:
            backend.seed(seed)
        weights = None if settings["weights"] == "auto" else settings["weights"]
        backbone = sam(settings["size"], image_size, weights)
        encoder, decoder = backbone.image_encoder, backbone.mask_decoder
        self.frozen, self.seed = weights is not None, seed or 0
        self.config = config(backbone)
        self.side = self.config["image_size"]
        self.grid = 4 * self.side // self.config["patch_size"]
        encoder.trainable = not self.frozen
        prompts = backbone.prompt_encoder
        prompts.trainable = not self.frozen
        # No gradient comes to other prompts than boxes, to masks two to four and to their judge.
        for part in (
            prompts.foreground_point_embed, prompts.background_point_embed,
            prompts.not_a_point_embed, prompts.mask_downscaler,
            *decoder.output_hypernetworks_mlps[1:], decoder.iou_prediction_head,
        ):  # fmt: skip
            part.trainable = False
        boxes = keras.Input((2, 2), name="boxes")
        corners, dense, places = BoxPrompt(prompts)(boxes)

        def first_mask(embeddings):
            return decoder(embeddings, places, corners, dense)["masks"][:, 0]

        self.encoder = encoder
        self.network = keras.Model(
            {"images": encoder.input, "boxes": boxes}, first_mask(encoder.output), name="leusam"
        )
        # What is trained; behind a frozen encoder, on its stored embeddings.
        self.trained = self.network
        if self.frozen:
            stored = keras.Input(encoder.output.shape[1:], name="embeddings")
            self.trained = keras.Model(
                {"embeddings": stored, "boxes": boxes}, first_mask(stored), name="leusam_decoder"
            )

    @property
    def title(self):
        """What this one is, for tables: its size, and whether from pretrained weights."""
        count = self.network.count_params() / 1e6
        start = "pretrained, mask decoder trained" if self.frozen else "from scratch"
        return f"LeuSAM ({count:.1f} M weights, {start})"

    def fit(
        self, images, masks, run, *, epochs=None, batch_size=None, learning_rate=None, jitter=0.1,
        augmenter=None, validation=None, title="LeuSAM",
    ):  # fmt: skip
        """Train on pictures and masks of their cells, prompted by the masks' boxes.

        AdamW with weight decay 0.01, a short warm-up and cosine decay; the weights of the epoch
        with the best validation loss are kept. Killed, it goes on with the next epoch. A run that
        has its weights is not trained again.

        Args:
            images: sequence of uint8 (h, w, 3), any sizes.
            masks: of bool (h, w), or of numbers, 0 outside the cell.
            run: smears.runs.Run: history.csv, and leusam.json with leusam.weights.h5 at the end.
            epochs, batch_size, learning_rate: default 10, 2 and 1e-4 for a frozen encoder (as
                MedSAM), else 60, 16 and 1e-3 (assumed, C9).
            jitter: each side of a box is moved by up to so much of its width or height, in
                training alone.
            augmenter: smears.augmentation.Augmenter, new in each epoch; only where the encoder
                is trained, since a frozen one sees each picture once.
            validation: (images, masks) or None.
            title: on the progress bar.

        Returns:
            self.

        Raises:
            ValueError: no pictures, one that is not uint8, a mask of another size or with nothing
                in it, or an augmenter for a frozen encoder.
        """
        if (run.folder / "leusam.weights.h5").exists():
            self.network.load_weights(run.folder / "leusam.weights.h5")
            return self
        if self.frozen and augmenter:
            raise ValueError("augmenter: a frozen encoder sees each picture once; give None")
        batch_size = batch_size or (2 if self.frozen else 16)
        epochs = epochs or EPOCHS[self.frozen]
        rate = learning_rate or (1e-4 if self.frozen else 1e-3)
        cache = run.folder / "cache"
        train = Prompted(
            *self._stored(images, masks, cache, "train"), self.side, self.grid, jitter=jitter,
            batch_size=batch_size, augmenter=augmenter, shuffle=True, seed=self.seed,
        )  # fmt: skip
        watched = None
        if validation is not None:
            watched = Prompted(
                *self._stored(*validation, cache, "validation"), self.side, self.grid,
                batch_size=batch_size,
            )  # fmt: skip
        mask_training.fit(self.trained, train, watched, run, epochs, rate, title)
        self.save(run.folder)
        mask_training.clear(run)
        return self

    def _stored(self, images, masks, cache, name):
        """Paths of the inputs and of the masks in two files, made once (see `Prompted`)."""
        mask_training.check(images, masks)
        count = len(images)
        side = self.grid if self.frozen else self.side
        shapes = (self.encoder.output.shape[1:] if self.frozen else (side, side, 3), (side, side))
        paths = [cache / f"{name}-{what}.npy" for what in ("inputs", "masks")]
        if not paths[0].exists():
            kind = np.float16 if self.frozen else np.uint8
            rows = partial(self._embeddings, images) if self.frozen else self._resized(images)
            write_stream(paths[0], (count, *shapes[0]), kind, rows, EMBEDDED)
        if not paths[1].exists():
            write_stream(paths[1], (count, side, side), np.uint8, mask_training.shrunk(masks, side))
        return paths

    def _resized(self, images):
        for image in images:
            yield resize(np.asarray(image), self.side)[None]

    def _embeddings(self, images, first=0):
        """What the frozen encoder makes of each picture from the first on, once, memory flat."""
        total, title = len(images), "Image embeddings"
        with tqdm(total=total, initial=first, desc=title, unit="picture", leave=None) as bar:
            for start in range(first, total, EMBEDDED):
                part = [images[i] for i in range(start, min(start + EMBEDDED, total))]
                batch = np.concatenate(list(self._resized(part))).astype(np.float32) / 255
                yield np.asarray(self.encoder.predict_on_batch(batch))
                bar.update(len(part))

    def __call__(self, image, box=None):
        """The mask of one cell.

        Args:
            image: uint8 (h, w, 3).
            box: (x0, y0, x1, y1) in its pixels, end exclusive; None: round the mask that the
                colour threshold finds (`otsu_watershed`), as the paper has a region step before
                LeuSAM (stated: 3.2; C10); the whole picture where it finds nothing.

        Returns:
            bool (h, w): one piece without holes, or empty.
        """
        return self.masks([image], None if box is None else [box])[0]

    def masks(self, images, boxes=None, batch_size=8):
        """List of masks, bool (h, w), of a sequence of pictures; see `__call__`."""
        if boxes is None:
            with ThreadPoolExecutor(os.cpu_count()) as pool:
                coarse = pool.map(lambda image: otsu_watershed(np.asarray(image)), images)
                boxes = [region.box(mask, 0) for mask in coarse]
        batch_size = 1 if len(images) == 1 else batch_size  # one shape for all that come in sets
        found = []
        for start in range(0, len(images), batch_size):
            rows = range(start, min(start + batch_size, len(images)))
            part = [np.asarray(images[i]) for i in rows]
            x = np.zeros((batch_size, self.side, self.side, 3), np.float32)
            corners = np.zeros((batch_size, 2, 2), np.float32)
            for place, (row, image) in enumerate(zip(rows, part, strict=True)):
                x[place] = resize(image, self.side) / np.float32(255)
                corners[place] = box_prompt(boxes[row], image.shape[:2], self.side)
            logits = np.asarray(self.network.predict_on_batch({"images": x, "boxes": corners}))
            for image, plane in zip(part, logits, strict=False):
                size = image.shape[1::-1]
                mask = cv2.resize(plane, size, interpolation=cv2.INTER_LINEAR) > 0
                found.append(one_piece(mask))
        return found

    def save(self, folder):
        """Write leusam.json and leusam.weights.h5, each whole or not at all."""
        state = {"config": self.config, "frozen": self.frozen, "seed": self.seed}
        weight_files.keep(self.network, folder, "leusam", state)

    @classmethod
    def load(cls, folder):
        """Read what `save` wrote: numbers and text only, so nothing in it is run."""
        state = weight_files.kept(folder, "leusam")
        loaded = cls(state["config"], weights=None, seed=None)
        loaded.frozen, loaded.seed = state["frozen"], state["seed"]
        loaded.network.load_weights(Path(folder) / "leusam.weights.h5")
        return loaded
