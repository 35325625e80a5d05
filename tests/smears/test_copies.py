"""Copies are found however they were saved, resized, lit or turned; other pictures are not."""

import io
import tracemalloc

import cv2
import numpy as np
import pytest
from PIL import Image

from smears import copies, drawing, morphology


def _jpeg(image, quality):
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file))


def _half(image):
    return cv2.resize(image, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)


def _shifted(image, levels):
    return np.clip(image.astype(float) + levels, 0, 255).astype(np.uint8)


COPIES = {
    "half the size, JPEG": lambda image: _jpeg(_half(image), 75),
    "JPEG 50": lambda image: _jpeg(image, 50),
    "brighter": lambda image: _shifted(image, 10),
    "less contrast": lambda image: (image * 0.8).astype(np.uint8),
    "noise": lambda image: _shifted(image, np.random.default_rng(0).normal(0, 5, image.shape)),
    "grey": lambda image: np.stack([cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)] * 3, -1),
    "mirrored": lambda image: image[:, ::-1].copy(),
    "upside down, JPEG": lambda image: _jpeg(image[::-1].copy(), 75),
    "turned to the left": lambda image: np.rot90(image).copy(),
    "turned to the right, mirrored": lambda image: np.rot90(image, 3)[:, ::-1].copy(),
}


@pytest.fixture(scope="module")
def smears():
    """Two drawn smears of each class, uint8 (128, 128, 3)."""
    return [drawing.draw(label, n, n)[0] for n, label in enumerate(2 * list(morphology.MORPHOLOGY))]


def _cells():
    """Round cells on black that differ inside alone, uint8 (300, 300, 3)."""
    rng, found = np.random.default_rng(0), []
    for _ in range(20):
        coarse = rng.uniform(60, 160, (6, 6)).astype(np.float32)
        grey = cv2.resize(coarse, (120, 120), interpolation=cv2.INTER_CUBIC).clip(40, 255)
        picture = np.zeros((300, 300), np.uint8)
        disc = cv2.circle(np.zeros((120, 120), np.uint8), (60, 60), 59, 1, -1)
        picture[90:210, 90:210] = disc * grey.astype(np.uint8)
        found.append(np.stack([picture] * 3, -1))
    return found


@pytest.mark.parametrize("kind", COPIES)
@pytest.mark.parametrize("data", ["smears", "cells"])
def test_every_copy_is_found_and_nothing_else(smears, data, kind):
    pictures = smears if data == "smears" else _cells()
    count = len(pictures)
    every = [*pictures, *map(COPIES[kind], pictures)]
    found = copies.pairs([copies.thumbnail(picture) for picture in every])
    assert found.tolist() == [[n, n + count] for n in range(count)]


def test_blank_pictures_are_no_copies_of_each_other():
    blank = [np.full((40, 50, 3), level, np.uint8) for level in (0, 128, 255)]
    assert copies.pairs([copies.thumbnail(picture) for picture in blank]).tolist() == []
    assert copies.pairs([]).tolist() == []


def test_pairs_do_not_depend_on_the_block_they_are_sought_in(monkeypatch):
    texts = [copies.thumbnail(picture) for picture in _cells()]
    texts = texts + texts[:7]
    whole = copies.pairs(texts).tolist()
    monkeypatch.setattr(copies, "ROWS", 4)
    monkeypatch.setattr(copies, "PAIRS", 2)
    copies._pairs.cache_clear()
    assert copies.pairs(texts).tolist() == whole == [[n, n + 20] for n in range(7)]


def test_look_alikes_are_all_found_without_a_copy_of_their_pixels_for_every_pair(smears):
    count, rng = 150, np.random.default_rng(0)
    alike = [_shifted(smears[0], rng.normal(0, 5, smears[0].shape)) for _ in range(count)]
    texts = [copies.thumbnail(picture) for picture in alike]
    tracemalloc.start()
    try:
        found = copies.pairs(texts)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert np.array_equal(found, np.transpose(np.triu_indices(count, 1)))
    # 11,175 pairs, of which each took 38 kB, were 425 MB.
    assert peak < 60e6
