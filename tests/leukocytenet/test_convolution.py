"""LeukocyteNet's convolution: Keras's outputs and slopes, by other operations on the way back."""

import keras
import numpy as np
import pytest

from leukocytenet.convolution import Conv2D
from smears.explain import gradients

ONLY = pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="TensorFlow's operations")
ARGUMENTS = [
    {"kernel_size": 3},
    {"kernel_size": (5, 3), "use_bias": False},
    {"kernel_size": 1, "activation": "relu"},
    {"kernel_size": 2},
    {"kernel_size": 3, "strides": 2},
    {"kernel_size": 3, "dilation_rate": 2},
    {"kernel_size": 3, "groups": 2},
]


def _pair(arguments, padding="same"):
    """Our layer and Keras's, with the same weights."""
    both = [kind(6, padding=padding, **arguments) for kind in (Conv2D, keras.layers.Conv2D)]
    for layer in both:
        layer.build((None, 9, 7, 4))
    both[1].set_weights(both[0].get_weights())
    return both


def _pictures():
    return np.random.default_rng(0).normal(size=(3, 9, 7, 4)).astype(np.float32)


@pytest.mark.contract
@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize("arguments", ARGUMENTS, ids=str)
def test_outputs_and_slopes_by_the_input_are_those_of_keras(arguments, padding):
    ours, keras_own = _pair(arguments, padding)
    x = _pictures()
    np.testing.assert_array_equal(ours(x), keras_own(x))
    found, wanted = (
        gradients.gradient(lambda x, layer=layer: keras.ops.sum(layer(x) ** 2, (1, 2)), x, 1)[1]
        for layer in (ours, keras_own)
    )
    assert np.abs(wanted).max() > 0.1
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5)


@ONLY
@pytest.mark.parametrize("arguments", ARGUMENTS[:3], ids=str)
def test_slopes_by_the_weights_are_those_of_keras(arguments):
    import tensorflow as tf

    slopes = []
    for layer in _pair(arguments):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(layer(_pictures()) ** 2)
        slopes.append(tape.gradient(loss, [v.value for v in layer.trainable_variables]))
    for found, wanted in zip(*slopes, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-4)


@ONLY
def test_the_slow_operation_is_left_out_in_float32_alone():
    """Also keeps the reason for this layer in sight: Keras's own layer has that operation."""
    import tensorflow as tf

    def operations(layer, dtype="float32"):
        @tf.function
        def slope(x):
            with tf.GradientTape() as tape:
                tape.watch(x)
                loss = tf.reduce_sum(layer(x))
            return tape.gradient(loss, x)

        graph = slope.get_concrete_function(tf.TensorSpec((3, 9, 7, 4), dtype)).graph
        return {operation.type for operation in graph.get_operations()}

    ours, keras_own = _pair({"kernel_size": 3})
    assert "Conv2DBackpropInput" in operations(keras_own)
    assert "Conv2DBackpropInput" not in operations(ours)
    half = Conv2D(6, 3, padding="same", dtype="bfloat16")
    half.build((None, 9, 7, 4))
    assert "Conv2DBackpropInput" in operations(half, "bfloat16")


def test_any_number_of_pictures_of_any_size_is_taken():
    layer = Conv2D(2, 3, padding="same")
    network = keras.Sequential([keras.Input((None, None, 3)), layer])
    assert network(np.ones((5, 4, 6, 3), np.float32)).shape == (5, 4, 6, 2)
    again = Conv2D.from_config(layer.get_config())
    assert (again.filters, again.padding, again.kernel_size) == (2, "same", (3, 3))
