"""Figures 8 to 11 explain the networks of the runs, or say why there is nothing to explain."""

import keras
import numpy as np
import pytest
import standin
from figure8 import LIME
from figure9 import HEAT
from figure10 import SALIENCY
from figure11 import GRID
from keras import layers

from leukocytenet import explanation_figures
from smears import images
from smears.explain import lime
from smears.reports import pyplot


def _tiny(size, classes, tokens):
    """A network with the layers' names of LeukocyteNet, in a moment."""
    inputs = keras.Input((size, size, 3))
    x = layers.AveragePooling2D(8)(layers.Rescaling(1 / 128)(inputs))
    x = layers.Conv2D(4, 3, padding="same", activation="relu", name="block5_conv4")(x)
    joined = [layers.GlobalAveragePooling2D()(x)]
    if tokens:
        x = layers.Dense(4, name="swin_tokens")(layers.Reshape((-1, 4))(x))
        joined.append(layers.GlobalAveragePooling1D()(x))
    x = layers.Concatenate()(joined) if tokens else joined[0]
    return keras.Model(inputs, layers.Dense(classes, activation="softmax")(x))


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    """Folder in which both rows have stood-in predictions and a tiny network."""
    out = tmp_path_factory.mktemp("explained")
    keras.utils.set_random_seed(0)
    for label, runs in standin.results(GRID, out).runs.items():
        run = runs[0]
        network = _tiny(run.settings["size"], 10, label == "LeukocyteNet")
        network.save(run.folder / "model.keras")
        run.note(preprocess="caffe")
    return out


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Sixteen squares instead of superpixels; figures are closed."""
    monkeypatch.setattr(lime, "superpixels", _squares)
    monkeypatch.setattr(explanation_figures, "FEW", 16)
    monkeypatch.setattr(explanation_figures, "MOST", 16)
    yield
    pyplot().close("all")


def _squares(picture):
    rows, columns = (np.arange(side) * 4 // side for side in picture.shape[:2])
    return 4 * rows[:, None] + columns


def _made(study, out, *arguments):
    results = standin.results(study, out, *arguments)
    figure, lines = results.study.make(results)
    figure.canvas.draw()
    return results, figure, lines


def _titles(figure):
    return [axis.get_title() for axis in figure.axes]


def test_of_each_class_the_first_test_picture_that_is_right_is_shown(out):
    results, figure, lines = _made(SALIENCY, out)
    table = results.runs["LeukocyteNet"][0].predictions.query("part == 'test'")
    said = np.array(standin.CLASSES)[table[list(standin.CLASSES)].to_numpy().argmax(1)]
    shown = {axis.get_title(): axis.images[0].get_array() for axis in figure.axes if axis.images}
    frame = results.catalogue
    for label in standin.CLASSES:
        own = table[table["label"] == label]
        right = own[said[table["label"] == label] == label]
        name = (right if len(right) else own)["path"].iloc[0]
        path = next(path for path in frame["path"] if str(path).endswith(name))
        np.testing.assert_array_equal(shown[f"{label} (a)"], images.decode(path))
    assert _titles(figure).count("(b)") == 10
    assert any(line.startswith("(a): the first test picture") for line in lines)


def test_figure_8_marks_superpixels_and_their_weights(out):
    _, figure, lines = _made(LIME, out)
    assert _titles(figure)[:3] == ["A  ALL-Benign", "B  LIME", "C  weights of the superpixels"]
    plain, marked = (axis.images[0].get_array() for axis in figure.axes[:2])
    assert plain.shape == marked.shape
    assert (plain != marked).any()
    assert [text.get_text() for text in figure.axes[1].texts] == ["1", "2", "3", "4", "5"]
    assert len(figure.axes[2].patches) == 8
    assert "95% intervals over drawings of the" in lines[0]


def test_figure_9_has_the_picture_grad_cam_and_saliency(out):
    _, figure, lines = _made(HEAT, out)
    assert _titles(figure)[:3] == ["A  ALL-Pro-B", "B  Grad-CAM", "C  saliency"]
    assert "layer block5_conv4, 8 × 8" in lines[0]


@pytest.mark.slow
def test_figure_11_has_a_row_a_class_in_the_order_of_the_caption(out):
    _, figure, lines = _made(GRID, out)
    heads = [title.split("  ")[0] for title in _titles(figure)[:6]]
    assert heads == ["original\n", "A", "B", "C", "D", "E"]
    rows = [axis.get_ylabel().split("\n")[0] for axis in figure.axes[:60:6]]
    assert rows == list(standin.CLASSES)
    cells = [np.asarray(axis.images[-1].get_array()) for axis in figure.axes[:60]]
    for one in range(6):
        for other in range(one):
            rows = zip(cells[one::6], cells[other::6], strict=True)
            assert any((first != second).any() for first, second in rows)
    assert any("C swin_tokens, 8 × 8, the map that enters patch merging" in line for line in lines)
    assert any("the paper's text gives columns B and C" in line for line in lines)


@pytest.mark.slow
def test_figure_11_goes_on_without_vgg19(out):
    _, figure, lines = _made(GRID, out, "--rows", "LeukocyteNet")
    empty = [axis.get_xlabel() == "not run" for axis in figure.axes[:60]]
    assert empty == [False, True, False, False, True, False] * 10
    assert "A and D: VGG19: not run: not asked for" in lines


@pytest.mark.parametrize("study", [LIME, HEAT, SALIENCY, GRID])
def test_a_run_without_its_network_or_no_run_says_so(study, out, monkeypatch):
    results = standin.results(study, out)
    network = results.runs["LeukocyteNet"][0].folder / "model.keras"
    network.rename(network.with_suffix(".away"))
    try:
        figure, lines = results.study.make(results)
    finally:
        network.with_suffix(".away").rename(network)
    text = figure.axes[0].texts[0].get_text()
    assert "results are kept without weights" in text
    assert "Give another --out" in text
    assert any("Profile quick" in line for line in lines)
    monkeypatch.setattr(standin, "SKILL", {})
    results = standin.results(study, out, "--seeds", "2")  # the second one is new
    figure, _ = results.study.make(results)
    assert figure.axes[0].texts[0].get_text() == "LeukocyteNet: not run: no weights"
