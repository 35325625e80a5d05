"""CoTCoNet's Figures 8 to 10 on a pipeline in the smallest sizes: what is drawn is what it does."""

from types import SimpleNamespace

import keras
import numpy as np
import pandas as pd
import pytest
import two_classes
from figure8 import MAPS

from cotconet import explanation_figures, fitting
from smears import InputError
from smears.explain import Explanation, lime
from smears.reports import pyplot

SMALL = {
    "size": 32, "segment": "otsu-watershed", "synthesise": None, "leusam": {}, "leugan": {},
    "extractor": {"patch_size": 8, "depth": 1, "num_heads": 3, "epochs": 3, "batch_size": 8},
    "selector": {"population": 4, "iterations": 2}, "hdlc": {"epochs": 3, "batch_size": 8},
}  # fmt: skip


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    def train(task, run):
        run.settings |= SMALL
        fitting.train(task, run)

    return two_classes.results(MAPS, two_classes.recipe(train), tmp_path_factory.mktemp("out"))


@pytest.mark.slow
def test_feature_maps_of_both_classes_and_their_density_are_drawn(results):
    figure, lines = explanation_figures.feature_maps(results)
    figure.canvas.draw()
    assert len(figure.axes) == 2 * 7 + 1  # cell, GMod's map, five blocks; the densities below
    assert lines[0].startswith("Density of ALL less that of normal, points")
    assert lines[0].count("block ") == 5
    drawn = [image.get_array() for axis in figure.axes for image in axis.images]
    assert {array.dtype.name for array in drawn} == {"uint8", "float32"}  # never bfloat16
    pyplot().close(figure)


def test_density_is_measured_on_cells_of_people_of_the_whole_part(monkeypatch):
    x = shown = keras.Input((8, 8, 3))
    for number in range(1, 6):
        x = keras.layers.ReLU(name=f"sfl{number}_relu")(x)
    model = SimpleNamespace(
        extractor_=keras.Model(shown, x), features=("smod",),
        cut_out=lambda cells: np.full((len(cells), 8, 8, 3), 200, np.uint8),
    )  # fmt: skip
    frame = pd.DataFrame({"label": np.repeat(["ALL", "normal"], 60)})
    frame["subject"] = [f"person {n // 6}" for n in range(120)]
    fitted = SimpleNamespace(model=model, classes=("ALL", "normal")), frame
    measured = []
    monkeypatch.setattr(explanation_figures, "MOST", 20)
    monkeypatch.setattr(explanation_figures, "_fitted", lambda results: fitted)
    monkeypatch.setattr(explanation_figures, "_read", lambda rows: range(len(rows)))
    monkeypatch.setattr(
        explanation_figures, "_densities", lambda *args: measured.append(args[2]) or []
    )
    stub = SimpleNamespace(classes=["ALL", "normal"], positive="ALL", captions=lambda: [])
    figure, _ = explanation_figures.feature_maps(stub)
    pyplot().close(figure)
    for rows in measured[0].values():
        assert len(rows) == 20
        assert rows["subject"].nunique() > 6


@pytest.mark.slow
def test_the_last_layer_is_shown_for_training_and_test_and_its_plane_is_scored(
    results, monkeypatch
):
    # Predictions may have synthetic pictures among them, which are not shown.
    monkeypatch.setattr(results, "predictions", None)
    figure, lines = explanation_figures.last_layer(results)
    figure.canvas.draw()
    shown = [sum(len(c.get_offsets()) for c in axis.collections) for axis in figure.axes]
    task = results.material.task()
    assert shown == [len(task.positions("train")), len(task.positions("test"))]
    assert "The 32 numbers of HDLC's last hidden layer" in lines[0]
    labels = task.catalogue["label"].iloc[task.positions("test")]
    most = 100 * labels.value_counts(normalize=True).max()
    assert f"the most frequent class is right in {most:.1f}% of the test" in lines[0]
    pyplot().close(figure)


@pytest.mark.slow
def test_lime_looks_at_cells_of_each_diagnosis(results, monkeypatch):
    monkeypatch.setattr(explanation_figures, "CELLS", 1)
    monkeypatch.setattr(explanation_figures, "SAMPLES", 16)
    figure, lines = explanation_figures.lime_cells(results)
    figure.canvas.draw()
    said = results.predictions("CoTCoNet")[0]
    said = said[said["part"] == "test"][["ALL", "normal"]].to_numpy().argmax(1)
    assert len(figure.axes) == 2 * len(np.unique(said))
    assert "LIME on the whole pipeline" in lines[1]
    pyplot().close(figure)


def test_only_cells_whose_regions_are_not_stable_are_counted_and_marked(monkeypatch):
    notes = [lime._note(True, np.ones(9), stable=False, samples=16), "another note", ""]

    def explained(pipeline, pictures, **settings):
        heat, regions = np.eye(32, dtype=np.float32), np.zeros((32, 32), int)
        return [Explanation(heat, 0, "LIME", {}, n, regions, np.ones(1)) for n in notes]

    model = SimpleNamespace(predict=lambda pictures: ["ALL"] * len(pictures))
    fitted = SimpleNamespace(model=model, classes=("ALL", "normal"))
    frame = pd.DataFrame({"path": ["a", "b", "c"], "label": "ALL"})
    monkeypatch.setattr(explanation_figures, "_fitted", lambda results: (fitted, frame))
    cells = [np.zeros((32, 32, 3), np.uint8)] * 3
    monkeypatch.setattr(explanation_figures, "_read", lambda rows: cells)
    monkeypatch.setattr(lime, "explain", explained)
    stub = SimpleNamespace(classes=["ALL", "normal"], positive="ALL", captions=lambda: [])
    figure, lines = explanation_figures.lime_cells(stub)
    assert "in 1 of 3 cells" in lines[1]
    assert [axis.get_xlabel() for axis in figure.axes] == [""] * 3 + ["not stable", "", ""]
    pyplot().close(figure)


@pytest.mark.slow
def test_a_run_without_its_networks_says_what_to_do(results):
    folder = results.runs["CoTCoNet"][0].folder / "model"
    folder.rename(folder.with_name("gone"))
    try:
        with pytest.raises(InputError, match="kept without their networks"):
            explanation_figures.last_layer(results)
    finally:
        folder.with_name("gone").rename(folder)
