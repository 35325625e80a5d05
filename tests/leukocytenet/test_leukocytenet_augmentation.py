"""LeukocyteNet's augmentation: its ranges, Table 2's repetitions, Figure 3's panels."""

from collections import Counter

import numpy as np
import pytest

from leukocytenet import augmentation, recipe
from leukocytenet.figure3 import PANELS, figure3
from smears import published
from smears.reports import pyplot


def _shown(labels):
    rows, copies = augmentation.balance(labels)
    return rows, copies, Counter(np.asarray(labels)[rows].tolist())


def test_the_papers_own_counts_grow_to_its_augmented_counts():
    table = published.load("leukocytenet").table(2)
    rows, _, shown = _shown(table.index.repeat(table["original"].astype(int)).tolist())
    assert shown == table["augmented"].to_dict()
    assert len(rows) == 7713  # the paper's total


def test_a_part_of_the_data_grows_by_the_same_factors():
    _, _, shown = _shown(["Lymphoma"] * 78 + ["Healthy"] * 708)
    assert shown == {"Lymphoma": round(78 * 524 / 130), "Healthy": 708}


def test_other_classes_grow_to_the_largest():
    _, _, shown = _shown(["basophil"] * 7 + ["monocyte"] * 3 + ["AML"] * 2)
    assert set(shown.values()) == {7}


def test_every_picture_comes_once_as_itself_and_copies_are_numbered_and_spread_evenly():
    labels = np.array(["AML", "CLL"] * 30 + ["Healthy"] * 400)
    rows, copies = augmentation.balance(labels)
    pairs = list(zip(rows.tolist(), copies.tolist(), strict=True))
    assert len(set(pairs)) == len(pairs)
    assert sorted(row for row, copy in pairs if copy == 0) == list(range(460))
    times = np.bincount(rows)
    for row in range(60):
        assert sorted(copies[rows == row]) == list(range(times[row]))
    for name in ("AML", "CLL"):
        assert np.ptp(times[labels == name]) == 1
    # Not the extra copies to the first pictures alone.
    assert abs(times[:30].sum() - times[30:60].sum()) <= 2


def test_data_that_is_balanced_already_stays_so():
    labels = np.repeat(recipe.CLASSES, 36)
    rows, _ = augmentation.balance(labels)
    assert set(np.unique(labels[rows], return_counts=True)[1]) <= {36, 37}


def test_balance_repeats_itself():
    labels = ["MDS"] * 11 + ["CML"] * 5
    for first, again in zip(
        augmentation.balance(labels), augmentation.balance(labels), strict=True
    ):
        assert np.array_equal(first, again)


@pytest.mark.parametrize(("kind", "smallest"), [("paper", 0), ("literal", 15)])
def test_rotations_stay_within_the_stated_range_under_both_readings(kind, smallest):
    rng = np.random.default_rng(0)
    draws = [augmentation.augmenter(kind).draw(rng) for _ in range(400)]
    theta = np.abs([draw.theta for draw in draws])
    zoom = np.abs([[draw.zx - 1, draw.zy - 1] for draw in draws])
    assert smallest <= theta.min() < smallest + 1
    assert 29 < theta.max() <= 30
    assert smallest / 100 <= zoom.min() < smallest / 100 + 0.01
    assert 0.49 < zoom.max() <= 0.5
    assert np.abs([draw.shear for draw in draws]).max() <= 15
    assert not any(draw.flip_vertical for draw in draws)


def test_figure_3_shows_the_original_and_six_different_panels():
    image = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    figure, _ = figure3(image)
    titles = [axis.get_title() for axis in figure.axes]
    assert "Original" in titles
    assert {title[:2] for title in titles} == {"Or", *(f"{letter})" for letter in "ABCDEF")}
    shown = [axis.images[0].get_array() for axis in figure.axes]
    assert len({pixels.tobytes() for pixels in shown}) == 7
    pyplot().close(figure)


def test_a_height_shift_moves_up_and_a_width_shift_sideways():
    ramp = np.arange(100, dtype=np.uint8)
    image = np.repeat(np.tile(ramp, (100, 1))[..., None], 3, axis=2)
    apply = augmentation.augmenter().apply
    transforms = {name: transform for _, name, _, transform in PANELS}
    assert np.array_equal(apply(image, transforms["Height shift"]), image)
    assert not np.array_equal(apply(image, transforms["Width shift"]), image)
