"""Khandekar et al. 2021: YOLOv4 finds blasts and healthy cells, and its boxes label the picture.

Stated (abstract): YOLOv4, two classes (ALL blast, HEM healthy), ALL-IDB1 and C-NMC 2019, trained on
a Tesla P100; mAP 96.06% and 98.7%. CoTCoNet (4.2.1) adds CSPDarknet53, spatial pyramid pooling and
PANet, which YOLOv4 has anyway.
Stated by darknet (yolov4.cfg and README): network and loss (`yolov4`, `yolov4_loss`); batches of
64, stochastic gradient descent with momentum 0.949, weight decay 0.0005, rate 0.001, which rises
with the fourth power over 1,000 steps and falls to a tenth at 80% and again at 90% of all; 2,000
steps a class, at least 6,000 and at least as many as there are pictures; mosaics, jitter, flips and
colour (`mosaic`); anchors clustered on the training boxes; boxes of one class that overlap are
suppressed at 0.45 of IoU less the centres' distance to the power 0.6; confidence 0.25. Training
starts from yolov4.conv.137, for which `weights` takes that file; without it, from scratch.
Assumed: 416 pixels; stopping by the validation part, as all compared methods, but only after the
rate has risen, and not within as many steps again; where the boxes come from, for none of the sets
has any: masks of the data set, the pixels that are not black in C-NMC, else colour thresholds
(`segmentation.otsu_watershed`), each with its picture's label. In ALL-IDB1 every leukocyte of a
patient is then called a blast, which is not true of all of them.
Assumed, because the tables need it: a picture is positive where a box of the positive class has a
confidence of at least 0.25; see `khandekar.probability`. CoTCoNet's paper does not say how boxes
become a label, and its rows for ALL-IDB1 and ALL-IDB2 are the same four numbers (contradicted).
"""

import hashlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np
from keras import ops

from cotconet.given import passing
from cotconet.rivals import boxes as box
from cotconet.rivals import profiles
from cotconet.rivals.classifier import Rival
from cotconet.rivals.mosaic import Boxed
from cotconet.rivals.yolov4 import ANCHORS_A_HEAD, STRIDES, decode, yolov4
from cotconet.rivals.yolov4_loss import YOLOv4Loss
from cotconet.segmentation import otsu_watershed
from smears import training
from smears.normalisation import SettleNormalisation

CONFIDENCE = 0.25  # darknet's default threshold of a detection
LEAST = 0.005  # darknet's threshold for mAP: the low end of the curve belongs to it
BURN_IN = 1000


class Part(NamedTuple):
    """Pictures with boxes: file of uint8 (n, size, size, 3), labels 0 or 1, and n arrays (k, 4)."""

    store: Path
    codes: np.ndarray
    boxes: list

    @property
    def truths(self):
        """List of float32 (k, 5), each box with its picture's label."""
        return [
            np.concatenate([rows, np.full((len(rows), 1), code, np.float32)], axis=1)
            for rows, code in zip(self.boxes, self.codes, strict=True)
        ]


@dataclass(eq=False, repr=False)
class Khandekar(Rival):
    """YOLOv4 with an image label. Arguments as `Rival`, and:

    Args:
        epochs: None: as many as darknet's rule for own data asks for.
        weights: path of a file of darknet's, such as yolov4.conv.137, or None.
        width, depth: shares of the network's channels and residual blocks, see `yolov4.yolov4`.
        cells: "all": every leukocyte of a picture has a box; "main": the one in the middle, see
            `segmentation.otsu_watershed`. Not asked where the data set has masks.
    """

    size: int = 416
    epochs: int | None = None
    batch_size: int = 64
    learning_rate: float = 1e-3
    width: float = 1.0
    depth: float = 1.0
    cells: str = "all"

    # Over 107 normalisations the moving statistics of a short training lag far behind.
    settled = 1
    version = profiles.METHODS["khandekar"].version

    def learn(self, train, held):
        """Find anchors, then train the network."""
        sides = np.concatenate([rows[:, 2:] - rows[:, :2] for rows in train.boxes])
        anchors = box.anchors(sides, seed=self.random_state)
        self.arrays_["anchors"] = anchors
        self.network_ = self.trained(train, held, boxes=[_digest(train), _digest(held)])
        self.facts_["pictures_without_a_box"] = sum(not len(rows) for rows in train.boxes)
        self.facts_["map_validation"] = self._map(held)

    def build(self, train):
        network = yolov4(self.size, 2, width=self.width, depth=self.depth)
        if self.weights is None:
            return network, "random: yolov4.conv.137, from which darknet starts, was not given"
        return network, _started(network, self.weights)

    def train_network(self, network, train, held, run):
        """Train by the three heads' losses with darknet's rate."""
        sets = [
            Boxed(train.store, train.truths, batch_size=self.batch_size, augment=True,
                  shuffle=True, seed=self.random_state),
            Boxed(held.store, held.truths, batch_size=self.batch_size),
        ]  # fmt: skip
        steps = len(sets[0])
        epochs = self.epochs or ceil(max(6000, len(train.codes)) / steps)
        total = epochs * steps
        falls = total * 8 // 10, total * 9 // 10
        burn_in = min(BURN_IN, total // 6)  # the share that it is of darknet's least training
        rate = Steps(self.learning_rate, burn_in, falls)
        # Of few pictures an epoch is a step or two: the patience of others would end it before the
        # rate has risen to anything.
        rise = ceil(burn_in / steps)
        losses = [YOLOv4Loss(self.arrays_["anchors"], head) for head in range(len(STRIDES))]
        network.compile(keras.optimizers.SGD(rate, momentum=0.949), losses)
        plain = Boxed(train.store, train.truths, batch_size=self.batch_size, shuffle=True,
                      seed=self.random_state)  # fmt: skip
        callbacks = [
            SettleNormalisation(plain, self.settled),
            keras.callbacks.EarlyStopping(
                monitor="val_loss", patience=max(self.patience, rise), start_from_epoch=rise,
                restore_best_weights=True,
            ),
        ]  # fmt: skip
        training.fit(
            network, *sets, run, epochs, callbacks=callbacks, title="Khandekar",
            shown={"loss": "loss", "validation": "val_loss"},
        )  # fmt: skip

    def scores(self, part):
        return np.array([
            probability(rows[rows[:, 5] == 1][:, 4].max(initial=0)) for rows in self._found(part)
        ])  # fmt: skip

    def detect(self, pictures, confidence=CONFIDENCE):
        """The boxes found in pictures.

        Args:
            pictures: as for `fit`. confidence: least of a box, objectness times class.

        Returns:
            List of float64 (k, 6), highest confidence first: x0, y0, x1, y1 in shares of the
            picture's sides, confidence, and 1 for the positive class, else 0.
        """
        with passing(self) as own:
            shown = Part(own._stored(pictures), np.zeros(len(pictures), int), [])
            return [rows[rows[:, 4] >= confidence] for rows in own._found(shown)]

    def judged(self, pictures, y):
        return {"map_test": self.mean_average_precision(pictures, y)}

    def mean_average_precision(self, pictures, y):
        """mAP at an IoU of 0.5 against the boxes that training would give these pictures."""
        return self._map(self._part(pictures, y))

    def _map(self, part):
        return box.mean_average_precision(self._found(part), part.truths, 2)[0]

    def _found(self, part):
        """All boxes of at least `LEAST` that survive suppression, a list as `detect` gives it."""
        n, found = len(part.codes), []
        shown = Boxed(part.store, [np.zeros((0, 5))] * n, batch_size=self.batch_size)
        for index in range(len(shown)):
            x = shown[index][0]
            filled = np.zeros((self.batch_size, *x.shape[1:]), x.dtype)
            filled[: len(x)] = x  # a smaller last batch would be compiled for again
            heads = self.network_.predict_on_batch(filled)
            found += self._read([head[: len(x)] for head in heads])
        return found

    def _read(self, heads):
        places, confidences = [], []
        for number, output in enumerate(heads):
            own = self.arrays_["anchors"][ANCHORS_A_HEAD * number : ANCHORS_A_HEAD * (number + 1)]
            where, objectness, classes = decode(ops.convert_to_tensor(output), own, number)
            sure = ops.sigmoid(objectness)[..., None] * ops.sigmoid(classes)
            places.append(np.asarray(where).reshape(len(output), -1, 4))
            confidences.append(np.asarray(sure).reshape(len(output), -1, 2))
        places = np.concatenate(places, axis=1, dtype=float)
        confidences = np.concatenate(confidences, axis=1, dtype=float)
        return [_clean(*pair) for pair in zip(places, confidences, strict=True)]

    def _part(self, pictures, y):
        plain = super()._part(pictures, y)
        with ThreadPoolExecutor() as pool:
            rows = list(pool.map(lambda n: self._boxes(pictures, n), range(len(pictures))))
        return Part(plain.store, plain.codes, rows)

    def _boxes(self, pictures, index):
        own = pictures.true_mask(index) if hasattr(pictures, "true_mask") else None
        return box.of_mask(otsu_watershed(pictures[index], self.cells) if own is None else own)


class Steps(keras.optimizers.schedules.LearningRateSchedule):
    """darknet's rate: rising with the fourth power at first, a tenth after each of some steps.

    Args:
        rate: the highest. burn_in: steps of the rise. falls: steps after which it is a tenth.
    """

    def __init__(self, rate, burn_in, falls):
        super().__init__()
        self.rate, self.burn_in, self.falls = rate, burn_in, tuple(falls)

    def __call__(self, step):
        step = ops.cast(step, "float32")
        rate = self.rate * ops.minimum((step + 1) / max(self.burn_in, 1), 1.0) ** 4
        for fall in self.falls:
            rate = ops.where(step >= fall, rate / 10, rate)
        return rate

    def get_config(self):
        return {"rate": self.rate, "burn_in": self.burn_in, "falls": self.falls}


def probability(confidence):
    """Probability of the positive class from the highest confidence of its boxes.

    Two straight lines, 0 -> 0, 0.25 -> 0.5, 1 -> 1: the more probable class is then the one that
    the rule "positive from a confidence of 0.25 on" gives, and the ranking of pictures is kept
    (assumed).
    """
    if confidence < CONFIDENCE:
        return confidence / (2 * CONFIDENCE)
    return 0.5 + (confidence - CONFIDENCE) / (2 * (1 - CONFIDENCE))


def _clean(places, confidences):
    """Boxes of one picture after suppression within each class, (k, 6), see `detect`."""
    kept = []
    for code in range(confidences.shape[1]):
        sure = np.flatnonzero(confidences[:, code] >= LEAST)
        rows = sure[box.suppress(places[sure], confidences[sure, code])]
        scores = confidences[rows, code]
        kept.append(np.column_stack([places[rows], scores, np.full(len(rows), code)]))
    kept = np.concatenate(kept)
    return kept[np.argsort(-kept[:, 4], kind="stable")]


def _started(network, path):
    from cotconet.rivals import darknet

    count = darknet.load(network, path)
    return f"{Path(path).name}: {count} of 110 convolutions, the others random"


def _digest(part):
    """16 hexadecimal digits that name the boxes of a part."""
    digest = hashlib.sha256()
    for rows in part.boxes:
        digest.update(f"{len(rows)}".encode() + np.ascontiguousarray(rows, np.float32).tobytes())
    return digest.hexdigest()[:16]
