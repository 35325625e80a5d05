"""Methods on a toy set that they have not seen, pretrained parts replaced by some convolutions."""

import keras
import numpy as np
import pytest

from cotconet import rivals
from cotconet.rivals import das, khandekar

# Few pictures, so few steps: larger rates than the methods' own. Jawahar et al. are the example of
# test_rival_classifier.py.
SETTINGS = {
    "mohammed": {"size": 32, "weights": None, "epochs": 15, "learning_rate": 5e-3},
    "gehlot": {"size": 64, "epochs": 20, "learning_rate": 3e-3, "batch_size": 4},
    "das": {"size": 32, "weights": None, "epochs": 20, "learning_rate": 1e-3},
    "depto": {
        "size": 32, "weights": None, "epochs": 20, "learning_rate": 5e-3, "synthesise": False,
    },
}  # fmt: skip


def discs(count, seed):
    """Pictures of 64 pixels with one stained disc each: "a" dark, "b" light; their labels."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:64, :64]
    pictures = rng.integers(225, 240, (count, 64, 64, 3)).astype(np.uint8)
    labels = np.array(["a", "b"] * (count // 2))
    for picture, label in zip(pictures, labels, strict=True):
        x, y = rng.integers(24, 40, 2)
        inside = (rows - y) ** 2 + (columns - x) ** 2 <= 14**2
        grain = rng.integers(0, 25, (inside.sum(), 3))
        picture[inside] = np.add((70, 20, 110) if label == "a" else (160, 110, 190), grain)
    return pictures, labels


@pytest.mark.slow
@pytest.mark.parametrize("name", SETTINGS)
def test_it_learns_a_separable_set_and_answers_the_same_twice(
    name, tiny_densenet, monkeypatch, tmp_path
):
    def backbone(size):
        pixels = keras.Input((size, size, 3))
        x = keras.layers.Conv2D(8, 3, strides=4, padding="same", activation="relu")(pixels)
        return keras.Model(pixels, x, name="tiny")

    monkeypatch.setattr(das, "resnet18", backbone)
    settings = {"batch_size": 8, "patience": 100, **SETTINGS[name]}
    model = rivals.method(name)(**settings, cache=tmp_path)
    train, held, (pictures, labels) = discs(24, 0), discs(8, 1), discs(16, 2)
    found = model.fit(*train, validation=held).predict_proba(pictures)
    assert (model.classes_[found.argmax(1)] == labels).mean() >= 0.9
    assert np.array_equal(found, model.predict_proba(pictures))


def seven_convolutions(size, classes, width, depth):
    """A detector with YOLOv4's three heads, which learns on a CPU what the real one would."""

    def convolution(x, filters, stride):
        x = keras.layers.Conv2D(filters, 3, strides=stride, padding="same", use_bias=False)(x)
        x = keras.layers.BatchNormalization(momentum=0.9)(x)
        return keras.layers.LeakyReLU(negative_slope=0.1)(x)

    pixels = keras.Input((size, size, 3))
    x = keras.layers.Rescaling(1 / 255)(pixels)
    for filters in (16, 32, 32):
        x = convolution(x, filters, 2)
    heads = []
    for stride in (1, 2, 2):
        x = convolution(x, 64, stride)
        heads.append(keras.layers.Conv2D(21, 3, padding="same", dtype="float32")(x))
    return keras.Model(pixels, heads)


@pytest.mark.slow
def test_the_detector_learns_where_the_discs_are_and_which(monkeypatch, tmp_path):
    monkeypatch.setattr(khandekar, "yolov4", seven_convolutions)
    model = rivals.method("khandekar")(
        64, epochs=120, batch_size=8, learning_rate=0.01, patience=120, cells="main",
        cache=tmp_path,
    )  # fmt: skip
    train, held, (pictures, labels) = discs(48, 0), discs(8, 1), discs(16, 2)
    found = model.fit(*train, validation=held).predict_proba(pictures)
    # Three seeds, and one on JAX: 1.00 each time, and a mAP of 0.67 to 1.00.
    assert (model.classes_[found.argmax(1)] == labels).mean() >= 0.9
    assert model.mean_average_precision(pictures, labels) >= 0.5
