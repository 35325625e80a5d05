"""U-Net and UNet++: the published sizes, and masks of cells from pictures alone."""

import keras
import numpy as np
import pytest

from cotconet import unet
from cotconet.segmentation import dice
from smears import drawing
from smears.runs import Run

FILTERS = (8, 12, 16, 24, 32)


def test_the_networks_have_their_papers_sizes():
    # No weight depends on the picture's side.
    assert unet.UNet(64).count_params() == 31_031_745  # "31.03 M"
    assert unet.UNetPlusPlus(64).count_params() == 9_042_177  # "9.04 M"


def test_every_nested_node_joins_all_earlier_ones_of_its_level():
    network = unet.UNetPlusPlus(32, FILTERS)
    for level in range(4):
        for column in range(1, 5 - level):
            joined = network.get_layer(f"node{level}_{column}_join").output.shape[-1]
            assert joined == (column + 1) * FILTERS[level]


@pytest.mark.slow
@pytest.mark.contract
@pytest.mark.parametrize("kind", ["unet", "unet++"])
def test_it_learns_where_the_cells_are_and_is_the_same_after_saving(kind, tmp_path):
    pictures, masks = [], []
    for number in range(6):
        picture, mask = drawing.draw("ALL-Pro-B", 7, number, 48)
        pictures.append(picture)
        masks.append(mask > 0)
    model = unet.UNetSegmenter(kind, side=32, filters=FILTERS, seed=0)
    before = np.mean([dice(*pair) for pair in zip(model.masks(pictures), masks, strict=True)])
    run = Run(tmp_path, "unet", {"kind": kind})
    model.fit(pictures, masks, run, epochs=25, batch_size=2, learning_rate=2e-3)
    found = model.masks(pictures)
    right = np.mean([dice(*pair) for pair in zip(found, masks, strict=True)])
    # Who knew the usual place and size alone would be as right as the mean mask.
    usual = np.mean(masks, 0) >= 0.5
    assert right > max(before, np.mean([dice(usual, mask) for mask in masks]) + 0.05)
    assert all(
        mask.shape == picture.shape[:2] for mask, picture in zip(found, pictures, strict=True)
    )
    again = unet.UNetSegmenter.load(run.folder)
    assert again.kind == kind
    assert all(np.array_equal(a, b) for a, b in zip(again.masks(pictures), found, strict=True))
    # A finished run is not trained again.
    other = unet.UNetSegmenter(kind, side=32, filters=FILTERS, seed=5).fit(pictures, masks, run)
    assert np.array_equal(other(pictures[0]), found[0])
    assert keras.utils.get_source_inputs(again.network.output)[0].shape[1:] == (32, 32, 3)


def test_in_fields_every_piece_is_kept_and_in_cells_the_largest(tmp_path, monkeypatch):
    plane = np.full((32, 32), -1.0, np.float32)
    plane[2:6, 2:6] = plane[12:28, 12:28] = 1
    picture = np.zeros((32, 32, 3), np.uint8)
    for cells, pixels in (("main", 256), ("all", 272)):
        model = unet.UNetSegmenter(side=32, filters=FILTERS, cells=cells)
        model.save(tmp_path / cells)
        again = unet.UNetSegmenter.load(tmp_path / cells)
        monkeypatch.setattr(again.network, "predict_on_batch", lambda x: plane[None])
        assert again(picture).sum() == pixels


def test_wrong_kinds_sides_and_masks_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"unet, unet\+\+"):
        unet.UNetSegmenter("segnet")
    with pytest.raises(ValueError, match="multiple of 16"):
        unet.UNetSegmenter(side=40)
    model = unet.UNetSegmenter(side=32, filters=FILTERS)
    picture, run = np.zeros((8, 8, 3), np.uint8), Run(tmp_path, "x", {})
    with pytest.raises(ValueError, match="1 pictures and 0 masks"):
        model.fit([picture], [], run)
    for wrong in (np.zeros((8, 8), bool), np.ones((8, 9), bool)):
        with pytest.raises(ValueError, match=r"masks 1 \(1 of 2\) have nothing .* another size"):
            model.fit([picture] * 2, [np.ones((8, 8), bool), wrong], run)


def test_masks_of_0_and_255_are_those_of_false_and_true(tmp_path):
    model = unet.UNetSegmenter(side=32, filters=FILTERS)
    picture, mask = np.zeros((40, 40, 3), np.uint8), np.pad(np.ones((20, 20), bool), 10)
    stored = [
        np.load(model._stored([picture], [kind], tmp_path / name, "train")[1])
        for name, kind in (("bool", mask), ("file", mask.astype(np.uint8) * 255))
    ]
    assert stored[0].max() == 255
    assert np.array_equal(*stored)


def test_pictures_that_are_not_bytes_are_refused(tmp_path):
    model, mask = unet.UNetSegmenter(side=32, filters=FILTERS), np.ones((8, 8), bool)
    picture = np.full((8, 8, 3), 0.5, np.float32)
    with pytest.raises(ValueError, match=r"picture 0 is float32 of shape .* from 0 to 255"):
        model.fit([picture], [mask], Run(tmp_path, "x", {}))
