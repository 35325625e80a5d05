"""CLAHE and sharpening against values by hand, and on cells on black."""

import cv2
import numpy as np
import pytest

from cotconet import enhancement


def _cell_on_black(side=128, spread=6):
    image = np.zeros((side, side, 3), np.uint8)
    cell = cv2.circle(np.zeros((side, side), np.uint8), (side // 2, side // 2), side // 4, 1, -1)
    noise = np.random.default_rng(0).normal(0, spread, (side, side, 1))
    grey = (np.array([130, 70, 150]) + noise).clip(20, 255).astype(np.uint8)
    image[cell > 0] = grey[cell > 0]
    return image, cell > 0


def test_clahe_of_a_photograph_is_opencv_on_lab_lightness():
    image = np.random.default_rng(1).integers(60, 200, (64, 64, 3), dtype=np.uint8)
    lab = cv2.cvtColor(image, cv2.COLOR_RGB2LAB)
    lab[..., 0] = cv2.createCLAHE(3.0, (4, 4)).apply(lab[..., 0])
    expected = cv2.cvtColor(lab, cv2.COLOR_LAB2RGB)
    np.testing.assert_array_equal(enhancement.clahe(image, clip=3.0, tiles=4), expected)


@pytest.mark.parametrize(
    "steps", [("clahe",), ("sharpen",), ("clahe", "sharpen"), ("fuzzy",), ("equalise",)]
)
def test_black_round_a_cell_stays_exactly_black(steps):
    image, cell = _cell_on_black(spread=2)
    found = enhancement.enhance(image, steps)
    assert (found[~cell] == 0).all()
    assert (found[cell].max(-1) > 0).all()
    assert not np.array_equal(found, image)


def test_clahe_equalises_the_rim_of_a_cell_as_its_middle():
    image, cell = _cell_on_black()
    middle = cv2.erode(cell.astype(np.uint8), np.ones((25, 25), np.uint8)) > 0
    rim = cell & ~(cv2.erode(cell.astype(np.uint8), np.ones((9, 9), np.uint8)) > 0)

    def ratio(lightness):
        return lightness[rim].std() / lightness[middle].std()

    ours = cv2.cvtColor(enhancement.clahe(image, clip=40.0), cv2.COLOR_RGB2LAB)[..., 0]
    assert ratio(ours) == pytest.approx(1, abs=0.05)
    # What the restriction is for: with the black in the histograms.
    plain = cv2.createCLAHE(40.0, (8, 8)).apply(cv2.cvtColor(image, cv2.COLOR_RGB2LAB)[..., 0])
    assert ratio(plain) < 0.8
    assert plain[~cell].mean() > 10


def test_clahe_repeats_exactly():
    image, _ = _cell_on_black()
    np.testing.assert_array_equal(enhancement.clahe(image), enhancement.clahe(image))


@pytest.mark.parametrize(("kernel", "centre"), [("cross", 5), ("full", 9)])
def test_sharpening_by_hand(kernel, centre):
    image = np.full((5, 5, 3), 100, np.uint8)
    image[2, 2] = 110
    found = enhancement.sharpen(image, kernel)
    assert (found[2, 2] == 100 + 10 * centre).all()
    assert (found[2, 1] == 90).all()
    assert (found[1, 1] == (90 if kernel == "full" else 100)).all()
    assert (found[0, 0] == 100).all()


def test_sharpening_draws_no_line_round_a_cell_on_black():
    image, cell = _cell_on_black(spread=0)
    np.testing.assert_array_equal(enhancement.sharpen(image)[cell], image[cell])


def test_no_steps_are_the_picture_itself_and_unknown_ones_are_refused():
    image, _ = _cell_on_black()
    assert enhancement.enhance(image, steps=()) is image
    with pytest.raises(ValueError, match="'magic' is none of clahe, sharpen"):
        enhancement.enhance(image, steps=("clahe", "magic"))
    with pytest.raises(ValueError, match="'cross' or 'full'"):
        enhancement.sharpen(image, "round")


def test_fuzzy_intensification_by_hand():
    # Brightness 0, 64, 128, 255 of the largest: u = 0, 0.251, 0.502, 1.
    image = np.array([[[0, 0, 0], [64, 64, 64], [128, 128, 128], [255, 255, 255]]] * 4, np.uint8)
    u = np.array([0, 64, 128, 255]) / 255
    expected = 255 * np.where(u < 0.5, 2 * u**2, 1 - 2 * (1 - u) ** 2)
    np.testing.assert_array_equal(enhancement.fuzzy(image)[0, :, 0], np.round(expected))
    even = np.full((8, 8, 3), 90, np.uint8)
    np.testing.assert_array_equal(enhancement.fuzzy(even), even)


def test_equalisation_of_a_photograph_is_opencvs_on_luminance():
    image = np.random.default_rng(2).integers(60, 200, (64, 64, 3), dtype=np.uint8)
    ycc = cv2.cvtColor(image, cv2.COLOR_RGB2YCrCb)
    ycc[..., 0] = cv2.equalizeHist(ycc[..., 0])
    expected = cv2.cvtColor(ycc, cv2.COLOR_YCrCb2RGB)
    np.testing.assert_array_equal(enhancement.equalise(image), expected)
    even = np.full((8, 8, 3), 90, np.uint8)
    np.testing.assert_array_equal(enhancement.equalise(even), even)
