"""Every architecture and recipe number of paper.yaml against the code that claims to follow it."""

from types import SimpleNamespace

import keras
import numpy as np
import pytest

from leukocytenet import augmentation, fitting, model, recipe
from leukocytenet.swin import PatchEmbedding, PatchExtract, SwinBlock
from smears import published
from smears.augmentation import Band

PAPER = published.load("leukocytenet")


@pytest.fixture(scope="module")
def network():
    return model.LeukocyteNet(weights=None)


def _code():
    """What the code uses, under the names of paper.yaml's settings."""
    paper, hybrid, head = recipe.PROFILES["paper"], recipe.HYBRID, recipe.HEAD
    augmenter, literal = augmentation.augmenter(), augmentation.augmenter("literal")
    block = SwinBlock(64, (12, 12))
    assert augmenter.width_shift_range == augmenter.height_shift_range
    assert block.norm1.epsilon == block.norm2.epsilon
    dropouts = {block.config[name] for name in ("dropout", "attention_dropout", "drop_path")}
    assert len(dropouts) == 1
    return {
        "input_size": paper.size,
        "patch_size": PatchExtract().patch_size,
        "token_width": PatchEmbedding().dim,
        "shift_size": hybrid["shift_size"],
        "window_size": block.config["window_size"],
        "num_heads": block.config["num_heads"],
        "mlp_width": block.config["mlp_width"],
        "swin_dropout": dropouts.pop(),
        "layer_norm_epsilon": block.norm1.epsilon,
        "alpha_dropout": hybrid["alpha_dropout"],
        "epochs": paper.epochs,
        "batch_size": hybrid["batch_size"],
        "class_weight": hybrid["class_weight"],
        "balanced_augmentation": hybrid["augment"] == "paper",
        "learning_rate": hybrid["learning_rate"],
        "warmup": hybrid["warmup"],
        "clipnorm": hybrid["clipnorm"],
        "rotation_range": augmenter.rotation_range,
        "smallest_rotation": literal.rotation_range.low,
        "zoom_range": augmenter.zoom_range,
        "smallest_zoom": literal.zoom_range.low,
        "shear_range": augmenter.shear_range,
        "shift_range": augmenter.width_shift_range,
        "horizontal_flip": augmenter.horizontal_flip,
        "fill_mode": augmenter.fill_mode,
        "frozen_size": paper.frozen_size,
        "frozen_head": head["pooling"],
        "frozen_learning_rate": head["learning_rate"],
        "frozen_batch_size": head["batch_size"],
        "frozen_epochs": paper.frozen_epochs,
        "frozen_patience": head["patience"],
        "frozen_plateau_patience": head["plateau"]["patience"],
        "frozen_plateau_factor": head["plateau"]["factor"],
        "frozen_plateau_floor": head["plateau"]["min_lr"],
    }


# Checked by tests of their own below.
ELSEWHERE = {"gradcam_layer", "optimizer", "loss", "preprocessing"}


@pytest.mark.parametrize("name", sorted(set(PAPER.settings) - ELSEWHERE))
def test_the_recipe_uses_the_paper_s_value(name):
    assert _code()[name] == PAPER.settings[name].value


def test_literal_augmentation_reaches_as_far_as_the_usual_one():
    usual, literal = augmentation.augmenter(), augmentation.augmenter("literal")
    assert literal.rotation_range == Band(15, usual.rotation_range)
    assert literal.zoom_range == Band(0.15, usual.zoom_range)


class _Pictures:
    """What train_whole asks of pictures: their labels and the number of batches."""

    labels = np.array([0, 0, 0, 1])

    def __len__(self):
        return 100


@pytest.fixture
def trained(monkeypatch):
    """Arguments with which train_whole starts to fit at the paper's settings, nothing trained."""
    seen = {"modes": set()}
    network = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2, activation="softmax")])

    def chosen(task, store, mode, *_, **__):
        seen["modes"].add(mode)
        return _Pictures()

    def fit(network, train, validation, run, epochs, **arguments):
        seen.update(arguments, network=network, epochs=epochs)

    monkeypatch.setattr(fitting.pictures, "store", lambda *_: None)
    monkeypatch.setattr(fitting, "_pictures", chosen)
    monkeypatch.setattr(fitting, "_network", lambda *_: (network, "random"))
    monkeypatch.setattr(fitting, "_finish", lambda *_: None)
    monkeypatch.setattr(fitting.training, "fit", fit)
    monkeypatch.setattr(fitting.training, "predict", lambda *_: None)
    run = SimpleNamespace(
        settings={**recipe.settings("paper"), "seed": 0},
        facts={},
        note=lambda **_: None,
    )
    task = SimpleNamespace(catalogue=None, cache=None, classes=["a", "b"], devices="one")
    fitting.train_whole(task, run)
    return seen


def test_training_starts_with_the_paper_s_optimiser_loss_epochs_and_class_weights(trained):
    settings = PAPER.settings
    network, optimiser = trained["network"], trained["network"].optimizer
    assert isinstance(optimiser, getattr(keras.optimizers, settings["optimizer"].value))
    assert network.loss == settings["loss"].value.replace(" ", "_").replace("-", "")
    assert trained["modes"] == {settings["preprocessing"].value}
    assert trained["epochs"] == settings["epochs"].value
    # n / (k n_c): four pictures, two classes of three and one.
    assert trained["class_weight"] == pytest.approx({0: 4 / 6, 1: 4 / 2})
    assert optimiser.clipnorm == settings["clipnorm"].value


def test_the_learning_rate_rises_over_the_recipe_s_share_of_steps_and_falls_from_there(trained):
    rate, total = trained["network"].optimizer._learning_rate, 50 * len(_Pictures())
    peak = PAPER.settings["learning_rate"].value
    warmup = int(PAPER.settings["warmup"].value * total)
    rates = [float(rate(step)) for step in (0, warmup // 2, warmup)]
    assert rates == pytest.approx([0, peak / 2, peak], abs=1e-9)
    falling = [float(rate(step)) for step in range(warmup, total + 1, 100)]
    assert falling == sorted(falling, reverse=True)
    assert falling[-1] == pytest.approx(0, abs=1e-3 * peak)


@pytest.mark.parametrize("row", [row for row in PAPER.rows(3) if row != "Total Trainable Param"])
def test_every_row_of_table_3_is_the_network_s(network, row):
    shapes = {label: (shape, count) for label, shape, count in model.table3(network)}
    shape, count = shapes[row]
    assert count == PAPER.value(3, row, "parameters").value
    stated = PAPER.value(3, row, "shape")
    if stated is None:
        assert row == "Total Param"
    elif stated.mark == "contradicted":
        # Table 3 prints 128; the note says what its own dense layer proves.
        assert row == "Concatenation"
        assert shape in stated.note.split()
        assert int(shape) * 10 + 10 == PAPER.value(3, "Dense Layer", "parameters").value
    else:
        assert shape == stated.value


def test_table_3_and_the_network_have_the_same_rows(network):
    ours = [label for label, _, _ in model.table3(network)]
    assert [row for row in PAPER.rows(3) if row != "Total Trainable Param"] == ours


def test_trainable_and_other_parameters_are_those_of_tables_3_and_7(network):
    free = sum(int(np.prod(w.shape)) for w in network.trainable_weights)
    fixed = sum(int(np.prod(w.shape)) for w in network.non_trainable_weights)
    assert free == PAPER.value(3, "Total Trainable Param", "parameters").value
    assert free == PAPER.value(7, "Trainable Parameters", "value").value
    assert fixed == PAPER.value(7, "Non-trainable Parameters", "value").value
    assert free + fixed == PAPER.value(7, "Total Parameters", "value").value


def test_grad_cam_finds_the_paper_s_layer(network):
    layer = network.get_layer(PAPER.settings["gradcam_layer"].value)
    assert " × ".join(map(str, layer.output.shape[1:])) == PAPER.value(3, "VGG19", "shape").value


def test_the_classes_are_those_of_tables_2_and_6():
    assert list(recipe.CLASSES) == PAPER.rows(6)
    assert sorted(recipe.CLASSES) == sorted(PAPER.rows(2))


def test_every_row_that_is_trained_stands_in_the_paper_s_table():
    assert {*recipe.FROZEN, "LeukocyteNet"} == set(PAPER.rows(5))


def test_claims_repeat_the_tables():
    t, p = (PAPER.claims[name].printed for name in ("t_statistic", "t_p"))
    assert PAPER.value(9, "Paired t-test (Train vs. Val)", "value").value == f"t = {t}, p = {p}"
    for row, name in (("Training Accuracy", "train"), ("Validation Accuracy", "validation")):
        mean, half = (PAPER.claims[f"{name}_{part}"].printed for part in ("mean", "half_width"))
        assert PAPER.value(9, row, "value").value == f"{mean} ± {half}"
    originals = sum(PAPER.value(2, row, "original").value for row in PAPER.rows(2))
    assert PAPER.claims["originals"].value == originals


def test_what_is_not_stated_says_why():
    marked = [*PAPER.claims.items(), *PAPER.settings.items()]
    assert not [name for name, value in marked if value.mark != "stated" and not value.note]
