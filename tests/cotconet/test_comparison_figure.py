"""CoTCoNet's Figure 7 from invented predictions: what was run is drawn, what was not is named."""

from dataclasses import replace

import numpy as np
import pytest
import two_classes
from figure7 import CURVES

from cotconet.comparison_figure import COLOURS, PUBLISHED, STYLES, comparison, drawn
from smears.reports import pyplot


def _train(task, run):
    """Predictions in which every leukemic cell scores above every normal one; half pass 0.5."""
    positions = task.positions("validation", "test")
    frame = task.catalogue.iloc[positions].assign(part=task.parts.iloc[positions])
    leukemic = (frame["label"] == "ALL").to_numpy()
    score = np.where(leukemic, np.linspace(0.3, 0.9, len(frame)), 0.2)
    run.note(classes=list(task.classes), weights="random")
    run.write_predictions(frame, task.classes, np.stack([score, 1 - score], axis=1))


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    return two_classes.results(
        replace(CURVES, rows={"CoTCoNet": {}}), two_classes.recipe(_train),
        tmp_path_factory.mktemp("out"),
    )  # fmt: skip


def test_curves_areas_and_scores_are_those_of_the_predictions(results):
    figure, lines = comparison(results)
    figure.canvas.draw()
    roc, radar = figure.axes
    labels = [line.get_label() for line in roc.lines]
    assert labels[0] == "CoTCoNet (1.000)"
    assert lines[0].startswith("Positive class: ALL. CoTCoNet: area 1.000")
    table = results.predictions("CoTCoNet")[0]
    test = table[table["part"] == "test"]
    said, truth = (test["ALL"] > 0.5).to_numpy(), (test["label"] == "ALL").to_numpy()
    accuracy, precision, recall, f1 = radar.lines[0].get_ydata()[:4]
    assert accuracy == pytest.approx((said == truth).mean())
    assert precision == pytest.approx(1)
    assert recall == pytest.approx(said[truth].mean())
    assert f1 == pytest.approx(2 * recall / (1 + recall))
    assert len(radar.lines) == 3  # CoTCoNet and the two rows of colour alone; drawn cells: no table
    pyplot().close(figure)


def test_a_method_is_drawn_alike_in_both_panels_and_like_no_other():
    looks = [drawn(number) for number in range(len(COLOURS) * len(STYLES))]
    assert len({(look["color"], look["linestyle"]) for look in looks}) == len(looks)
    assert PUBLISHED["linestyle"] not in STYLES
    # Also by eye: a colour comes again only with another style.
    assert [look["linestyle"] for look in looks[: len(COLOURS) + 1]] == ["-"] * 7 + ["--"]


def test_more_methods_than_colours_stay_apart(results, monkeypatch):
    rows = {f"Method {number}": {} for number in range(11)}
    found = results.predictions("CoTCoNet")
    monkeypatch.setattr(results, "study", replace(results.study, rows=rows))
    monkeypatch.setattr(results, "predictions", lambda label: found)
    figure, _ = comparison(results)
    roc, radar = figure.axes
    looks = [
        {line.get_gid(): (line.get_color(), line._dash_pattern) for line in axis.lines
         if line.get_gid()} for axis in (roc, radar)
    ]  # fmt: skip
    assert looks[0] == looks[1]
    assert len(looks[0]) == 13
    assert len({str(look) for look in looks[0].values()}) == 13
    pyplot().close(figure)


def test_a_row_that_was_not_run_is_named_and_not_drawn(results):
    missing = replace(results.study, rows={"CoTCoNet": {}, "Das et al.": {}})
    results.study, before = missing, results.study
    try:
        figure, lines = comparison(results)
    finally:
        results.study = before
    assert "not run: Das et al." in lines[0]
    assert not any("Das" in line.get_label() for line in figure.axes[0].lines)
    pyplot().close(figure)
