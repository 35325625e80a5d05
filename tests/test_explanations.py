"""The script that measures explanations, on runs of a small network that is not trained."""

import json
import shutil
import sys

import explanations
import keras
import numpy as np
import pandas as pd
import pytest

from leukocytenet import control
from smears import catalogue, drawn, sources, splits
from smears.explain.scoring import Method
from smears.runs import Run

SIZE = 32


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with a list of drawn pictures with masks, and two runs: one on them, one not."""
    place = tmp_path_factory.mktemp("place")
    rows = drawn.read(None, place, classes="nucleus", subjects=6, images=2, size=SIZE)
    rows[["path", "label", "subject", "mask"]].to_csv(place / "cells.csv", index=False)
    frame = sources.load([f"csv:{place / 'cells.csv'}"], place / "out" / "data")
    fingerprint = catalogue.fingerprint(frame)
    ((parts, _, split),) = splits.stored(frame, fingerprint, place / "out" / "splits")
    _put(place, "own", frame, parts, fingerprint, split)
    apart = frame.assign(sha256=frame["sha256"].str[::-1])
    ((_, _, split),) = splits.stored(apart, "another", place / "splits")
    _put(place, "other", apart, parts, "another", split)
    return place, parts


def _put(place, name, frame, parts, data, split):
    """The folder of a finished run whose network is not trained."""
    settings = {"model": name, "seed": 0, "size": SIZE, "data": data, "split": split}
    run = Run(place / "runs", name, settings)
    keras.utils.set_random_seed(0)
    control.network(SIZE).save(run.folder / "model.keras")
    run.note(classes=list(control.CLASSES), preprocess="tf")
    chance = np.full((len(frame), 2), 0.5)
    run.write_predictions(frame.assign(part=parts), control.CLASSES, chance)
    return run.folder


def _run(place, monkeypatch, *arguments, data=True):
    given = ["--data", f"csv:{place / 'cells.csv'}"] if data else []
    argv = ["x", *given, "--profile", "quick", "--out", str(place / "out"), *map(str, arguments)]
    monkeypatch.setattr(sys, "argv", argv)
    explanations.main()


def _folder(place, name):
    return next((place / "runs").glob(f"{name}-*"))


def test_a_runs_own_data_is_explained_in_its_test_part(place, monkeypatch, capsys):
    place, parts = place
    folder = _folder(place, "own")
    _run(place, monkeypatch, "--model", folder, "--methods", "Grad-CAM", "Edge detector")
    out = capsys.readouterr().out
    tables = place / "out" / "tables"
    found = pd.read_csv(tables / "explanations_csv-cells_quick_given-models.csv")
    assert found["Method"].tolist() == ["Grad-CAM", "Edge detector"]
    assert found["Sanity check"][1] == "fails"
    assert set(found["n"]) == {(parts == "test").sum()}
    assert set(found["Model"]) == {folder.name}
    assert "audit: nothing on two sides" in out
    for ending in ("md", "tex", "png"):
        assert (tables / f"explanations_csv-cells_quick_given-models.{ending}").stat().st_size > 500
    known = json.loads((folder / "explanations.json").read_text())
    assert set(known["csv-cells"]["scores: mean, low, high (95%)"]) == {"Grad-CAM", "Edge detector"}
    assert "Edge detector" in (folder / "MODEL_CARD.md").read_text(encoding="utf-8")


def test_other_data_is_explained_in_pictures_of_all_its_parts(place, monkeypatch, capsys):
    place, parts = place
    _run(place, monkeypatch, "--model", _folder(place, "other"), "--methods", "Edge detector")
    assert "None of these networks was trained on this data" in capsys.readouterr().out
    found = pd.read_csv(place / "out" / "tables" / "explanations_csv-cells_quick_given-models.csv")
    assert (parts == "test").sum() < 20 < len(parts)
    assert set(found["n"]) == {20}  # as many as are shown unless --pictures says otherwise


def test_a_run_of_another_split_is_explained_in_the_test_part_that_it_keeps(
    place, tmp_path, monkeypatch, capsys
):
    place, parts = place
    folder = tmp_path / "runs" / "own"
    shutil.copytree(_folder(place, "own"), folder)
    shutil.copytree(place / "out" / "splits", tmp_path / "splits")
    asked = ["--model", folder, "--split", "image", "--methods", "Edge detector"]
    _run(place, monkeypatch, *asked)
    assert "the test part of the split, or fold, of the run itself" in capsys.readouterr().out
    (path,) = (place / "out" / "tables").glob("explanations_*image*.csv")
    found = pd.read_csv(path)
    assert set(found["n"]) == {(parts == "test").sum()}
    other = tmp_path / "runs" / "fold-2"
    shutil.copytree(folder, other)
    settings = json.loads((other / "settings.json").read_text())
    (other / "settings.json").write_text(json.dumps(settings | {"split": "of fold 2"}))
    with pytest.raises(SystemExit):
        _run(place, monkeypatch, *asked, "--model", other)
    assert "different splits or folds" in capsys.readouterr().err


@pytest.mark.parametrize("kept", [True, False])
def test_pictures_that_a_run_on_more_data_was_trained_on_are_left_out(
    place, tmp_path, monkeypatch, capsys, kept
):
    place, parts = place
    frame = sources.load([f"csv:{place / 'cells.csv'}"], place / "out" / "data")
    more = pd.concat([frame, frame.assign(sha256=frame["sha256"].str[::-1])], ignore_index=True)
    both = pd.concat([parts, parts], ignore_index=True)
    ((_, _, split),) = splits.stored(more.assign(part=both), "more", tmp_path / "splits")
    folder = _put(tmp_path, "more", more, both, "more", split)
    if not kept:
        (tmp_path / "splits" / "more-subject-0.csv").unlink()
    _run(place, monkeypatch, "--model", folder, "--methods", "Edge detector")
    out = capsys.readouterr().out
    found = pd.read_csv(place / "out" / "tables" / "explanations_csv-cells_quick_given-models.csv")
    seen = (parts != "test").sum()
    assert (f"shown: {seen} of {len(parts)}, on which one was trained" in out) == kept
    assert (f"{folder.name}; pictures that it shares" in out) != kept
    assert "None of these networks was trained on this data" not in out
    assert set(found["n"]) == {len(parts) - seen if kept else 20}


def test_runs_of_one_name_in_several_folders_are_all_explained(place, tmp_path, monkeypatch):
    place, _ = place
    folder = _folder(place, "other")
    again = tmp_path / "again" / "runs" / folder.name
    shutil.copytree(place / "splits", tmp_path / "again" / "splits")
    shutil.copytree(folder, again)
    models = [x for path in (folder, again) for x in ("--model", path / "model.keras")]
    _run(place, monkeypatch, *models, "--methods", "Edge detector", "--pictures", 3)
    found = pd.read_csv(place / "out" / "tables" / "explanations_csv-cells_quick_given-models.csv")
    assert len(found) == 2
    assert all(name.endswith(f"/runs/{folder.name}") for name in set(found["Model"]))
    assert found["Model"].nunique() == 2


def test_no_more_pictures_than_asked_for(place, monkeypatch):
    place, _ = place
    arguments = ["--model", _folder(place, "other"), "--methods", "Edge detector"]
    _run(place, monkeypatch, *arguments, "--pictures", 3)
    found = pd.read_csv(place / "out" / "tables" / "explanations_csv-cells_quick_given-models.csv")
    assert set(found["n"]) == {3}


@pytest.fixture
def cotconet(tmp_path, monkeypatch):
    """The folder of a finished run whose pipeline answers by how bright a picture is."""
    settings = {"model": "CoTCoNet", "seed": 0, "size": 32, "data": "another", "split": "s"}
    run = Run(tmp_path, "CoTCoNet", settings)
    (run.folder / "model").mkdir()
    run.note(weights="random", classes=["normal", "ALL"])
    frame = pd.DataFrame(
        {"path": [f"/d/{n}.png" for n in range(20)], "subject": "", "label": ["ALL", "normal"] * 10,
         "source": [str(n) for n in range(20)], "part": ["validation"] * 10 + ["test"] * 10}
    )  # fmt: skip
    run.write_predictions(frame, ["normal", "ALL"], np.full((20, 2), 0.5))

    class Bright:
        classes = ("normal", "ALL")

        def __init__(self, run):
            pass

        def scores(self, pictures):
            bright = np.array([picture.mean() / 255 for picture in pictures])
            return np.stack([bright, 1 - bright], axis=1)

    monkeypatch.setattr("cotconet.predict.Pipeline", Bright)
    return run.folder


def test_cotconet_is_explained_by_what_needs_no_network(cotconet, place, monkeypatch, capsys):
    place, _ = place
    few = Method("lime", {"samples": 16, "most": 16}, seeded=True)
    monkeypatch.setitem(explanations.QUICK, "LIME", few)
    methods = ["--methods", "Grad-CAM", "SmoothGrad", "LIME", "Edge detector"]
    _run(place, monkeypatch, "--model", cotconet, *methods, "--pictures", 1)
    found = pd.read_csv(place / "out" / "tables" / "explanations_csv-cells_quick_given-models.csv")
    rows = found.set_index("Method")
    assert found["Method"].tolist() == methods[1:]
    assert set(rows["Sanity check"]) == {"–"}
    for unsuited in ("Grad-CAM", "SmoothGrad"):
        assert set(rows.loc[unsuited].drop(["Model", "data"])) == {"–"}
    measures = ["Relevance in nucleus ↑", "Deletion ↓", "Max-sensitivity ↓"]
    assert "–" not in rows.loc[["LIME", "Edge detector"], measures].to_numpy()
    known = json.loads((cotconet / "explanations.json").read_text(encoding="utf-8"))
    told = known["csv-cells"]["scores: mean, low, high (95%)"]
    assert {scores["check with random weights"] for scores in told.values()} == {"–"}
    assert "- LIME: " in (cotconet / "MODEL_CARD.md").read_text(encoding="utf-8")
    with pytest.raises(SystemExit) as stopped:
        _run(place, monkeypatch, "--model", cotconet, "--methods", "Saliency", "--pictures", 1)
    assert stopped.value.code == 2
    assert "none of these can explain" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "data", "reason"),
    [
        (["--model", "own", "--model", "other"], True, "some of these runs"),
        (["--model", "own", "--split", "image"], True, "another split"),
        (["--model", "nowhere"], True, "no run's folder"),
        (["--folds", "3"], True, "--folds"),
        (["--task", "nucleus"], True, "of its own"),
        (["--task", "nucleus", "--model", "own"], False, "of its own"),
    ],
)
def test_what_makes_no_sense_ends_with_the_remedy(
    arguments, data, reason, place, monkeypatch, capsys
):
    place, _ = place
    named = {name: str(_folder(place, name)) for name in ("own", "other")}
    arguments = [named.get(argument, argument) for argument in arguments]
    with pytest.raises(SystemExit) as stopped:
        _run(place, monkeypatch, *arguments, "--methods", "Edge detector", data=data)
    assert stopped.value.code == 2
    assert reason in capsys.readouterr().err
