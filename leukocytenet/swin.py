"""The Swin branch's layers: patches of a feature map, window attention, patch merging.

Tokens run row by row over a square or oblong grid, which each layer is told. Liu et al. 2021
(Swin Transformer, arXiv 2103.14030) describe the parts; sizes are Table 3's.
"""

import keras
import numpy as np
from keras import ops


def register(layer):
    """Register a layer so that a saved model finds it without custom_objects."""
    return keras.saving.register_keras_serializable(package="leukocytenet")(layer)


def windows(tokens, grid, size):
    """(batch, rows * columns, c) -> (batch * windows, size * size, c), windows row by row."""
    rows, columns = grid
    channels = tokens.shape[-1]
    shape = (-1, rows // size, size, columns // size, size, channels)
    cut = ops.transpose(ops.reshape(tokens, shape), (0, 1, 3, 2, 4, 5))
    return ops.reshape(cut, (-1, size * size, channels))


def unwindows(cut, grid, size):
    """The inverse of `windows`."""
    rows, columns = grid
    channels = cut.shape[-1]
    shape = (-1, rows // size, columns // size, size, size, channels)
    tokens = ops.transpose(ops.reshape(cut, shape), (0, 1, 3, 2, 4, 5))
    return ops.reshape(tokens, (-1, rows * columns, channels))


def position_index(size):
    """Integer array (size², size²): row of the bias table for each pair of window positions."""
    places = np.stack(np.meshgrid(np.arange(size), np.arange(size), indexing="ij"), -1)
    places = places.reshape(-1, 2)
    apart = places[:, None] - places[None] + size - 1
    return apart[..., 0] * (2 * size - 1) + apart[..., 1]


def shift_mask(grid, size, shift):
    """float32 (windows, size², size²): -100 between tokens that were no neighbours before a shift.

    Rolling the grid brings its opposite borders into one window; they must not see each other.
    """
    rows, columns = grid
    region = np.zeros(grid, int)
    bands = (slice(0, -size), slice(-size, -shift), slice(-shift, None))
    for number, (row, column) in enumerate((r, c) for r in bands for c in bands):
        region[row, column] = number
    cut = region.reshape(rows // size, size, columns // size, size).transpose(0, 2, 1, 3)
    cut = cut.reshape(-1, size * size)
    return np.where(cut[:, :, None] == cut[:, None], 0.0, -100.0).astype(np.float32)


@register
class PatchExtract(keras.layers.Layer):
    """Cut a map into patches: (batch, h, w, c) -> (batch, h/p * w/p, p * p * c).

    Args:
        patch_size: p in cells of the map; 2 in the paper (stated, 3-3-2).

    Raises:
        ValueError: a side that p does not divide.
    """

    def __init__(self, patch_size=2, **kwargs):
        super().__init__(**kwargs)
        self.patch_size = patch_size

    def build(self, shape):
        p = self.patch_size
        if shape[1] % p or shape[2] % p:
            raise ValueError(f"patch_size={p} does not divide the map's sides {shape[1:3]}.")
        self.built = True

    def call(self, inputs):
        p = self.patch_size
        _, height, width, channels = inputs.shape
        cut = ops.reshape(inputs, (-1, height // p, p, width // p, p, channels))
        cut = ops.transpose(cut, (0, 1, 3, 2, 4, 5))
        return ops.reshape(cut, (-1, (height // p) * (width // p), p * p * channels))

    def get_config(self):
        return {**super().get_config(), "patch_size": self.patch_size}


@register
class PatchEmbedding(keras.layers.Layer):
    """Project patches and add a learned position: (batch, tokens, n) -> (batch, tokens, dim).

    Args:
        dim: width of a token; 64 (derived: Table 3, 144 x 64).
    """

    def __init__(self, dim=64, **kwargs):
        super().__init__(**kwargs)
        self.dim = dim
        self.projection = keras.layers.Dense(dim, name="projection", dtype=self.dtype_policy)

    def build(self, shape):
        self.projection.build(shape)
        self.position = self.add_weight(
            shape=(shape[1], self.dim), initializer="random_normal", name="position"
        )
        self.built = True

    def call(self, inputs):
        return self.projection(inputs) + ops.cast(self.position, self.compute_dtype)

    def get_config(self):
        return {**super().get_config(), "dim": self.dim}


@register
class WindowAttention(keras.layers.Layer):
    """Multi-head self-attention inside windows, with a learned bias for each relative position.

    Input and output (batch * windows, size * size, dim).

    Args:
        dim: width of a token.
        window_size: side of a window in tokens.
        num_heads: heads; must divide dim.
        mask: None, or nested list (windows, size², size²) added to the scores; a constant, for
            the paper's 256 non-trainable parameters leave no room for a stored one (D7).
        qkv_bias: whether queries, keys and values have a bias.
        dropout: rate on the attention weights.
    """

    def __init__(
        self, dim, window_size, num_heads, mask=None, qkv_bias=True, dropout=0.0, **kwargs
    ):
        super().__init__(**kwargs)
        if dim % num_heads:
            raise ValueError(f"num_heads={num_heads} does not divide dim={dim}.")
        self.dim, self.window_size, self.num_heads = dim, window_size, num_heads
        self.mask = None if mask is None else np.asarray(mask, np.float32)
        self.qkv_bias, self.dropout = qkv_bias, dropout
        policy = self.dtype_policy
        self.qkv = keras.layers.Dense(3 * dim, use_bias=qkv_bias, name="qkv", dtype=policy)
        self.projection = keras.layers.Dense(dim, name="projection", dtype=policy)
        self.drop = keras.layers.Dropout(dropout, name="drop", dtype=policy)

    def build(self, shape):
        self.qkv.build(shape)
        self.projection.build(shape)
        self.bias_table = self.add_weight(
            shape=((2 * self.window_size - 1) ** 2, self.num_heads),
            initializer=keras.initializers.TruncatedNormal(stddev=0.02),
            name="bias_table",
        )
        self.built = True

    def call(self, inputs, training=None):
        tokens, heads = self.window_size**2, self.num_heads
        width = self.dim // heads
        # (3, windows, heads, tokens, width)
        qkv = ops.reshape(self.qkv(inputs), (-1, tokens, 3, heads, width))
        query, key, value = ops.unstack(ops.transpose(qkv, (2, 0, 3, 1, 4)), 3, axis=0)
        # Plain matrix products: TensorFlow's profiler counts an einsum as no work at all.
        scores = ops.matmul(query * width**-0.5, ops.transpose(key, (0, 1, 3, 2)))
        index = position_index(self.window_size).reshape(-1)
        bias = ops.reshape(ops.take(self.bias_table, index, axis=0), (tokens, tokens, heads))
        scores = scores + ops.cast(ops.transpose(bias, (2, 0, 1))[None], scores.dtype)
        if self.mask is not None:
            count = len(self.mask)
            mask = ops.cast(ops.convert_to_tensor(self.mask), scores.dtype)[None, :, None]
            scores = ops.reshape(scores, (-1, count, heads, tokens, tokens)) + mask
            scores = ops.reshape(scores, (-1, heads, tokens, tokens))
        attention = self.drop(ops.softmax(scores, axis=-1), training=training)
        mixed = ops.transpose(ops.matmul(attention, value), (0, 2, 1, 3))
        return self.projection(ops.reshape(mixed, (-1, tokens, self.dim)))

    def compute_output_shape(self, shape):
        # JAX cannot trace an unknown number of windows through the mask's reshape.
        return shape

    def get_config(self):
        return {
            **super().get_config(),
            "dim": self.dim,
            "window_size": self.window_size,
            "num_heads": self.num_heads,
            "mask": None if self.mask is None else self.mask.tolist(),
            "qkv_bias": self.qkv_bias,
            "dropout": self.dropout,
        }


@register
class SwinBlock(keras.layers.Layer):
    """One Swin block: LN, (shifted) window attention, residual; LN, MLP, residual.

    Input and output (batch, rows * columns, dim). 33,544 parameters at the defaults: layer
    normalisations 2 x 128, qkv 12,480, bias table 72, projection 4,160, MLP 16,576 (derived:
    heads and MLP width are the only integer solution of Table 3's sum).

    Args:
        dim: width of a token.
        grid: (rows, columns) of tokens.
        num_heads: 8 (derived).
        window_size: 2 (derived).
        shift_size: tokens by which the windows are shifted; 1 (stated: "a shifted window of 1 per
            block"). A grid no larger than the window is not shifted, as in the Swin paper.
        mlp_width: 128 (derived).
        qkv_bias: whether queries, keys and values have a bias (derived: yes).
        dropout, attention_dropout, drop_path: rates; 0 (assumed: the paper names none).
    """

    def __init__(
        self,
        dim,
        grid,
        num_heads=8,
        window_size=2,
        shift_size=1,
        mlp_width=128,
        qkv_bias=True,
        dropout=0.0,
        attention_dropout=0.0,
        drop_path=0.0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if not 0 <= shift_size < window_size:
            raise ValueError(f"shift_size={shift_size}: must lie in 0..{window_size - 1}.")
        if grid[0] % window_size or grid[1] % window_size:
            raise ValueError(f"window_size={window_size} does not divide the token grid {grid}.")
        self.config = {
            "dim": dim,
            "grid": list(grid),
            "num_heads": num_heads,
            "window_size": window_size,
            "shift_size": shift_size,
            "mlp_width": mlp_width,
            "qkv_bias": qkv_bias,
            "dropout": dropout,
            "attention_dropout": attention_dropout,
            "drop_path": drop_path,
        }
        self.grid, self.window_size = tuple(grid), window_size
        self.shift = 0 if min(grid) <= window_size else shift_size
        mask = shift_mask(self.grid, window_size, self.shift) if self.shift else None
        policy = self.dtype_policy
        self.norm1 = keras.layers.LayerNormalization(epsilon=1e-5, name="norm1", dtype=policy)
        self.attention = WindowAttention(
            dim, window_size, num_heads, mask, qkv_bias, attention_dropout,
            name="attention", dtype=policy,
        )  # fmt: skip
        self.norm2 = keras.layers.LayerNormalization(epsilon=1e-5, name="norm2", dtype=policy)
        self.widen = keras.layers.Dense(mlp_width, activation="gelu", name="widen", dtype=policy)
        self.narrow = keras.layers.Dense(dim, name="narrow", dtype=policy)
        self.drop = keras.layers.Dropout(dropout, name="drop", dtype=policy)
        # Dropping the whole branch of a picture: one noise value for all tokens and channels.
        self.branch_drop = keras.layers.Dropout(
            drop_path, noise_shape=(None, 1, 1), name="branch_drop", dtype=policy
        )

    def build(self, shape):
        rows, columns = self.grid
        if shape[1] != rows * columns:
            raise ValueError(f"{shape[1]} tokens do not fill the grid {self.grid}.")
        size = self.window_size**2
        self.norm1.build(shape)
        self.attention.build((None, size, shape[-1]))
        self.norm2.build(shape)
        self.widen.build(shape)
        self.narrow.build((*shape[:-1], self.config["mlp_width"]))
        self.built = True

    def call(self, inputs, training=None):
        mixed = self._attend(self.norm1(inputs), training)
        tokens = inputs + self.branch_drop(mixed, training=training)
        hidden = self.drop(self.widen(self.norm2(tokens)), training=training)
        return tokens + self.branch_drop(
            self.drop(self.narrow(hidden), training=training), training=training
        )

    def _attend(self, tokens, training):
        """Window attention on the rolled grid, rolled back."""
        tokens = self._roll(tokens, -self.shift)
        cut = self.attention(windows(tokens, self.grid, self.window_size), training=training)
        return self._roll(unwindows(cut, self.grid, self.window_size), self.shift)

    def _roll(self, tokens, by):
        if not by:
            return tokens
        whole = ops.reshape(tokens, (-1, *self.grid, tokens.shape[-1]))
        whole = ops.roll(whole, (by, by), axis=(1, 2))
        return ops.reshape(whole, (-1, self.grid[0] * self.grid[1], tokens.shape[-1]))

    def get_config(self):
        return {**super().get_config(), **self.config}


@register
class PatchMerging(keras.layers.Layer):
    """Join 2 x 2 tokens: (batch, rows * columns, c) -> (batch, rows * columns / 4, 2c).

    Dense 4c -> 2c without bias and without normalisation (derived: 32,768 parameters).

    Args:
        grid: (rows, columns) of tokens.

    Raises:
        ValueError: an odd side.
    """

    def __init__(self, grid, **kwargs):
        super().__init__(**kwargs)
        if grid[0] % 2 or grid[1] % 2:
            raise ValueError(f"patch merging needs even sides; the token grid is {tuple(grid)}.")
        self.grid = tuple(grid)

    def build(self, shape):
        width = shape[-1]
        self.reduction = keras.layers.Dense(
            2 * width, use_bias=False, name="reduction", dtype=self.dtype_policy
        )
        self.reduction.build((shape[0], shape[1] // 4, 4 * width))
        self.built = True

    def call(self, inputs):
        return self.reduction(windows_to_tokens(inputs, self.grid))

    def get_config(self):
        return {**super().get_config(), "grid": list(self.grid)}


def windows_to_tokens(tokens, grid):
    """(batch, rows * columns, c) -> (batch, rows * columns / 4, 4c), each 2 x 2 window a token."""
    channels = tokens.shape[-1]
    cut = windows(tokens, grid, 2)
    return ops.reshape(cut, (-1, grid[0] * grid[1] // 4, 4 * channels))
