"""The random start: every layer's output has the set deviation, whatever the layers before."""

import keras
import numpy as np
import pytest
from keras import layers

from smears.initialisation import unit_variance

pytestmark = pytest.mark.contract

BATCH = np.random.default_rng(0).normal(3, 40, (16, 12, 12, 3)).astype(np.float32)


def _network():
    """Every kind of layer that is rescaled, a branch, and layers that are not."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input((12, 12, 3))
    x = layers.Conv2D(8, 3, activation="relu", name="conv")(inputs)
    x = layers.BatchNormalization(name="norm")(x)
    branch = layers.DepthwiseConv2D(3, padding="same", name="depthwise")(x)
    x = layers.Add()([x, branch])
    x = layers.SeparableConv2D(6, 3, activation="relu", name="separable")(x)
    x = layers.Dropout(0.5)(x)
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, layers.Dense(3, activation="softmax", name="dense")(x))


def _before_activation(network, name):
    """What a layer puts out for the batch before its activation."""
    layer = network.get_layer(name)
    inner = keras.Model(network.input, layer.input).predict_on_batch(BATCH)
    activation, layer.activation = layer.activation, keras.activations.linear
    outputs = np.asarray(layer(inner))
    layer.activation = activation
    return outputs


@pytest.mark.parametrize("target", [1.0, 0.7])
def test_every_layers_output_has_the_set_deviation(target):
    network = _network()
    factors = unit_variance(network, BATCH, target=target)
    assert set(factors) == {"conv", "depthwise", "separable", "dense"}
    for name in factors:
        assert np.isclose(_before_activation(network, name).std(), target, rtol=1e-3), name


def test_only_the_named_layers_are_touched():
    network, before = _network(), _network()
    assert set(unit_variance(network, BATCH, only=["separable"])) == {"separable"}
    assert np.isclose(_before_activation(network, "separable").std(), 1, rtol=1e-3)
    for layer in network.layers:
        twin = before.get_layer(layer.name) if layer.weights else None
        if layer.weights and layer.name != "separable":
            pairs = zip(layer.get_weights(), twin.get_weights(), strict=True)
            assert all(np.array_equal(a, b) for a, b in pairs), layer.name


def test_activations_are_put_back():
    network = _network()
    unit_variance(network, BATCH)
    assert network.get_layer("conv").activation is keras.activations.relu
    assert np.allclose(network.predict_on_batch(BATCH).sum(1), 1, atol=1e-5)


def test_by_channel_every_channel_is_centred_with_the_set_deviation():
    network = _network()
    network.get_layer("conv").bias.assign(np.arange(8.0))
    unit_variance(network, BATCH, target=0.5, only=["conv", "separable"], by_channel=True)
    for name in ("conv", "separable"):
        outputs = _before_activation(network, name).reshape(-1, network.get_layer(name).filters)
        assert np.allclose(outputs.std(0), 0.5, rtol=1e-3)
        assert np.allclose(outputs.mean(0), 0, atol=1e-3)


def test_by_channel_is_refused_where_the_kernels_last_axis_is_not_the_channel():
    with pytest.raises(ValueError, match="depthwise: by_channel"):
        unit_variance(_network(), BATCH, by_channel=True)


def test_a_layer_that_puts_out_a_constant_stays_as_it_is():
    network = _network()
    network.get_layer("conv").kernel.assign(np.zeros((3, 3, 3, 8)))
    assert unit_variance(network, BATCH, only=["conv"]) == {"conv": 1.0}
