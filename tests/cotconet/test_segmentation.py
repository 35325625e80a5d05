"""Threshold segmenters on hand-made pictures, and the measures by hand."""

import os
from pathlib import Path

import cv2
import numpy as np
import pytest
from scipy import ndimage

from cotconet import segmentation
from smears import images

GROUND, RED_CELL, CYTOPLASM, NUCLEUS = (
    (235, 225, 222), (215, 160, 155), (170, 175, 215), (90, 50, 140)
)  # fmt: skip


def _disc(side, centre, radius):
    return cv2.circle(np.zeros((side, side), np.uint8), centre, radius, 1, -1) > 0


def _picture(cells, red_cells=(), side=120):
    """(image, mask of all leukocytes): (centre, radius) of each, nucleus 0.6 of the radius."""
    image = np.empty((side, side, 3), np.uint8)
    image[:] = GROUND
    mask = np.zeros((side, side), bool)
    for centre, radius in red_cells:
        image[_disc(side, centre, radius)] = RED_CELL
    for centre, radius in cells:
        body = _disc(side, centre, radius)
        image[body] = CYTOPLASM
        image[_disc(side, centre, int(0.6 * radius))] = NUCLEUS
        mask |= body
    return image, mask


def test_a_cell_is_told_from_ground_and_from_red_cells_that_touch_it():
    image, mask = _picture([((60, 60), 24)], red_cells=[((22, 60), 16), ((60, 100), 17)])
    assert segmentation.dice(segmentation.otsu_watershed(image), mask) > 0.95


def test_main_takes_the_cell_in_the_middle_and_all_takes_every_one():
    image, both = _picture([((60, 62), 20), ((18, 20), 15)], red_cells=[((95, 25), 14)])
    main = segmentation.otsu_watershed(image)
    assert segmentation.dice(main, _disc(120, (60, 62), 20)) > 0.95
    found = segmentation.otsu_watershed(image, cells="all")
    assert found[(image == NUCLEUS).all(-1)].all()
    assert not (found & ~both).any()
    assert segmentation.dice(found, both) > 0.75  # a rim of 0.4 of a nucleus' radius, no more


def test_a_large_picture_is_segmented_at_its_own_size():
    image, mask = _picture([((60, 60), 24)])
    large = cv2.resize(image, (1440, 1080), interpolation=cv2.INTER_CUBIC)
    found = segmentation.otsu_watershed(large)
    assert found.shape == (1080, 1440)
    wide = cv2.resize(mask.astype(np.uint8), (1440, 1080), interpolation=cv2.INTER_NEAREST) > 0
    assert segmentation.dice(found, wide) > 0.95


@pytest.mark.parametrize("cells", ["main", "all"])
@pytest.mark.parametrize("value", [0, 128, 255])
def test_a_picture_of_one_colour_has_an_empty_mask(value, cells):
    image = np.full((40, 50, 3), value, np.uint8)
    found = segmentation.otsu_watershed(image, cells)
    assert found.shape == (40, 50)
    assert not found.any()


def test_a_cell_on_black_keeps_its_mask_with_holes_filled_and_specks_dropped():
    image = np.zeros((80, 80, 3), np.uint8)
    cell = _disc(80, (40, 40), 22)
    image[cell] = (120, 60, 140)
    image[38:42, 38:42] = 0  # a black vacuole
    image[3:5, 3:5] = 90  # a speck
    for segmenter in segmentation.SEGMENTERS.values():
        np.testing.assert_array_equal(segmenter(image), cell)
    assert segmentation.is_on_black(image)
    assert not segmentation.on_black(np.zeros((8, 8, 3), np.uint8)).any()


def test_a_photograph_is_not_taken_for_a_cell_on_black():
    assert not segmentation.is_on_black(_picture([((60, 60), 24)])[0])
    assert not segmentation.is_on_black(np.zeros((8, 8, 3), np.uint8))


@pytest.mark.skipif("LEUKOCYTE_DATA" not in os.environ, reason="LEUKOCYTE_DATA is not set")
@pytest.mark.parametrize(("number", "least"), [(1, 0.93), (2, 0.85)])
def test_photographed_cells_are_found(number, least):
    folder = Path(os.environ["LEUKOCYTE_DATA"]) / "wbc_masks" / f"Dataset {number}"
    scores = []
    for path in sorted(folder.glob("images/*.png"))[::10]:
        mask = images.read_mask(folder / "masks" / path.name) > 0
        scores.append(segmentation.dice(segmentation.otsu_watershed(images.decode(path)), mask))
    assert len(scores) >= 10
    assert np.mean(scores) > least


def test_two_thresholds_are_those_of_the_largest_variance_between_three_classes():
    rng = np.random.default_rng(0)
    values = np.concatenate([rng.normal(m, 6, 300) for m in (40, 110, 200)]).clip(0, 255)
    channel = values.astype(np.uint8)[None]

    def variance(low, high):
        parts = [channel[channel <= low], channel[channel > high]]
        parts.append(channel[(channel > low) & (channel <= high)])
        mean = channel.mean()
        return sum(len(p) * (p.mean() - mean) ** 2 for p in parts if len(p))

    best = max(variance(low, high) for low in range(0, 255, 5) for high in range(low + 5, 255, 5))
    assert variance(*segmentation._two_thresholds(channel)) >= best


@pytest.mark.parametrize("seed", range(8))
def test_flooding_is_a_dilation_repeated_at_each_level(seed):
    rng = np.random.default_rng(seed)
    height, width = rng.integers(4, 60, 2)
    markers = rng.integers(-40, 8, (height, width)).clip(0)
    depth = ndimage.gaussian_filter(rng.uniform(-4, 9, (height, width)), 1.5).clip(0)
    plain = markers.astype(np.float32)
    cross = np.array([[0, 1, 0], [1, 1, 1], [0, 1, 0]], np.uint8)
    for level in range(int(depth.max()), 0, -1):
        for _ in range(height * width):
            free = (plain == 0) & (depth >= level)
            plain = np.where(free, cv2.dilate(plain, cross), plain)
    assert (plain > 0).sum() > (markers > 0).sum()
    assert np.array_equal(segmentation._flooded(markers, depth), plain)


@pytest.mark.parametrize("share", [0.98, 1.0])
def test_distances_are_scipys(share):
    mask = np.random.default_rng(0).random((70, 50)) < share
    found = segmentation._distance(mask)
    assert np.allclose(found, ndimage.distance_transform_edt(mask), atol=1e-5)


def test_one_piece_is_the_largest_with_its_holes_filled():
    mask = _disc(60, (20, 20), 12)
    whole = mask.copy()
    mask[18:22, 18:22] = False
    mask |= _disc(60, (50, 50), 5)
    np.testing.assert_array_equal(segmentation.one_piece(mask), whole)
    assert not segmentation.one_piece(np.zeros((5, 5), bool)).any()


def test_dice_and_iou_by_hand():
    first, second = np.zeros((4, 4), bool), np.zeros((4, 4), bool)
    assert segmentation.dice(first, second) == segmentation.iou(first, second) == 1.0
    first[0, :3] = True
    assert segmentation.dice(first, second) == segmentation.iou(first, second) == 0.0
    second[0, 1:] = True
    second[1, 0] = True
    assert segmentation.dice(first, second) == 2 * 2 / (3 + 4)
    assert segmentation.iou(first, second) == 2 / 5


def test_an_unknown_choice_of_cells_is_refused():
    with pytest.raises(ValueError, match="'main' or 'all'"):
        segmentation.otsu_watershed(np.zeros((9, 9, 3), np.uint8), cells="some")
