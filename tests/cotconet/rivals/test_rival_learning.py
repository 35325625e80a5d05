"""Methods on a toy set that they have not seen, pretrained parts replaced by some convolutions."""

import keras
import numpy as np
import pytest

from cotconet import rivals
from cotconet.rivals import das

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
