"""Blurred, small, blank and strangely coloured pictures are told from ordinary ones."""

import cv2
import numpy as np
import pytest

from smears import drawing, images, inspection

SIZE = 64


@pytest.fixture(scope="module")
def cells():
    labels = ("Healthy", "CML", "AML")
    return [drawing.draw(labels[n % 3], n, n // 3, 96)[0] for n in range(30)]


@pytest.fixture(scope="module")
def known(cells):
    return inspection.summary([inspection.measure(cell, SIZE) for cell in cells])


def _warnings(picture, known=None):
    return " ".join(inspection.warnings(inspection.measure(picture, SIZE), SIZE, known))


def test_the_pictures_it_was_made_from_raise_no_warning(cells, known):
    assert sum(bool(_warnings(cell, known)) for cell in cells) <= 1


def test_blurring_lowers_the_sharpness_and_is_told(cells, known):
    blurred = [cv2.GaussianBlur(cell, (0, 0), 4) for cell in cells]
    for before, after in zip(cells, blurred, strict=True):
        assert inspection.sharpness(after) < inspection.sharpness(before) / 2
    assert all("Blurred" in _warnings(cell, known) for cell in blurred)
    assert not any("Blurred" in _warnings(cell) for cell in blurred)  # nothing to compare with


def test_the_laplacian_of_a_known_picture():
    spot = np.zeros((5, 5, 3), np.uint8)
    spot[2, 2] = 1
    # -4 in the middle, 1 at its four neighbours, else 0: mean 0, mean square 20 / 25.
    assert inspection.sharpness(spot) == pytest.approx(20 / 25)


@pytest.mark.parametrize("change", ["green", "grey", "dark", "inverted"])
def test_other_colours_are_told_with_their_numbers(cells, known, change):
    ways = {
        "green": lambda p: p[..., [1, 0, 2]],
        "grey": lambda p: np.repeat(p.mean(2, keepdims=True).astype(np.uint8), 3, 2),
        "dark": lambda p: p // 4,
        "inverted": lambda p: 255 - p,
    }
    text = _warnings(ways[change](cells[0]), known)
    assert "Unlike the training data in colour: " in text
    assert "(training " in text


def test_sizes_that_lose_or_lack_something_are_told(cells, known):
    assert "Small: 32 × 32 pixels" in _warnings(cv2.resize(cells[0], (32, 32)), known)
    assert "Elongated: 300 × 96 pixels" in _warnings(cv2.resize(cells[0], (300, 96)), known)
    field = _warnings(np.tile(cells[0], (6, 6, 1)), known)
    assert "Wrong size: 576 × 576 pixels; training pictures have about 96 × 96" in field
    assert "Small" in _warnings(cells[0][:40, :40])
    assert _warnings(cells[0]) == ""


def test_a_blank_picture_is_told():
    assert "Blank" in _warnings(np.full((96, 96, 3), 200, np.uint8))


def test_colours_of_a_picture_that_is_half_red_half_grey():
    picture = np.zeros((2, 2, 3), np.uint8)
    picture[0], picture[1] = (200, 0, 0), (50, 50, 50)
    assert inspection.colours(picture) == pytest.approx(
        {
            "brightness": (125 + 25 + 25) / 3, "contrast": (75 + 25 + 25) / 3, "red_green": 100,
            "blue_green": 0, "saturation": 100,
        }
    )  # fmt: skip


def test_a_stored_square_measures_as_the_picture_it_was_made_from(cells):
    whole = inspection.measure(cells[0], SIZE)
    stored = inspection.measure(images.resize(cells[0], SIZE), SIZE)
    assert whole | {"width": SIZE, "height": SIZE} == stored


def test_a_summary_gives_the_1st_50th_and_99th_percentile():
    names = ("width", "height", "sharpness", *inspection.COLOURS)
    found = inspection.summary([dict.fromkeys(names, n) for n in range(101)])
    assert found == {name: [1, 50, 99] for name in names}


def test_pictures_that_are_not_squared_are_not_called_elongated(cells, known):
    wide = inspection.measure(cv2.resize(cells[0], (300, 96)), SIZE)
    assert "Elongated" not in " ".join(inspection.warnings(wide, SIZE, known, squared=False))
    assert "Elongated" in " ".join(inspection.warnings(wide, SIZE, known))


def test_what_pictures_have_in_common_is_measured_on_some_of_them(cells, known):
    assert inspection.common(cells, SIZE) == known
    few = inspection.common(cells, SIZE, most=3)
    assert known["brightness"][0] <= few["brightness"][1] <= known["brightness"][2]
    assert few != known
