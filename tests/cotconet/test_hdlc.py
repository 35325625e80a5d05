"""HDLC: counts, its first layers by hand, training, bad input, files."""

import keras
import numpy as np
import pytest

from cotconet.hdlc import HDLC, fit_hdlc, predict_hdlc
from smears import InputError
from smears.runs import Run

SMALL = {"widths": (8, 8, 4, 4, 4, 1), "filters": 4}


def _data(n=40, k=6, seed=0, shift=100.0):
    """Features far from zero of unequal scales; the label is in the second."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, k))
    y = (x[:, 1] > 0).astype(int)
    return (x * np.arange(1, k + 1) * 10 + shift).astype(np.float32), y


def _fit(tmp_path, x, y, **settings):
    settings = {"epochs": 30, "batch_size": 8, "learning_rate": 1e-2, **SMALL, **settings}
    return fit_hdlc(Run(tmp_path, "hdlc", {}), x, y, *_data(seed=1), **settings)


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    """(an HDLC, its folder, the features and labels that it learnt)."""
    folder, (x, y) = tmp_path_factory.mktemp("fitted"), _data(80)
    return _fit(folder, x, y, epochs=15, dropout=0.0), folder, x, y


@pytest.mark.parametrize(("features", "expected"), [(6_272, 3_387_010), (12_544, 6_598_274)])
def test_it_has_the_parameters_that_the_projection_implies(features, expected):
    assert HDLC(features).count_params() == expected


def test_the_flatten_reading_feeds_every_filter_of_every_place_to_the_dense_layers():
    model = HDLC(100, projection="flatten")
    assert model.get_layer("dense1").count_params() == 128 * 100 * 512 + 512
    assert "projection" not in [layer.name for layer in model.layers]


def test_six_dense_layers_end_in_one_sigmoid():
    model = HDLC(10)
    dense = [layer for layer in model.layers if isinstance(layer, keras.layers.Dense)][1:]
    assert [layer.units for layer in dense] == [512, 256, 128, 64, 32, 1]
    assert [layer.activation.__name__ for layer in dense] == ["relu"] * 5 + ["sigmoid"]


@pytest.mark.contract
def test_the_convolution_and_the_projection_are_those_of_the_paper():
    model = HDLC(5, **SMALL)
    rng = np.random.default_rng(0)
    model.set_weights([rng.normal(size=w.shape) for w in model.weights])
    x = rng.normal(size=(1, 5)).astype(np.float32)
    kernel, bias = model.get_layer("conv").get_weights()
    weight, offset = model.get_layer("projection").get_weights()
    padded = [0.0, *x[0], 0.0]
    expected = []
    for place in range(5):
        seen = [
            max(0.0, sum(padded[place + i] * kernel[i, 0, f] for i in range(3)) + bias[f])
            for f in range(4)
        ]
        expected.append(sum(s * weight[f, 0] for f, s in enumerate(seen)) + offset[0])
    vector = keras.Model(model.input, model.get_layer("vector").output)
    assert np.allclose(vector.predict_on_batch(x)[0], expected, atol=1e-5)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [({"projection": "sum"}, "give 'linear' or 'flatten'"), ({"features": 0}, "at least one")],
)
def test_what_cannot_be_built_is_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        HDLC(**{"features": 5, **wrong})


@pytest.mark.contract
def test_it_learns_from_features_of_any_scale_and_a_loaded_one_predicts_the_same(fitted):
    model, folder, x, y = fitted
    probabilities = predict_hdlc(model, x)
    assert probabilities.dtype == np.float32
    assert probabilities.shape == (80,)
    assert ((probabilities > 0.5) == y).mean() >= 0.95
    file = next(folder.glob("*/hdlc.keras"))
    twin = keras.saving.load_model(file)
    assert np.array_equal(predict_hdlc(twin, x), probabilities)
    assert np.array_equal(predict_hdlc(model, x, batch_size=7), predict_hdlc(twin, x, 7))


@pytest.mark.contract
def test_it_measures_mean_and_deviation_on_the_training_features_and_leaves_them(fitted):
    model, _, x, _ = fitted
    layer = model.get_layer("standardise")
    mean, variance = layer.get_weights()
    assert np.allclose(mean, x.mean(0), rtol=1e-4)
    assert np.allclose(variance, x.var(0), rtol=1e-3)
    assert not layer.trainable_weights
    scaled = keras.Model(model.input, layer.output).predict_on_batch(x)
    assert np.allclose(scaled.mean(0), 0, atol=1e-3)
    assert np.allclose(scaled.std(0), 1, atol=1e-3)


@pytest.mark.usefixtures("op_by_op")
@pytest.mark.filterwarnings("ignore:Even though the .tf.config")
def test_a_feature_that_is_constant_in_training_stays_small_where_it_is_not(tmp_path):
    x, y = _data()
    x[:, 3] = 7
    model = _fit(tmp_path, x, y, epochs=1, batch_size=40)
    layer = keras.Model(model.input, model.get_layer("standardise").output)
    other = x.copy()
    other[:, 3] = 8
    assert np.abs(layer.predict_on_batch(x)[:, 3]).max() < 1e-3
    assert np.abs(layer.predict_on_batch(other)[:, 3]).max() < 10
    x[:] = 7
    assert np.isfinite(predict_hdlc(_fit(tmp_path / "all", x, y, epochs=1, batch_size=40), x)).all()


def test_one_class_or_numbers_that_are_none_are_refused(tmp_path):
    x, y = _data()
    with pytest.raises(InputError, match=r"labels 0 and 1; these are \[0\]"):
        _fit(tmp_path, x, 0 * y)
    x[3, 2] = np.nan
    with pytest.raises(InputError, match="x: features must be finite"):
        _fit(tmp_path, x, y)


def test_a_finished_run_is_loaded_and_not_trained_again(fitted, monkeypatch):
    model, folder, x, y = fitted

    def never(*args, **settings):
        raise AssertionError("trained again")

    monkeypatch.setattr("smears.training.fit", never)
    assert np.array_equal(predict_hdlc(_fit(folder, x, y), x), predict_hdlc(model, x))


def test_nothing_to_predict_is_nothing(tmp_path):
    assert predict_hdlc(HDLC(6, **SMALL), np.zeros((0, 6), np.float32)).shape == (0,)


def test_the_epoch_of_the_least_validation_loss_is_kept(tmp_path, monkeypatch):
    seen = {}

    def fit(model, train, held, run, epochs, callbacks, **_):
        seen.update(train=train, held=held, callbacks=callbacks)

    monkeypatch.setattr("smears.training.fit", fit)
    (x, y), (x_val, y_val) = _data(), _data(seed=1)
    _fit(tmp_path, x, y, patience=7)
    slower, stop = seen["callbacks"]
    assert (slower.monitor, slower.factor, slower.patience) == ("val_loss", 0.5, 5)
    assert (stop.monitor, stop.patience, stop.restore_best_weights) == ("val_loss", 7, True)
    assert np.array_equal(seen["held"][0][0], x_val[:8])
    assert np.array_equal(seen["held"][0][1][:, 0], y_val[:8])
    first, _ = seen["train"][0]
    assert not np.array_equal(first, x[:8])
    assert all((row == x).all(1).any() for row in first)


@pytest.mark.contract
@pytest.mark.usefixtures("op_by_op")
@pytest.mark.filterwarnings("ignore:Even though the .tf.config")
def test_it_learns_from_a_probability_that_keras_would_clip(tmp_path, monkeypatch):
    def fit(model, *_, **__):
        kernel, bias = model.layers[-1].get_weights()
        model.layers[-1].set_weights([0 * kernel, bias - 20])
        model.train_on_batch(x, np.ones((40, 1), np.float32))

    monkeypatch.setattr("smears.training.fit", fit)
    x, y = _data()
    _, bias = _fit(tmp_path, x, y).get_layer("probability").get_weights()
    assert bias[0] == pytest.approx(-20 + 1e-2, abs=1e-4)
