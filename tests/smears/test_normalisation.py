"""Moving statistics behind dropout: those of the network as it predicts."""

import keras
import numpy as np
import pytest
from keras import layers

from smears.normalisation import SettleNormalisation, settle
from smears.training import trace_once


def _model(rate=0.5, momentum=0.99):
    keras.utils.set_random_seed(0)
    return keras.Sequential(
        [
            keras.Input((8,)),
            layers.Dropout(rate),
            layers.Dense(4),
            layers.BatchNormalization(momentum=momentum),
            layers.ReLU(),
            layers.Dropout(rate),
            layers.Dense(4),
            layers.BatchNormalization(momentum=0.9),
        ]
    )


def _batches(count=4):
    return list(np.random.default_rng(0).normal(3, 1, (count, 64, 8)).astype(np.float32))


def _spread(model, x):
    """Mean and deviation of the standardised outputs: 0 and 1 if the statistics are right."""
    out = np.asarray(model(x, training=False))
    return np.abs(out.mean(0)).max(), out.std(0)


@pytest.mark.contract
def test_statistics_are_those_of_the_network_without_dropout():
    model, batches = _model(momentum=0.9), _batches()
    for _ in range(10):
        for batch in batches:
            model(batch, training=True)
    x = np.concatenate(batches)
    wrong = _spread(model, x)[1]
    assert wrong.max() < 0.8  # dropout's variance is in the statistics, but not in the outputs
    settle(model, batches)
    shift, spread = _spread(model, x)
    assert shift < 0.05
    assert np.allclose(spread, 1, atol=0.05)


@pytest.mark.contract
def test_nothing_else_is_changed_and_settling_twice_is_settling_once():
    model, batches = _model(), _batches()
    weights = [np.asarray(w) for w in model.trainable_weights]
    settle(model, batches)
    once = model.get_weights()
    settle(model, batches)
    assert all(map(np.array_equal, model.get_weights(), once))
    assert all(map(np.array_equal, model.trainable_weights, weights))
    assert [layer.rate for layer in model.layers if isinstance(layer, layers.Dropout)] == [0.5, 0.5]
    norms = [layer for layer in model.layers if isinstance(layer, layers.BatchNormalization)]
    assert [norm.momentum for norm in norms] == [0.99, 0.9]


@pytest.mark.contract
def test_fit_validates_with_settled_statistics():
    model, batches = _model(), _batches()
    x = np.concatenate(batches)
    model.compile("sgd", "mse")
    targets = np.zeros((len(x), 4), np.float32)
    trace_once(model, targets[:32], targets[:32])
    shown = [(batch, None) for batch in batches]
    history = model.fit(
        x, targets, epochs=2, verbose=0, validation_data=(x, targets),
        callbacks=[SettleNormalisation(shown)],
    ).history  # fmt: skip
    settled = model.evaluate(x, targets, verbose=0)
    assert np.isclose(history["val_loss"][-1], settled, rtol=1e-4)
    again = _model()
    again.set_weights(model.get_weights())
    settle(again, batches)
    assert np.allclose(again.get_weights()[5], model.get_weights()[5], atol=1e-6)


def test_without_batches_the_statistics_of_training_stay():
    model, batches = _model(), _batches()
    for batch in batches:
        model(batch, training=True)
    before = model.get_weights()
    settle(model, [])
    assert all(map(np.array_equal, model.get_weights(), before))
    drops = [layer.rate for layer in model.layers if isinstance(layer, layers.Dropout)]
    assert drops == [0.5, 0.5]


def test_a_model_without_normalisation_is_left_alone():
    model = keras.Sequential([keras.Input((8,)), layers.Dropout(0.5), layers.Dense(2)])

    def never():
        raise AssertionError("asked for a batch")
        yield

    settle(model, never())
