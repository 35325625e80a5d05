"""A random start that deep networks learn from: each layer rescaled on one batch."""

import keras
import numpy as np
from keras import layers


def unit_variance(network, batch, *, target=1.0, only=None, by_channel=False):
    """Rescale kernels, layer by layer, so that outputs have a set standard deviation.

    Layer-sequential unit-variance initialisation (Mishkin and Matas 2016, arXiv 1511.06422) for
    functional models: the graph is walked once in order, each layer on the outputs of those
    before it. Batch normalisation stays as it is, in inference mode.

    In a deep stack of rectified layers without batch normalisation, pictures look more and more
    alike, which one factor a layer cannot mend. With `by_channel`, every channel gets its own
    factor and a bias that brings its mean to zero (Krähenbühl et al. 2016, arXiv 1511.06856,
    section 3.1): VGG19 then learns from scratch within a few hundred steps.

    Args:
        network: functional Keras model, each layer called once. Changed in place.
        batch: float32 array, what the network's input takes, some 16 pictures.
        target: standard deviation of each layer's output before its activation.
        only: names of layers to rescale; default all convolutions and dense layers.
        by_channel: one factor and bias a channel instead of one factor a layer.

    Returns:
        Dict layer name -> factor by which its kernel was multiplied, or array of factors.
    """
    values = {id(network.inputs[0]): keras.ops.convert_to_tensor(batch)}
    factors = {}
    for layer in network.layers:
        if isinstance(layer, layers.InputLayer):
            continue
        inputs = keras.tree.map_structure(lambda tensor: values[id(tensor)], layer.input)
        if _scalable(layer) and (only is None or layer.name in only):
            factors[layer.name] = _rescale(layer, inputs, target, by_channel)
        output = layer(inputs, training=False) if _has_training(layer) else layer(inputs)
        values[id(layer.output)] = output
    return factors


def _scalable(layer):
    kinds = (layers.Conv2D, layers.DepthwiseConv2D, layers.SeparableConv2D, layers.Dense)
    return isinstance(layer, kinds)


def _has_training(layer):
    return layer._call_has_training_arg


def _rescale(layer, inputs, target, by_channel):
    """Scale the (last) kernel so that the pre-activation output's deviation is the target's."""
    kernel = layer.pointwise_kernel if isinstance(layer, layers.SeparableConv2D) else layer.kernel
    activation, layer.activation = layer.activation, keras.activations.linear
    try:
        outputs = np.asarray(layer(inputs), dtype=np.float64)
    finally:
        layer.activation = activation
    axes = tuple(range(outputs.ndim - 1)) if by_channel else None
    spread = outputs.std(axis=axes)
    factor = np.where(spread > 0, target / np.where(spread > 0, spread, 1), 1.0)
    if by_channel:
        if isinstance(layer, layers.DepthwiseConv2D):
            raise ValueError(f"{layer.name}: by_channel is for kernels whose last axis is channels")
        # (k x + b - mean) * factor has mean zero: the bias takes its part of the same factor.
        layer.bias.assign((layer.bias - outputs.mean(axis=axes)) * factor)
    kernel.assign(kernel * factor)
    return factor if by_channel else float(factor)
