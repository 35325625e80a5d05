"""LeukocyteNet's convolution: Keras's outputs and slopes, by other operations on the way back."""

import keras
import numpy as np
import pytest

from leukocytenet.convolution import Conv2D
from smears import backend
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


def _pictures(height=9, width=7):
    return np.random.default_rng(0).normal(size=(3, height, width, 4)).astype(np.float32)


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
@pytest.mark.parametrize("sides", [(9, 7), (16, 16), (2, 1), (4, 17), (None, None)], ids=str)
@pytest.mark.parametrize("arguments", ARGUMENTS[:3], ids=str)
def test_slopes_by_the_weights_are_those_of_keras(arguments, sides):
    import tensorflow as tf

    known = tf.TensorSpec((None, *sides, 4))
    x = _pictures(*(side or 8 for side in sides))
    slopes = []
    for layer in _pair(arguments):

        @tf.function(input_signature=[known])
        def slope(x, layer=layer):
            with tf.GradientTape() as tape:
                loss = tf.reduce_sum(layer(x) ** 2)
            return tape.gradient(loss, [v.value for v in layer.trainable_variables])

        slopes.append(slope(x))
    for found, wanted in zip(*slopes, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-4)


@ONLY
def test_the_slow_operations_are_left_out_in_float32_alone():
    """Also keeps the reason for this layer in sight: Keras's own layer has those operations."""
    import tensorflow as tf

    def slow(layer, dtype="float32", side=9):
        @tf.function
        def slope(x):
            with tf.GradientTape() as tape:
                tape.watch(x)
                loss = tf.reduce_sum(layer(x))
            return tape.gradient(loss, [x, layer.kernel.value])

        graph = slope.get_concrete_function(tf.TensorSpec((3, side, 7, 4), dtype)).graph
        kinds = {operation.type for operation in graph.get_operations()}
        return kinds & {"Conv2DBackpropInput", "Conv2DBackpropFilter"}

    ours, keras_own = _pair({"kernel_size": 3})
    assert len(slow(keras_own)) == 2
    assert not slow(ours)
    assert slow(ours, side=17) == {"Conv2DBackpropFilter"}
    half = Conv2D(6, 3, padding="same", dtype="bfloat16")
    half.build((None, 9, 7, 4))
    assert len(slow(half, "bfloat16")) == 2


@ONLY
def test_whether_there_is_a_gpu_is_asked_once_not_at_every_call(monkeypatch):
    """The answer holds back stderr, whoever writes to it meanwhile."""
    (layer, _), held = _pair({"kernel_size": 3}), []
    backend.has_gpu.cache_clear()
    quiet = backend.quiet_stderr
    monkeypatch.setattr(backend, "quiet_stderr", lambda: held.append("again") or quiet())
    layer(_pictures())
    first = len(held)
    layer(_pictures())
    assert first == len(held) > 0


def test_any_number_of_pictures_of_any_size_is_taken():
    layer = Conv2D(2, 3, padding="same")
    network = keras.Sequential([keras.Input((None, None, 3)), layer])
    assert network(np.ones((5, 4, 6, 3), np.float32)).shape == (5, 4, 6, 2)
    again = Conv2D.from_config(layer.get_config())
    assert (again.filters, again.padding, again.kernel_size) == (2, "same", (3, 3))
