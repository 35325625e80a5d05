"""Weights of darknet's files, such as yolov4.conv.137, into the layers of `yolov4.yolov4`."""

import os
from pathlib import Path

import numpy as np

from smears import InputError

HEADER = 20  # bytes: version as three int32, pictures seen as one int64


def load(network, path):
    """Read the convolutions that a file holds, first to last; a file may hold the first ones only.

    darknet writes for each convolution, as float32: bias (of the batch normalisation where it has
    one), then scale, moving mean and moving variance, then the kernel (out, in, rows, columns).

    Args:
        network: keras.Model of `yolov4.yolov4`, changed in place. path: the file.

    Returns:
        Number of convolutions read.

    Raises:
        InputError: no such file, or one that ends within a layer or has more than the network.
    """
    path = Path(os.path.expanduser(path))
    try:
        content = path.read_bytes()
    except OSError as problem:
        raise InputError(f"{path}: cannot be read ({problem}).") from problem
    if len(content) < HEADER or (len(content) - HEADER) % 4:
        raise InputError(f"{path} is no weights file of darknet: {len(content)} bytes.")
    numbers, place, count = np.frombuffer(content, "<f4", offset=HEADER), 0, 0

    def take(shape):
        nonlocal place
        size = int(np.prod(shape))
        if place + size > len(numbers):
            raise InputError(
                f"{path} ends within convolution {count + 1}: it belongs to another network."
            )
        place += size
        return numbers[place - size : place].reshape(shape)

    names = {layer.name: layer for layer in network.layers}
    for name in sorted(name for name in names if name.startswith("conv")):
        if place == len(numbers):
            break
        conv, norm = names[name], names.get(name.replace("conv", "norm"))
        rows, columns, inner, outer = conv.kernel.shape
        if norm is None:
            bias = take((outer,))
        else:
            shift, scale, mean, variance = (take((outer,)) for _ in range(4))
            norm.set_weights([scale, shift, mean, variance])
        kernel = take((outer, inner, rows, columns)).transpose(2, 3, 1, 0)
        conv.set_weights([kernel] if norm is not None else [kernel, bias])
        count += 1
    if place < len(numbers):
        raise InputError(f"{path} holds more than this network: it belongs to another one.")
    return count
