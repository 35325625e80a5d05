"""Mosaics and views: a black rectangle on white is followed through them."""

import numpy as np
import pytest

from cotconet.rivals import mosaic
from cotconet.rivals.mosaic import Boxed, View, borders, cut, draw, show

SIZE = 64
PLAIN = View((0, 0, 1, 1), False, 0.0, 1.0, 1.0)


def rectangle(seed):
    """(white picture with a black rectangle, its box with class 1)."""
    rng = np.random.default_rng(seed)
    x0, y0 = rng.integers(4, 30, 2)
    x1, y1 = x0 + rng.integers(12, 28), y0 + rng.integers(12, 28)
    picture = np.full((SIZE, SIZE, 3), 250, np.uint8)
    picture[y0:y1, x0:x1] = 0
    return picture, np.array([[*(np.array([x0, y0, x1, y1]) / SIZE), 1]], np.float32)


def found(picture):
    """Box of the black pixels."""
    rows, columns = np.nonzero(picture.max(-1) < 60)
    return np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]) / SIZE


@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize("crop", [(0, 0, 1, 1), (-0.2, 0.1, 0.9, 1.3), (0.05, -0.1, 1.25, 1.0)])
def test_a_box_stays_on_its_cell_when_the_view_changes(crop, flip):
    picture, boxes = rectangle(3)
    shown, moved = show(picture, boxes, PLAIN._replace(crop=crop, flip=flip))
    np.testing.assert_allclose(moved[0, :4], found(shown), atol=1.6 / SIZE)
    assert moved[0, 4] == 1


def test_the_view_that_changes_nothing_changes_nothing():
    picture, boxes = rectangle(0)
    shown, moved = show(picture, boxes, PLAIN)
    np.testing.assert_allclose(shown.astype(int), picture, atol=1)
    np.testing.assert_allclose(moved, boxes, atol=1e-6)


def test_colours_are_jittered_within_darknets_range_and_half_are_mirrored():
    views = [draw(np.random.default_rng(n)) for n in range(400)]
    edges = np.array([view.crop for view in views])
    assert np.abs(edges - [0, 0, 1, 1]).max() <= 0.3
    assert 0.4 < np.mean([view.flip for view in views]) < 0.6
    for name in ("saturation", "exposure"):
        values = np.array([getattr(view, name) for view in views])
        assert values.min() >= 1 / 1.5
        assert values.max() <= 1.5
        assert 0.4 < (values > 1).mean() < 0.6
    red = np.full((SIZE, SIZE, 3), (200, 40, 40), np.uint8)
    turned, _ = show(red, np.zeros((0, 5)), PLAIN._replace(hue=1 / 3, exposure=1.2))
    np.testing.assert_allclose(turned[0, 0].astype(int), (48, 240, 48), atol=3)


def test_borders_are_what_lies_outside_the_picture():
    view = PLAIN._replace(crop=(-0.25, 0.0, 1.0, 1.25))
    assert borders(view) == pytest.approx((0.2, 0, 0, 0.2))
    assert borders(view._replace(flip=True)) == pytest.approx((0, 0, 0.2, 0.2))


def test_a_box_that_is_mostly_out_of_sight_goes():
    boxes = np.array([[0.4, 0.4, 0.6, 0.6, 0], [0.0, 0.0, 0.51, 0.51, 1]], np.float32)
    np.testing.assert_allclose(cut(boxes, (0.5, 0.5, 1, 1)), [[0.5, 0.5, 0.6, 0.6, 0]], atol=1e-6)


def test_a_mosaic_shows_four_pictures_and_keeps_their_boxes_on_their_cells():
    four = [(*rectangle(n), (0, 0, 0, 0)) for n in range(4)]
    whole, boxes = mosaic.mosaic(four, 40, 24)
    assert whole.shape == (SIZE, SIZE, 3)
    _on_the_cells(whole, boxes)
    # Upper left, the lower right corner of its picture is seen.
    np.testing.assert_array_equal(whole[:24, :40], four[0][0][40:, 24:])
    np.testing.assert_array_equal(whole[24:, 40:], four[3][0][:40, :24])


def _on_the_cells(picture, boxes):
    """Boxes are full of black, and what is black is in boxes but for slivers cut off."""
    black = picture.max(-1) < 60
    inside = np.zeros((SIZE, SIZE), bool)
    for x0, y0, x1, y1 in np.round(boxes[:, :4] * SIZE).astype(int):
        inside[y0:y1, x0:x1] = True
        if min(y1 - y0, x1 - x0) > 2:
            assert black[y0 + 1 : y1 - 1, x0 + 1 : x1 - 1].mean() > 0.9
    assert (black & ~inside).sum() < 120


@pytest.fixture
def many(tmp_path):
    """(path of 12 pictures, their boxes)."""
    pictures, boxes = zip(*[rectangle(n) for n in range(12)], strict=True)
    np.save(tmp_path / "pictures.npy", np.stack(pictures))
    return tmp_path / "pictures.npy", list(boxes)


def test_augmented_batches_keep_their_boxes_on_their_cells(many):
    batches = Boxed(*many, batch_size=12, augment=True, seed=5)
    counts = []
    for epoch in range(4):
        batches.epoch = epoch
        x, (truth, *others) = batches[0]
        assert x.dtype == np.float32
        assert all(other is truth for other in others)
        for picture, rows in zip(x, truth, strict=True):
            rows = rows[rows[:, 4] >= 0]
            counts.append(len(rows))
            _on_the_cells(picture, rows)
    # Half of the pictures are mosaics, of up to four boxes.
    assert 0.25 < np.mean(np.array(counts) > 1) < 0.75
    assert max(counts) <= truth.shape[1] == 4


def test_the_fullest_picture_may_stand_in_a_mosaic_four_times(many):
    path, boxes = many
    boxes = [*boxes[:-1], np.repeat(boxes[-1], 9, axis=0)]
    batches = Boxed(path, boxes, batch_size=12, augment=True)
    counts = []
    for epoch in range(40):
        batches.epoch = epoch
        counts.append((batches[0][1][0][..., 4] >= 0).sum(1).max())
    # More than the four fullest pictures have together.
    assert 12 < max(counts) <= batches.most == 36


def test_a_batch_is_a_function_of_seed_epoch_and_index(many):
    def batches(seed, epoch):
        made = Boxed(*many, batch_size=5, augment=True, shuffle=True, seed=seed)
        made.epoch = epoch
        return made

    one, again = batches(1, 2), batches(1, 2)
    again[2], again[0]  # asked for in another order
    for mine, other in zip(one[1], again[1], strict=True):
        np.testing.assert_array_equal(mine, other)
    assert len(one) == 3
    assert len(one[2][0]) == 2
    assert not np.array_equal(one[0][0], batches(2, 2)[0][0])
    assert not np.array_equal(one[0][0], batches(1, 3)[0][0])


def test_without_augmentation_the_very_pictures_come(many):
    x, (truth, *_) = Boxed(*many, batch_size=4)[1]
    np.testing.assert_array_equal(x, np.load(many[0])[4:8])
    np.testing.assert_array_equal(truth[:, 0], np.concatenate(many[1][4:8]))
