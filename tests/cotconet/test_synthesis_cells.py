"""Cells of experiments/synthesis.py: their scale, and the version of the stage, in their name."""

import drawings
import numpy as np
import pandas as pd
import pytest
import synthesis

from cotconet import preparation, realism, recipe
from cotconet import synthesis as synthesis_module
from smears import catalogue


def test_cells_have_the_scale_of_training_rows_and_the_name_of_their_version(tmp_path, monkeypatch):
    frame = pd.DataFrame({"path": list("abc"), "sha256": list("uvw"), "mask": "", "data": "x"})
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
    assert names == ["cells-f-s-16-main-v7.npy", "cells-f-s-16-main-v8.npy"]


def test_of_whole_fields_every_cell_is_kept(tmp_path, monkeypatch):
    frame = pd.DataFrame({"path": ["a"], "sha256": ["u"], "mask": "", "data": "allidb1"})
    asked = []
    monkeypatch.setattr(catalogue, "fingerprint", lambda frame: "f")
    monkeypatch.setattr(preparation, "common_side", lambda *_, **known: asked.append(known))
    monkeypatch.setattr(
        preparation, "prepare",
        lambda _, path, *__, **known: asked.append(known) or np.save(path, np.zeros(1)),
    )  # fmt: skip
    for data in ("allidb1", "allidb2"):
        synthesis._cells(frame.assign(data=data), np.array([True]), "s", 16, tmp_path)
    assert [known["cells"] for known in asked] == ["all", "all", "main", "main"]
    assert {known["segmenter"] for known in asked} == {"otsu-watershed"}


@pytest.mark.parametrize(
    ("subjects", "told"),
    [
        (["", ""], "unknown subjects"), (["a", "a"], "1 subject"), (["a", "b"], "2 subjects"),
        (["a", "b", "", ""], "2 subjects and 2 of unknown ones"),
    ],
)  # fmt: skip
def test_pictures_of_unknown_people_are_not_those_of_one_person(subjects, told):
    assert synthesis._people(pd.DataFrame({"subject": subjects})) == told


def test_too_few_pictures_for_the_report_are_told_before_the_training(
    tmp_path, monkeypatch, capsys
):
    drawings.put(tmp_path, recipe.PROFILES["quick"].drawn)
    monkeypatch.setattr(synthesis_module, "train", lambda *_, **__: pytest.fail("trained"))
    monkeypatch.setattr(realism, "FEWEST", 1000)
    monkeypatch.setattr("sys.argv", ["synthesis.py", "--out", str(tmp_path)])
    with pytest.raises(SystemExit):
        synthesis.main()
    assert "the realism report needs at least 1000" in capsys.readouterr().err
