"""Cells of experiments/synthesis.py: their scale, and the version of the stage, in their name."""

import numpy as np
import pandas as pd
import synthesis

from cotconet import preparation, recipe
from smears import catalogue


def test_cells_have_the_scale_of_training_rows_and_the_name_of_their_version(tmp_path, monkeypatch):
    frame = pd.DataFrame({"path": list("abc"), "sha256": list("uvw"), "mask": ""})
    sides = {"a": 10, "b": 20, "c": 60}

    def decoded(path):
        picture = np.zeros((64, 64, 3), np.uint8)
        picture[: sides[path], : sides[path]] = 100
        return picture

    measured = []
    common = preparation.common_side
    monkeypatch.setattr(preparation.images, "decode", decoded)
    monkeypatch.setattr(catalogue, "fingerprint", lambda frame: "f")
    monkeypatch.setattr(
        preparation, "common_side",
        lambda files, **known: measured.append(files.paths) or common(files, **known),
    )  # fmt: skip
    training = np.array([True, True, False])
    for version in (7, 8):
        monkeypatch.setitem(recipe.VERSIONS, "prepare", version)
        assert synthesis._cells(frame, training, "s", 16, tmp_path).shape == (3, 16, 16, 3)
    assert measured == [["a", "b"]] * 2
    names = sorted(path.name for path in tmp_path.glob("*.npy"))
    assert names == ["cells-f-s-16-v7.npy", "cells-f-s-16-v8.npy"]
