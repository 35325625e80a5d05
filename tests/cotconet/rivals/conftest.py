"""Small pictures of two kinds for the tests of the compared methods."""

import numpy as np
import pytest


def dotted(count, size, seed):
    """(uint8 pictures (count, size, size, 3), labels): "a" is light, "b" has dark bars."""
    rng = np.random.default_rng(seed)
    pictures = rng.integers(150, 200, (count, size, size, 3)).astype(np.uint8)
    labels = np.array(["a", "b"] * (count // 2))
    for picture in pictures[1::2]:
        start = rng.integers(0, 4)
        for row in range(start, size, 4):
            picture[row : row + 2, :, :2] //= 4
    return pictures, labels


@pytest.fixture(scope="session")
def cells():
    """Pictures of 32 pixels: (training pictures, labels), (validation pictures, labels)."""
    return dotted(24, 32, 0), dotted(12, 32, 1)


@pytest.fixture
def tiny_densenet(monkeypatch):
    """DenseNets are replaced by two convolutions, which train in a moment."""
    import keras

    from cotconet.rivals import pretrained

    def build(name, size, weights):
        pixels = keras.Input((size, size, 3))
        x = keras.layers.Conv2D(8, 3, strides=2, padding="same", activation="relu")(pixels)
        x = keras.layers.Conv2D(8, 3, strides=4, padding="same", activation="relu")(x)
        return keras.Model(pixels, x, name="tiny"), f"{name}: {weights}"

    monkeypatch.setattr(pretrained, "densenet", build)
