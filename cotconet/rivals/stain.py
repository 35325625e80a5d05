"""The layers of SDCT-AuxNet: stain deconvolution, discrete cosine transform, bilinear pooling."""

import keras
import numpy as np
from keras import layers, ops

from cotconet.leugan import register

STAINED = 0.15  # optical density from which a pixel counts, in natural logarithms
EXTREME = 99.9  # percentile of the angles that counts as their end


def stain_matrix(picture):
    """The stain vectors of one picture (Macenko et al. 2009), as SDCT-AuxNet's code finds them.

    The plane of the two greatest singular vectors of the stained pixels' optical densities; in
    it, the two directions between which the pixels lie, the extreme 0.1% left out.

    Args:
        picture: uint8 (h, w, 3) RGB.

    Returns:
        float64 (3, 3), columns: direction at percentile 99.9, at 0.1, and the third singular
        vector. None where the picture has no two directions.
    """
    values = np.asarray(picture, float).reshape(-1, 3).T / 255
    if not (values > 0).any():
        return None
    values[values == 0] = values[values > 0].min()
    density = -np.log(values)
    stained = density[:, np.sqrt((density**2).sum(0)) > STAINED]
    if stained.shape[1] < 3:
        return None
    basis = np.linalg.svd(stained, full_matrices=False)[0]
    basis = np.where((basis < 0).sum(0) > 1, -basis, basis)
    along = np.linalg.pinv(basis) @ density
    along = along[:, along[0] != 0]
    angles = np.arctan(along[1] / along[0])
    first, second = basis[:, 0], basis[:, 1]
    turned = np.cross(np.cross(first, second), first)  # first, a quarter turn on in the plane
    ends = np.percentile(angles, [EXTREME, 100 - EXTREME])
    found = np.stack([*(first * np.cos(a) + turned * np.sin(a) for a in ends), basis[:, 2]], 1)
    return found if abs(np.linalg.det(found)) > 1e-3 else None


@register
class StainDeconvolution(layers.Layer):
    """Pixels to amounts of stain: tanh of the optical densities times a trained 3 x 3 matrix.

    Input RGB 0..255 (n, h, w, 3); pixels of 0 count as 1, that is no density. Densities are
    decadic logarithms. Output (n, h, w, 3) in (-1, 1). The matrix starts as identity: set it.

    Args:
        regularizer: of the matrix, a Keras regularizer or its description.
    """

    def __init__(self, regularizer=None, **kwargs):
        super().__init__(**kwargs)
        self.regularizer = keras.regularizers.get(regularizer)

    def build(self, shape):
        self.kernel = self.add_weight(
            shape=(3, 3), initializer=keras.initializers.Identity(), name="kernel",
            regularizer=self.regularizer,
        )  # fmt: skip
        self.built = True

    def call(self, inputs):
        share = inputs / 255.0
        share = ops.where(share > 0, share, ops.ones_like(share))
        return ops.tanh(ops.matmul(-ops.log10(share), self.kernel))

    def get_config(self):
        config = super().get_config()
        return {**config, "regularizer": keras.regularizers.serialize(self.regularizer)}


@register
class DCT(layers.Layer):
    """Orthonormal two-dimensional DCT-II of each channel, x -> sign(x) log10(|x| + 1) of it.

    Input and output (n, h, w, c), h and w known.
    """

    def build(self, shape):
        self.rows, self.columns = dct_matrix(shape[1]), dct_matrix(shape[2])
        self.built = True

    def call(self, inputs):
        planes = ops.transpose(inputs, (0, 3, 1, 2))
        rows = ops.convert_to_tensor(self.rows, planes.dtype)
        columns = ops.convert_to_tensor(self.columns.T, planes.dtype)
        found = ops.matmul(ops.matmul(rows, planes), columns)
        found = ops.sign(found) * ops.log10(ops.abs(found) + 1)
        return ops.transpose(found, (0, 2, 3, 1))


def dct_matrix(size):
    """float32 (size, size): times a column vector, its orthonormal DCT-II."""
    place = np.arange(size)
    matrix = np.cos(np.pi * place[:, None] * (2 * place + 1) / (2 * size)) * (2 / size) ** 0.5
    matrix[0] /= 2**0.5
    return matrix.astype(np.float32)


@register
class BilinearPooling(layers.Layer):
    """Products of all pairs of channels, summed over places: (n, h, w, c) -> (n, c * c).

    Then x -> sign(x) sqrt(|x| + 1e-5), and the vector is divided by its length.
    """

    def call(self, inputs):
        _, height, width, channels = inputs.shape
        places = ops.reshape(inputs, (-1, height * width, channels))
        pairs = ops.matmul(ops.transpose(places, (0, 2, 1)), places)
        pairs = ops.reshape(pairs, (-1, channels * channels))
        pairs = ops.sign(pairs) * ops.sqrt(ops.abs(pairs) + 1e-5)
        return pairs / ops.maximum(ops.norm(pairs, axis=1, keepdims=True), 1e-12)
