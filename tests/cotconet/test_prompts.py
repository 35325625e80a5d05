"""Batches for LeuSAM: boxes by hand, jitter and augmentation repeatable, and in training alone."""

import cv2
import numpy as np
import pytest

from cotconet import prompts
from smears.augmentation import Augmenter

SIDE, GRID = 32, 16


@pytest.fixture
def files(tmp_path):
    """Paths of six pictures, each white on its cell, and of their masks."""
    masks = np.zeros((6, SIDE, SIDE), np.uint8)
    for number, mask in enumerate(masks):
        cv2.ellipse(mask, (14 + number, 16), (5 + number, 8), 0, 0, 360, 255, -1)
    paths = tmp_path / "x.npy", tmp_path / "m.npy"
    np.save(paths[0], np.repeat(masks[..., None], 3, -1))
    np.save(paths[1], masks)
    return paths


def _batches(files, epoch=0, **settings):
    found = prompts.Prompted(*files, SIDE, GRID, batch_size=4, **settings)
    found.epoch = epoch
    items = [found[i] for i in range(len(found))]
    images, boxes = (np.concatenate([x[key] for x, _ in items]) for key in ("images", "boxes"))
    return images, boxes, np.concatenate([y for _, y in items])


def test_a_box_is_scaled_to_the_square_that_the_network_sees():
    found = prompts.box_prompt((10, 5, 30, 50), (100, 200), 64)
    np.testing.assert_allclose(found, [[3.2, 3.2], [9.6, 32.0]])


def test_without_jitter_boxes_are_the_masks_own_and_targets_their_shares(files):
    images, boxes, targets = _batches(files)
    masks = np.load(files[1])
    for number in range(6):
        rows, columns = np.nonzero(masks[number])
        expected = [[columns.min(), rows.min()], [columns.max() + 1, rows.max() + 1]]
        np.testing.assert_array_equal(boxes[number], expected)
        for y in range(GRID):
            for x in range(GRID):
                square = masks[number, 2 * y : 2 * y + 2, 2 * x : 2 * x + 2]
                assert targets[number, y, x] == pytest.approx(square.mean() / 255)
    np.testing.assert_array_equal(images, np.load(files[0]) / np.float32(255))


def test_jitter_is_new_in_each_epoch_and_the_same_whenever_it_is_asked_for(files):
    settings = {"jitter": 0.2, "seed": 3}
    exact = _batches(files)[1]
    first, second = (_batches(files, epoch, **settings)[1] for epoch in (0, 1))
    np.testing.assert_array_equal(first, _batches(files, 0, **settings)[1])
    assert not np.array_equal(first, second)
    size = (exact[:, 1] - exact[:, 0])[:, None]
    assert (np.abs(first - exact) <= 0.2 * size + 1e-4).all()
    assert np.abs(first - exact).max() > 0.1


def test_a_jittered_box_stays_in_the_picture():
    rng = np.random.default_rng(0)
    for _ in range(50):
        x0, y0, x1, y1 = prompts.jittered((0, 2, 10, 20), 0.5, (20, 11), rng)
        assert 0 <= x0 < x1 <= 11
        assert 0 <= y0 < y1 <= 20


def test_picture_mask_and_box_are_augmented_together(files):
    way = Augmenter(
        rotation_range=30, width_shift_range=0.1, zoom_range=0.2, horizontal_flip=True,
        quarter_turns=True, fill_mode="constant",
    )  # fmt: skip
    images, boxes, targets = _batches(files, augmenter=way, seed=1)
    assert not np.array_equal(targets, _batches(files)[2])
    for image, box, target in zip(images, boxes, targets, strict=True):
        seen = cv2.resize(image.mean(-1), (GRID, GRID), interpolation=cv2.INTER_AREA)
        assert np.abs(seen / seen.max() - target).max() < 0.25  # the light differs by channel
        rows, columns = np.nonzero(target > 0.5)
        for found, places in zip(box.T, (columns, rows), strict=True):
            assert abs(found[0] / 2 - places.min()) <= 1.5
            assert abs(found[1] / 2 - places.max() - 1) <= 1.5


def test_shuffling_changes_the_order_alone(files):
    still, moved = _batches(files), _batches(files, shuffle=True, seed=5)
    assert not np.array_equal(still[2], moved[2])
    np.testing.assert_allclose(np.sort(still[2].sum((1, 2))), np.sort(moved[2].sum((1, 2))))


def test_embeddings_are_passed_on_under_their_name(files, tmp_path):
    stored = np.random.default_rng(0).normal(size=(6, 4, 4, 8)).astype(np.float16)
    np.save(tmp_path / "e.npy", stored)
    found = prompts.Prompted(tmp_path / "e.npy", files[1], SIDE, GRID, batch_size=4)
    x, _ = found[1]
    np.testing.assert_array_equal(x["embeddings"], stored[4:].astype(np.float32))
    assert "images" not in x
