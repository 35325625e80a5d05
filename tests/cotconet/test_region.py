"""Boxes and crops by hand."""

import numpy as np
import pytest

from cotconet import region


def _mask(height, width, x0, y0, x1, y1):
    mask = np.zeros((height, width), bool)
    mask[y0:y1, x0:x1] = True
    return mask


def test_a_box_is_tight_with_its_end_exclusive():
    assert region.box(_mask(50, 60, 10, 20, 31, 25), margin=0) == (10, 20, 31, 25)


def test_the_margin_is_a_share_of_the_longer_side_and_stops_at_the_edge():
    mask = _mask(50, 60, 10, 2, 30, 12)
    assert region.box(mask, margin=0.2) == (6, 0, 34, 16)


def test_an_empty_mask_gives_the_whole_picture():
    assert region.box(np.zeros((5, 9), bool)) == (0, 0, 9, 5)
    image = np.random.default_rng(0).integers(1, 256, (8, 8, 3), dtype=np.uint8)
    np.testing.assert_array_equal(region.crop(image, np.zeros((8, 8), bool), 8), image)


def test_a_crop_is_the_cell_in_the_middle_of_a_square_with_black_round_it():
    image = np.full((40, 40, 3), 200, np.uint8)
    mask = _mask(40, 40, 10, 5, 20, 9)
    mask[5, 10] = False
    found = region.crop(image, mask, 10, margin=0)
    expected = np.zeros((10, 10, 3), np.uint8)
    expected[3:7] = 200
    expected[3, 0] = 0
    np.testing.assert_array_equal(found, expected)


def test_a_cell_at_the_edge_is_padded_not_stretched():
    image = np.full((30, 30, 3), 100, np.uint8)
    found = region.crop(image, _mask(30, 30, 0, 0, 4, 20), 20, margin=0, background=7)
    assert (found[:, 8:12] == 100).all()
    assert (found[:, :8] == 7).all()
    assert (found[:, 12:] == 7).all()


def test_at_one_side_for_all_a_small_cell_stays_smaller_than_a_large_one():
    image = np.full((60, 60, 3), 255, np.uint8)
    masks = [_mask(60, 60, 20, 20, 20 + side, 20 + side) for side in (10, 20, 40)]
    found = [region.crop(image, mask, 20, margin=0, side=20) for mask in masks]
    # The last needs more than that side and fills its square.
    assert [int((cell > 0).all(-1).sum()) for cell in found] == [100, 400, 400]


@pytest.mark.parametrize("size", [7, 64])
def test_proportions_stay_at_every_size(size):
    image = np.full((30, 30, 3), 255, np.uint8)
    found = region.crop(image, _mask(30, 30, 5, 5, 25, 15), size, margin=0)
    assert found.shape == (size, size, 3)
    assert found.mean() == pytest.approx(255 / 2, rel=0.02)
