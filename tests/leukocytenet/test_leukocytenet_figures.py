"""LeukocyteNet's figures draw the stored numbers, and say so where there are none."""

from itertools import pairwise

import numpy as np
import pytest
import standin
from figure3 import AUGMENTATION
from figure5 import ACCURACIES
from figure6 import CURVES
from figure7 import ERRORS
from matplotlib.colors import to_hex

from leukocytenet.figures import OURS, PUBLISHED
from smears.reports import numbers, pyplot
from smears.tables import interval


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    return tmp_path_factory.mktemp("runs")


@pytest.fixture
def draw(out):
    """Function study, *arguments -> (results, figure, caption lines); closes the figures."""

    def drawn(study, *arguments, folder=out):
        results = standin.results(study, folder, *arguments)
        figure, lines = results.study.make(results)
        figure.canvas.draw()
        return results, figure, lines

    yield drawn
    pyplot().close("all")


def _texts(axis):
    return [text.get_text() for text in axis.texts]


def test_figure_5_has_published_and_measured_bars_and_no_bar_without_a_run(draw):
    results, figure, _ = draw(ACCURACIES)
    bars = {PUBLISHED: [], OURS: []}
    for bar in figure.axes[0].patches:
        bars[to_hex(bar.get_facecolor()).replace("0072b2", "0072B2")].append(bar.get_height())
    assert bars[PUBLISHED] == [84.44, 81.76, 89.41, 92.60, 89.80, 97.33]
    measured = []
    for runs in results.runs.values():
        held = runs[0].predictions.query("part == 'test'")
        said = held[list(standin.CLASSES)].to_numpy().argmax(1)
        measured.append(100 * np.mean(np.array(standin.CLASSES)[said] == held["label"]))
    np.testing.assert_allclose(bars[OURS], measured)
    assert _texts(figure.axes[0]).count("not run") == 1
    legend = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert legend[:2] == ["published", "ours, 95% interval"]
    assert sum("colour statistics only" in text for text in legend) == 2


def test_figure_6_draws_every_epoch_of_every_seed(draw):
    results, figure, lines = draw(CURVES, "--seeds", "2")
    accuracy, loss = figure.axes
    assert len(accuracy.lines) == len(loss.lines) == 4
    history = results.runs["LeukocyteNet"][1].history
    np.testing.assert_array_equal(accuracy.lines[2].get_xdata(), [1, 2, 3])
    np.testing.assert_array_equal(accuracy.lines[2].get_ydata(), history["accuracy"])
    np.testing.assert_array_equal(loss.lines[3].get_ydata(), history["val_loss"])
    names = [text.get_text() for text in loss.get_legend().get_texts()]
    assert names == ["training", "validation"]
    assert any("dropout and augmentation on" in line for line in lines)


def test_figure_6_names_a_run_whose_history_is_lost(draw, tmp_path):
    results, *_ = draw(CURVES, "--seeds", "2", folder=tmp_path)
    run = results.runs["LeukocyteNet"][0]
    (run.folder / "history.csv").unlink()
    _, figure, lines = draw(CURVES, "--seeds", "2", folder=tmp_path)
    assert len(figure.axes[0].lines) == 2
    assert f"Without its history.csv, so not drawn: {run.folder.name}." in lines


def test_figure_7_counts_all_test_pictures_of_all_seeds(draw):
    _, figure, _ = draw(ERRORS, "--seeds", "2")
    matrix, curves = figure.axes
    assert sum(int(text) for text in _texts(matrix)) == 2 * 20
    assert [t.get_text() for t in matrix.get_yticklabels()] == list(standin.CLASSES)
    legend = [text.get_text() for text in curves.get_legend().get_texts()]
    assert [text.rsplit(" (")[0] for text in legend] == list(standin.CLASSES)
    assert "test pictures, seeds 0, 1;" in matrix.get_title()
    assert curves.get_title().endswith(", seed 0")
    assert not curves.child_axes  # these curves are everywhere: an inset would hide some


def test_figure_7_enlarges_the_corner_where_good_curves_crowd(draw, tmp_path, monkeypatch):
    monkeypatch.setitem(standin.SKILL, "LeukocyteNet", 1.0)
    _, figure, _ = draw(ERRORS, folder=tmp_path)
    _, curves = figure.axes
    [inset] = curves.child_axes
    assert inset.get_xlim()[1] == pytest.approx(0.2)
    assert inset.get_ylim()[0] == pytest.approx(0.8)
    for large, small in zip(inset.lines, curves.lines, strict=False):
        np.testing.assert_array_equal(large.get_xydata(), small.get_xydata())
    assert len(numbers(figure).query("series == 'AML' and panel != ''")) == len(
        curves.lines[list(standin.CLASSES).index("AML")].get_xdata()
    )  # the inset's are not told twice


@pytest.mark.parametrize("study", [ACCURACIES, CURVES, ERRORS])
def test_a_figure_without_a_run_says_so(draw, tmp_path, monkeypatch, study):
    monkeypatch.setattr(standin, "SKILL", {})
    _, figure, lines = draw(study, folder=tmp_path)
    assert any("not run" in text for text in _texts(figure.axes[0]))
    assert any(line.endswith("not run: no weights.") for line in lines)


def test_figure_3_shows_the_datas_own_picture_and_names_it(draw, tmp_path):
    import cv2

    from smears import drawing

    for label in ("AML", "Healthy"):
        (tmp_path / label).mkdir()
        picture, _ = drawing.draw(label, 1, 0, 32)
        cv2.imwrite(str(tmp_path / label / "one.png"), picture[..., ::-1])
    _, figure, lines = draw(AUGMENTATION, "--data", f"folder:{tmp_path}")
    assert len(figure.axes) == 7
    assert lines[0] == "The picture: one.png (AML) of folder."


def test_figure_3_of_no_data_is_a_drawn_smear_and_says_so(draw):
    _, figure, lines = draw(AUGMENTATION)
    assert figure.axes[0].images[0].get_array().shape == (384, 384, 3)
    assert "not a photograph" in lines[0]


@pytest.mark.parametrize("study", [ACCURACIES, CURVES, ERRORS])
def test_no_two_texts_of_an_axis_overlap(draw, study):
    _, figure, _ = draw(study)
    renderer = figure.canvas.get_renderer()
    for axis in figure.axes:
        for ticks in (axis.get_xticklabels(), axis.get_yticklabels()):
            boxes = [
                tick.get_window_extent(renderer)
                for tick in ticks
                if tick.get_text() and not tick.get_rotation()
            ]
            for first, second in pairwise(boxes):
                assert not first.overlaps(second)


def test_the_numbers_behind_figures_5_to_7_can_be_written(draw):
    results, figure, _ = draw(ACCURACIES, "--seeds", "2")
    table = numbers(figure)
    published = table[table["series"] == "published"]
    assert published["x"].tolist() == list(ACCURACIES.rows)
    assert published["y"].tolist() == [84.44, 81.76, 89.41, 92.60, 89.80, 97.33]
    ours = table[table["series"] == "ours"]
    assert ours["x"].tolist() == list(results.runs)
    measured = [interval(results.predictions(label), "test", "accuracy") for label in results.runs]
    shown = ours[["y", "low", "high"]].to_numpy(float)
    np.testing.assert_allclose(shown, 100 * np.array(measured))
    assert (shown[:, 1] < shown[:, 2]).any()

    results, figure, _ = draw(CURVES, "--seeds", "2")
    table = numbers(figure).set_index(["panel", "series"])
    for number, run in enumerate(results.runs["LeukocyteNet"], 1):
        shown = table.loc[("(b) loss", f"validation, run {number}")]
        assert shown["x"].tolist() == [1, 2, 3]
        np.testing.assert_allclose(shown["y"].astype(float), run.history["val_loss"])

    results, figure, _ = draw(ERRORS)
    table = numbers(figure)
    matrix = table[table["series"] == "matrix"]
    held = results.runs["LeukocyteNet"][0].predictions.query("part == 'test'")
    said = np.array(standin.CLASSES)[held[list(standin.CLASSES)].to_numpy().argmax(1)]
    assert len(matrix) == len(standin.CLASSES) ** 2
    for _, cell in matrix.iterrows():
        count = ((held["label"] == cell["y"]) & (said == cell["x"])).sum()
        assert cell["printed"] == (str(count) if count else "")
    curves = set(table["series"]) - {"matrix"}
    assert curves == set(standin.CLASSES)
