"""A random start that deep networks learn from: each layer rescaled on one batch (LSUV)."""

import keras
import numpy as np
from keras import layers


def unit_variance(network, batch, *, target=1.0, only=None):
    """Rescale kernels, layer by layer, so that outputs have a set standard deviation.

    Layer-sequential unit-variance initialisation (Mishkin and Matas 2016, arXiv 1511.06422) for
    functional models: the graph is walked once in order, each layer on the outputs of those
    before it. Batch normalisation stays as it is, in inference mode.

    Args:
        network: functional Keras model, each layer called once. Changed in place.
        batch: float32 array, what the network's input takes, some 16 pictures.
        target: standard deviation of each layer's output before its activation.
        only: names of layers to rescale; default all convolutions and dense layers.

    Returns:
        Dict layer name -> factor by which its kernel was multiplied.
    """
    values = {id(network.inputs[0]): keras.ops.convert_to_tensor(batch)}
    factors = {}
    for layer in network.layers:
        if isinstance(layer, layers.InputLayer):
            continue
        inputs = keras.tree.map_structure(lambda tensor: values[id(tensor)], layer.input)
        if _scalable(layer) and (only is None or layer.name in only):
            factors[layer.name] = _rescale(layer, inputs, target)
        output = layer(inputs, training=False) if _has_training(layer) else layer(inputs)
        values[id(layer.output)] = output
    return factors


def _scalable(layer):
    kinds = (layers.Conv2D, layers.DepthwiseConv2D, layers.SeparableConv2D, layers.Dense)
    return isinstance(layer, kinds)


def _has_training(layer):
    return layer._call_has_training_arg


def _rescale(layer, inputs, target):
    """Scale the (last) kernel so that the pre-activation output's deviation is the target's."""
    kernel = layer.pointwise_kernel if isinstance(layer, layers.SeparableConv2D) else layer.kernel
    activation, layer.activation = layer.activation, keras.activations.linear
    try:
        spread = float(np.std(np.asarray(layer(inputs), dtype=np.float64)))
    finally:
        layer.activation = activation
    factor = target / spread if spread > 0 else 1.0
    kernel.assign(kernel * factor)
    return factor
