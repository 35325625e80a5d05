"""The coupled extractor: what its parts give, how it is trained, kept and resumed."""

import keras
import numpy as np
import pytest

from cotconet import coupled
from cotconet.coupled import augmenter, extractor, features, fit_extractor
from smears import InputError
from smears.pictures import preprocess
from smears.runs import Run
from smears.weights import NotAvailable

SMALL = {"size": 32, "patch_size": 8, "depth": 1, "num_heads": 3}


@pytest.fixture(scope="module")
def stores(tmp_path_factory):
    """(train, validation): discs on grey, dark for label 1; validation is other pictures."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:32, :32]
    cells, labels = [], np.arange(40) % 2
    for label in labels:
        disc = (y - rng.integers(12, 20)) ** 2 + (x - rng.integers(12, 20)) ** 2 < 64
        picture = np.full((32, 32, 3), 180.0)
        picture[disc] = (90, 60, 120) if label else (150, 130, 170)
        cells.append(np.clip(picture + rng.normal(0, 10, picture.shape), 0, 255))
    path = tmp_path_factory.mktemp("stores") / "cells.npy"
    np.save(path, np.array(cells, np.uint8))
    rows = np.arange(40)
    return (path, rows[:24], labels[:24]), (path, rows[24:], labels[24:])


def _fit(tmp_path, stores, name="extractor", **settings):
    run = Run(tmp_path, name, {})
    settings = {"epochs": 3, "batch_size": 8, **SMALL, **settings}
    return run, fit_extractor(run, *stores, **settings)


@pytest.fixture(scope="module")
def fitted(stores, tmp_path_factory):
    """(folder, its run, the extractor) of one epoch."""
    folder = tmp_path_factory.mktemp("fitted")
    return folder, *_fit(folder, stores, epochs=1)


@pytest.mark.parametrize(
    ("parts", "count", "width"),
    [
        (("gmod", "smod"), 85_798_656 + 981_440, 12_544),
        (("gmod",), 85_798_656, 768),
        (("smod",), 981_440, 12_544),
        (("vgg16",), 14_714_688, 512),
    ],
)
def test_the_papers_size_has_its_parameters_and_features(parts, count, width):
    model = extractor(224, parts, normed_map=True)
    assert (model.count_params(), model.output_shape) == (count, (None, width))


@pytest.mark.contract
def test_smod_sees_the_map_of_gmod():
    model = extractor(**SMALL)
    pixels = np.random.default_rng(0).uniform(-1, 1, (2, 32, 32, 3)).astype(np.float32)
    folded = keras.Model(model.input, model.get_layer("map").output).predict_on_batch(pixels)
    alone = extractor(32, ("smod",))
    for layer in alone.layers:
        layer.set_weights(model.get_layer(layer.name).get_weights() if layer.weights else [])
    assert np.allclose(alone.predict_on_batch(folded), model.predict_on_batch(pixels), atol=1e-5)


@pytest.mark.contract
def test_the_map_starts_as_the_picture_with_its_brightness():
    pixels = np.random.default_rng(0).uniform(-1, 1, (2, 32, 32, 3)).astype(np.float32)

    def folded(**settings):
        model = extractor(**SMALL, **settings)
        return keras.Model(model.input, model.get_layer("map").output).predict_on_batch(pixels)

    assert np.allclose(folded(), pixels, atol=1e-6)
    assert not np.allclose(folded(normed_map=True), pixels, atol=0.1)
    assert not np.allclose(folded(start="random"), pixels, atol=0.1)


def test_pretrained_weights_stay_but_for_the_last_layers(tmp_path):
    first = extractor(**{**SMALL, "depth": 3}, parts=("gmod",), start="random")
    first.save_weights(tmp_path / "vit.weights.h5")
    model = extractor(
        **{**SMALL, "depth": 3}, parts=("gmod",), weights=tmp_path / "vit.weights.h5",
        trained_layers=1,
    )  # fmt: skip
    assert all(map(np.array_equal, model.get_weights(), first.get_weights()))
    trained = {layer.name.partition("_")[0] for layer in model.layers if layer.trainable_weights}
    assert trained == {"block3", "final"}


def test_auto_takes_pretrained_weights_where_they_can_be_had(monkeypatch, capsys):
    asked = []

    def load(model, weights):
        asked.append(weights)
        if weights == "imagenet21k":
            raise NotAvailable("no network.")

    monkeypatch.setattr(coupled.gmod, "load", load)
    asked_for = {**SMALL, "weights": "auto", "epochs": 3}
    assert coupled.found(asked_for) == {**asked_for, "weights": None}
    assert asked == ["imagenet21k"]
    assert "no network. The extractor starts from random weights." in capsys.readouterr().err
    monkeypatch.setattr(coupled.gmod, "load", lambda model, weights: None)
    assert coupled.found(asked_for) == {**asked_for, "weights": "imagenet21k"}
    for settings in ({**SMALL, "parts": ("smod",)}, {**SMALL, "weights": None}, SMALL):
        assert coupled.found({**settings}) == settings
    alone = coupled.found({**SMALL, "parts": ("smod",), "weights": "auto"})
    assert alone["weights"] is None


def test_vgg16_sees_pictures_as_keras_applications_does():
    pixels = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3)).astype(np.float32)
    theirs = keras.applications.VGG16(
        include_top=False, weights=None, input_shape=(32, 32, 3), pooling="avg"
    )
    model = extractor(32, ("vgg16",))
    for layer in theirs.layers:
        if layer.weights:
            kernel, bias = layer.get_weights()
            kernel = kernel[:, :, ::-1] if layer.name == "block1_conv1" else kernel
            model.get_layer(layer.name).set_weights([kernel, bias])
    expected = theirs.predict_on_batch(preprocess(pixels, "caffe"))
    found = model.predict_on_batch(preprocess(pixels, "tf"))
    assert np.allclose(found, expected, rtol=1e-3, atol=1e-4 * np.abs(expected).max())


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"parts": ("smod", "gmod")}, "parts=.*give one of"),
        ({"parts": ()}, "parts=.*give one of"),
        ({"start": "noise"}, "start='noise': give 'picture' or 'random'"),
        ({"size": 36}, "patch_size=8 does not divide"),
        ({"size": 24}, "5 poolings leave nothing"),
    ],
)
def test_what_does_not_fit_is_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        extractor(**{**SMALL, **wrong})


@pytest.mark.contract
@pytest.mark.slow
@pytest.mark.parametrize("parts", [("gmod",), ("smod",), ("gmod", "smod")])
def test_each_extractor_learns_dark_from_light_cells(parts, tmp_path, stores):
    run, model = _fit(tmp_path, stores, parts=parts, epochs=12, learning_rate=2e-3)
    assert run.history["val_accuracy"].max() >= 0.9
    assert run.history["loss"].iloc[-1] < 0.7 * run.history["loss"].iloc[0]
    assert model.output_shape == (None, 192 if parts == ("gmod",) else 256)
    assert "head" not in [layer.name for layer in model.layers]


@pytest.mark.contract
@pytest.mark.usefixtures("op_by_op")
def test_features_are_the_models_outputs_and_a_loaded_extractor_gives_the_same(
    tmp_path, stores, fitted
):
    _, run, model = fitted
    path = features(model, stores[0][0], tmp_path / "features.npy", batch_size=16)
    held = np.load(path)
    assert (held.dtype, held.shape) == (np.float16, (40, 256))
    pixels = preprocess(np.load(stores[0][0])[30:46], "tf")
    assert np.allclose(held[30:46], model.predict_on_batch(pixels), atol=2e-2)
    twin = keras.saving.load_model(run.folder / "extractor.keras")
    again = np.load(features(twin, stores[0][0], tmp_path / "again.npy", batch_size=16))
    assert np.array_equal(again, held)


def test_stopped_features_go_on_and_are_the_same_to_the_byte(stores, fitted, tmp_path, monkeypatch):
    _, _, model = fitted
    whole = features(model, stores[0][0], tmp_path / "whole.npy", batch_size=16)
    predict, seen = model.predict_on_batch, []

    def stopped(x):
        if len(seen) == 1:
            raise KeyboardInterrupt
        seen.append(len(x))
        return predict(x)

    monkeypatch.setattr(model, "predict_on_batch", stopped)
    with pytest.raises(KeyboardInterrupt):
        features(model, stores[0][0], tmp_path / "features.npy", batch_size=16)
    monkeypatch.setattr(model, "predict_on_batch", lambda x: seen.append(len(x)) or predict(x))
    path = features(model, stores[0][0], tmp_path / "features.npy", batch_size=16)
    assert len(seen) == -(-len(np.load(whole)) // 16)
    assert path.read_bytes() == whole.read_bytes()


def test_a_finished_run_is_loaded_and_not_trained_again(stores, fitted, monkeypatch):
    folder, _, first = fitted
    monkeypatch.setattr(coupled.training, "fit", None)
    _, second = _fit(folder, stores, epochs=1)
    assert all(map(np.array_equal, second.get_weights(), first.get_weights()))


@pytest.mark.contract
@pytest.mark.slow
def test_a_killed_training_ends_as_an_uninterrupted_one(tmp_path, stores, monkeypatch):
    settings = {"augment": "traditional", "epochs": 3, "depth": 0}
    _, whole = _fit(tmp_path, stores, "whole", **settings)
    fit = keras.Model.fit

    class Kill(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 2:
                raise KeyboardInterrupt

    def killed(self, *args, callbacks, **more):
        return fit(self, *args, callbacks=[*callbacks, Kill()], **more)

    monkeypatch.setattr(keras.Model, "fit", killed)
    with pytest.raises(KeyboardInterrupt):
        _fit(tmp_path, stores, "killed", **settings)
    monkeypatch.setattr(keras.Model, "fit", fit)
    run, resumed = _fit(tmp_path, stores, "killed", **settings)
    assert len(run.history) == 3
    for mine, other in zip(resumed.get_weights(), whole.get_weights(), strict=True):
        assert np.array_equal(mine, other)


def test_traditional_augmentation_changes_training_pictures_alone(tmp_path, stores):
    cell = np.load(stores[0][0])[0]
    change = augmenter("traditional")
    drawn = change.draw(np.random.default_rng(0))
    assert not np.array_equal(change.apply(cell, drawn), cell)
    # Rotation, translation, scaling (Table 7's text); a flip where the coin says so.
    assert 0 not in (drawn.theta, drawn.tx, drawn.ty)
    assert 1 not in (drawn.zx, drawn.zy)
    assert change.horizontal_flip
    assert change.vertical_flip
    assert augmenter(None) is None
    with pytest.raises(ValueError, match="augment='cutmix': give 'traditional', or None"):
        augmenter("cutmix")


def test_one_class_and_another_size_are_refused(tmp_path, stores):
    (path, rows, labels), held = stores
    with pytest.raises(InputError, match=r"labels 0 and 1; these are \[1\]"):
        _fit(tmp_path, ((path, rows, labels * 0 + 1), held))
    with pytest.raises(InputError, match=r"holds pictures of \(32, 32, 3\), .* \(64, 64, 3\)"):
        _fit(tmp_path, stores, size=64)
