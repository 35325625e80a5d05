"""Cells are cut from the enhanced picture, at one scale; a data set's own mask goes first."""

import cv2
import numpy as np
import pandas as pd
import pytest

from cotconet import preparation


def _block(height, width, side=64):
    """A grey block in the middle of a black picture."""
    picture = np.zeros((side, side, 3), np.uint8)
    top, left = (side - height) // 2, (side - width) // 2
    picture[top : top + height, left : left + width] = 100
    return picture


def test_the_common_side_is_the_longer_one_of_nearly_the_largest_cell():
    pictures = [_block(height, 12) for height in range(20, 41)]
    found = preparation.common_side(pictures, steps=(), segmenter="on-black")
    # With margins of 5% the largest is 44, the one before 43.
    assert found == 44
    pictures = [_block(12, 20)] * 300 + [_block(60, 60)]
    assert preparation.common_side(pictures, steps=(), segmenter="on-black", most=400) == 22


def test_what_is_cut_out_is_the_enhanced_picture(tmp_path):
    path = tmp_path / "cells.npy"
    halved = (lambda picture: picture // 2,)
    empty = preparation.prepare([_block(30, 30)], path, 32, steps=halved, segmenter="on-black")
    assert empty == 0
    assert np.load(path).max() == 50


def test_a_stopped_preparation_goes_on_and_loses_no_count(tmp_path, monkeypatch):
    monkeypatch.setattr(preparation, "CHUNK", 4)
    pictures = [_block(20 + row, 30) * (row % 3 > 0) for row in range(10)]
    seen = []

    class Stopped(list):
        def __getitem__(self, row):
            if row == 7:
                raise KeyboardInterrupt
            seen.append(row)
            return super().__getitem__(row)

    def prepared(name, pictures):
        known = {"steps": (), "segmenter": "on-black"}
        return preparation.prepare(pictures, tmp_path / name, 16, **known)

    assert prepared("whole.npy", pictures) == 4
    with pytest.raises(KeyboardInterrupt):
        prepared("cells.npy", Stopped(pictures))
    assert not (tmp_path / "cells.npy").exists()
    seen.clear()
    enhance = preparation.enhance
    monkeypatch.setattr(
        preparation, "enhance", lambda picture, steps: seen.append(0) or enhance(picture, steps)
    )
    assert prepared("cells.npy", pictures) == 4
    assert len(seen) == 6  # the first chunk was done
    whole, cells = (tmp_path / name for name in ("whole.npy", "cells.npy"))
    assert cells.read_bytes() == whole.read_bytes()
    assert sorted(file.name for file in tmp_path.glob("[!.]*")) == ["cells.npy", "whole.npy"]


def test_the_data_set_s_own_mask_goes_before_one_that_stands_in_for_it(tmp_path):
    mask = np.zeros((64, 64), np.uint8)
    mask[5:9, 5:50] = 255
    assert cv2.imwrite(str(tmp_path / "mask.png"), mask)
    rows = {"path": ["a", "b"], "sha256": ["u", "v"], "mask": [str(tmp_path / "mask.png"), ""]}
    files, picture = preparation.Files(pd.DataFrame(rows)), _block(30, 30)
    assert (preparation.truth(files, 0, picture) == (mask > 0)).all()
    assert (preparation.truth(files, 1, picture) == preparation.truth([], 0, picture)).all()
