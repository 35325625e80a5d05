"""GMod, the global feature module (3.4.1): a vision transformer whose tokens fold to a picture."""

import re
from pathlib import Path

import keras
import numpy as np
from keras import layers, ops

from smears import weights as weight_files

# (patch size, depth, width) -> keras-hub's weights of that network at 224 pixels.
PRESETS = {
    (16, 12, 768): "vit_base_patch16_224_imagenet21k",
    (32, 12, 768): "vit_base_patch32_224_imagenet21k",
    (16, 24, 1024): "vit_large_patch16_224_imagenet21k",
    (32, 24, 1024): "vit_large_patch32_224_imagenet21k",
}
# Names of the layers that a pretrained transformer fills.
OWN = r"patch_embedding$|positions$|block\d+_|final_norm$"

register = keras.saving.register_keras_serializable("cotconet")


def GMod(
    input_shape=(224, 224, 3),
    patch_size=16,
    width=None,
    depth=12,
    num_heads=12,
    mlp_ratio=4,
    *,
    weights=None,
    name="gmod",
):
    """The paper's transformer, Equations 3 to 8, with a class token, and its tokens as a map.

    At the defaults it is ViT-B/16 (Dosovitskiy et al. 2021): 85,798,656 parameters.

    Args:
        input_shape: (height, width, channels), sides divisible by `patch_size`. Inputs are RGB
            pixels scaled to -1..1 (`smears.pictures.preprocess(..., "tf")`).
        patch_size: p; 16 (assumed: the paper gives no size of its transformer).
        width: of a token. Default p * p * channels, so that n tokens fold back to a picture
            without parameters, as 16 * 16 * 3 = 768 does (C15). Tokens of another width are
            mapped to that by one dense layer first.
        depth: L transformer layers; 12 (assumed).
        num_heads: H, must divide the width; 12 (assumed).
        mlp_ratio: hidden width of the MLP in widths of a token; 4 (assumed).
        weights: see `load`; None for random ones.
        name: of the model.

    Returns:
        keras.Model with the outputs {"map": float (batch, height, width, channels), "token":
        float (batch, width)}: the tokens of the patches, folded, and the class token, which is
        z_L^0 of Equation 6.

    Raises:
        ValueError: a size that patches do not fill, or heads that do not divide the width.
        smears.weights.NotAvailable, smears.weights.WrongFile, FileNotFoundError: see `load`.
    """
    pixels = keras.Input(input_shape, name="pixels")
    folded, token = transform(pixels, patch_size, width, depth, num_heads, mlp_ratio)
    model = keras.Model(pixels, {"map": folded, "token": token}, name=name)
    load(model, weights)
    return model


def transform(
    pixels, patch_size=16, width=None, depth=12, num_heads=12, mlp_ratio=4, *, normed_map=True
):
    """`GMod`'s graph on a tensor of pixels, its arguments as there. Returns (map, class token).

    Args:
        normed_map: whether the map's tokens pass the last normalisation too (C16).
    """
    _, height, breadth, channels = pixels.shape
    if not all(side and side % patch_size == 0 for side in (height, breadth)):
        raise ValueError(
            f"patch_size={patch_size} does not divide the picture's sides {height} x {breadth}: "
            f"give a size like {6 * patch_size}, or another patch_size."
        )
    patch_width = patch_size**2 * channels
    width = width or patch_width
    if width % num_heads:
        raise ValueError(f"num_heads={num_heads} does not divide the width of a token, {width}.")
    grid = (height // patch_size, breadth // patch_size)
    count = grid[0] * grid[1]
    x = layers.Conv2D(width, patch_size, strides=patch_size, name="patch_embedding")(pixels)
    x = layers.Reshape((count, width), name="patches")(x)
    x = TokenAndPositions(name="positions")(x)
    for number in range(1, depth + 1):
        x = _transformer_layer(x, num_heads, mlp_ratio, f"block{number}")
    # Equation 6 prints this for the class token alone.
    normed = layers.LayerNormalization(epsilon=1e-6, name="final_norm")(x)
    token = layers.Cropping1D((0, count), name="first_token")(normed)
    token = layers.Flatten(name="token")(token)
    x = layers.Cropping1D((1, 0), name="patch_tokens")(normed if normed_map else x)
    if width != patch_width:
        x = layers.Dense(patch_width, name="to_pixels")(x)
    return Fold(grid, patch_size, name="map")(x), token


def _transformer_layer(x, num_heads, mlp_ratio, name):
    """Equations 4 and 5: attention, then the MLP, each on normalised tokens and added to them."""
    width = x.shape[-1]
    normed = layers.LayerNormalization(epsilon=1e-6, name=f"{name}_norm1")(x)
    attention = layers.MultiHeadAttention(num_heads, width // num_heads, name=f"{name}_attention")
    x = layers.Add(name=f"{name}_sum1")([x, attention(normed, normed)])
    normed = layers.LayerNormalization(epsilon=1e-6, name=f"{name}_norm2")(x)
    hidden = layers.Dense(mlp_ratio * width, activation="gelu", name=f"{name}_widen")(normed)
    hidden = layers.Dense(width, name=f"{name}_narrow")(hidden)
    return layers.Add(name=f"{name}_sum2")([x, hidden])


@register
class TokenAndPositions(layers.Layer):
    """Put the class token first and add positions: (batch, n, d) -> (batch, n + 1, d).

    Equation 3: n + 1 learned positions (stated). Both start normally distributed with deviation
    0.02, as ViT's positions do (assumed).
    """

    def build(self, shape):
        start = keras.initializers.RandomNormal(stddev=0.02)
        self.class_token = self.add_weight(
            shape=(1, 1, shape[-1]), initializer=start, name="class_token"
        )
        self.positions = self.add_weight(
            shape=(shape[1] + 1, shape[-1]),
            initializer=keras.initializers.RandomNormal(stddev=0.02),
            name="positions",
        )
        self.built = True

    def call(self, inputs):
        token = ops.cast(self.class_token, self.compute_dtype)
        token = ops.repeat(token, ops.shape(inputs)[0], axis=0)
        tokens = ops.concatenate([token, inputs], axis=1)
        return tokens + ops.cast(self.positions, self.compute_dtype)

    def compute_output_shape(self, shape):
        return (shape[0], shape[1] + 1, shape[2])


@register
class Fold(layers.Layer):
    """Put patches back where they were cut: (batch, n, p * p * c) -> (batch, height, width, c).

    Patches run row by row over the picture, and so do pixels within a patch, channels last.

    Args:
        grid: (rows, columns) of patches; n = rows * columns.
        patch_size: p in pixels.
    """

    def __init__(self, grid, patch_size, **kwargs):
        super().__init__(**kwargs)
        self.grid, self.patch_size = tuple(grid), patch_size

    def call(self, inputs):
        (rows, columns), p = self.grid, self.patch_size
        cut = ops.reshape(inputs, (-1, rows, columns, p, p, inputs.shape[-1] // p**2))
        cut = ops.transpose(cut, (0, 1, 3, 2, 4, 5))
        return ops.reshape(cut, (-1, rows * p, columns * p, cut.shape[-1]))

    def get_config(self):
        return {**super().get_config(), "grid": list(self.grid), "patch_size": self.patch_size}


def start_as_picture(model):
    """Let the map start as the picture instead of as noise (C16).

    The patch embedding becomes the identity, positions and the last matrix of each residual branch
    zero. A random start mixes a patch's pixels, and SMod's convolutions would find no edge in the
    map. Where the last normalisation covers the map (`transform`), it starts as the picture, each
    patch normalised: without its brightness, and black where a patch is of one colour.

    Args:
        model: `GMod` of the default width, or a model that holds its layers. Changed in place.

    Raises:
        ValueError: another width.
    """
    embedding = model.get_layer("patch_embedding")
    shape = embedding.kernel.shape
    if np.prod(shape[:3]) != shape[3]:
        raise ValueError(
            f"only tokens of the width {np.prod(shape[:3])} can start as the picture, not of "
            f"{shape[3]}: leave width out, or give start='random'."
        )
    embedding.kernel.assign(np.eye(shape[3], dtype=np.float32).reshape(shape))
    positions = model.get_layer("positions").positions
    positions.assign(np.zeros(positions.shape))
    for layer in model.layers:
        if isinstance(layer, layers.MultiHeadAttention):
            kernel = layer.output_dense.kernel
        elif layer.name.endswith("_narrow"):
            kernel = layer.kernel
        else:
            continue
        kernel.assign(np.zeros(kernel.shape))


def freeze(model, trained):
    """Leave only `GMod`'s last layers trainable: so many transformer layers, and what follows.

    Args:
        model: `GMod`, or a model that holds its layers. Changed in place.
        trained: number of transformer layers.
    """
    depth = _depth(model)
    for layer in model.layers:
        number = re.match(r"block(\d+)_", layer.name)
        if layer.name in ("patch_embedding", "positions") or (
            number and int(number[1]) <= depth - trained
        ):
            layer.trainable = False


def load(model, weights):
    """Put pretrained weights into `GMod`'s layers, of a model that has them.

    Args:
        model: keras.Model, changed in place.
        weights: None: nothing happens. "imagenet21k": keras-hub's ViT of this size, downloaded
            ("pre-trained" is stated, on what is not; C17). Else the path of a file
            (`smears.weights.load`) with all of its layers, or of a preset folder of keras-hub.

    Raises:
        ValueError: "imagenet21k" for a size that has none.
        smears.weights.NotAvailable: it cannot be downloaded.
        smears.weights.WrongFile, FileNotFoundError: a file that is not there or does not fit.
    """
    if weights is None:
        return
    if weights != "imagenet21k":
        _load_own(model, Path(weights))
        return
    depth = _depth(model)
    patch_size, _, _, width = model.get_layer("patch_embedding").kernel.shape
    preset = PRESETS.get((patch_size, depth, width))
    if preset is None or tuple(model.input_shape[1:]) != (224, 224, 3):
        raise ValueError(
            f"no ImageNet-21k weights for {model.input_shape[1:]}, patch_size={patch_size}, "
            f"depth={depth}, width={width}: there are some at (224, 224, 3) for patch_size, depth, "
            f"width in {', '.join(map(str, PRESETS))}. Give weights=None or a file."
        )
    copy_vit(model, weight_files.hub("ViTBackbone", preset))


def _load_own(model, path):
    """Put weights from a file or a preset folder into all of `GMod`'s layers."""
    if path.is_dir():
        try:
            copy_vit(model, weight_files.hub("ViTBackbone", str(path)))
        except (weight_files.NotAvailable, ValueError) as problem:
            raise weight_files.WrongFile(
                f"{path}: no preset folder of keras-hub with a ViT of this size ({problem})"
            ) from problem
        return
    missing = weight_files.load(model, path).missing
    missing = [name for name in missing if re.match(OWN, name)]
    if missing:
        raise weight_files.WrongFile(
            f"{path} lacks layers of the transformer, which would stay random: "
            f"{', '.join(missing[:5])}; give a file with all of them."
        )


def _depth(model):
    """How many transformer layers a model has."""
    return sum(isinstance(layer, layers.MultiHeadAttention) for layer in model.layers)


def copy_vit(model, backbone):
    """Copy a keras_hub.models.ViTBackbone's weights into `GMod`'s layers of a model.

    Args:
        model: keras.Model with the layers of `GMod`, changed in place; same size, patches, depth,
            heads and width.
        backbone: keras_hub.models.ViTBackbone with class token.

    Raises:
        ValueError: another depth, or shapes that do not fit.
    """
    if backbone.num_layers != _depth(model):
        raise ValueError(f"{backbone.num_layers} layers, not {_depth(model)}")
    embedding = backbone.get_layer("vit_patching_and_embedding")
    encoder = backbone.get_layer("vit_encoder")
    model.get_layer("patch_embedding").set_weights(embedding.patch_embedding.get_weights())
    model.get_layer("positions").set_weights(
        [embedding.class_token, *embedding.position_embedding.get_weights()]
    )
    for number, block in enumerate(encoder.encoder_layers, 1):
        for own, theirs in {
            "norm1": block.layer_norm_1, "attention": block.mha, "norm2": block.layer_norm_2,
            "widen": block.mlp.dense_1, "narrow": block.mlp.dense_2,
        }.items():  # fmt: skip
            model.get_layer(f"block{number}_{own}").set_weights(theirs.get_weights())
    model.get_layer("final_norm").set_weights(encoder.layer_norm.get_weights())
