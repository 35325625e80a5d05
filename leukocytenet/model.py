"""LeukocyteNet (section 3-3-2, Table 3) and the two single branches of Table 4."""

import warnings

import keras
from keras import layers

from leukocytenet.convolution import Conv2D
from leukocytenet.swin import PatchEmbedding, PatchExtract, PatchMerging, SwinBlock
from smears import weights as weight_files

# VGG19's blocks: number of 3 x 3 convolutions and their filters (Simonyan and Zisserman 2015).
BLOCKS = ((2, 64), (2, 128), (4, 256), (4, 512), (4, 512))


def LeukocyteNet(
    input_shape=(384, 384, 3),
    classes=10,
    weights="imagenet",
    *,
    shift_size=1,
    alpha_dropout=0.5,
    name="leukocytenet",
):
    """VGG19's last convolution map, pooled, joined with a small Swin branch on the same map.

    20,237,970 parameters at the defaults, of which 256 are not trainable (stated, and met).
    Called as `keras.applications` models are; the graph is flat, so every layer can be had by
    name: `block5_conv4` and `swin_tokens` are the maps that Grad-CAM explains.

    Args:
        input_shape: (height, width, 3), sides divisible by 64. Inputs are RGB pixels after
            VGG's own preprocessing (`smears.pictures.preprocess(..., "caffe")`).
        classes: number of outputs, a softmax in float32.
        weights: "imagenet" for VGG19's convolutions (downloaded by Keras), None for random ones,
            or the path of a file for the whole network or for VGG19's part of it; convolutions that
            it lacks stay random, which a warning says.
        shift_size: 1 (stated), or 0 for windows that are not shifted (D7).
        alpha_dropout: rate in both heads, 0.5 (stated).
        name: of the model.

    Raises:
        ValueError: a side that 64 does not divide.
        smears.weights.NotAvailable: ImageNet weights that cannot be downloaded.
    """
    inputs = _input(input_shape, 64)
    features = _vgg19(inputs)
    grid = (input_shape[0] // 16, input_shape[1] // 16)
    swin = _swin_branch(features, grid, 2, shift_size, alpha_dropout)
    pooled = layers.GlobalAveragePooling2D(name="conv_pooling")(features)
    pooled = layers.AlphaDropout(alpha_dropout, name="conv_dropout")(pooled)
    pooled = layers.Flatten(name="conv_head")(pooled)
    joined = layers.Concatenate(name="concatenation")([swin, pooled])
    return _finish(inputs, joined, classes, weights, name)


def VGG19Only(
    input_shape=(384, 384, 3),
    classes=10,
    weights="imagenet",
    *,
    head="pooled",
    alpha_dropout=0.5,
    name="vgg19_only",
):
    """VGG19's convolutions and a softmax, all trainable: the fair row of Table 4 (D14).

    Args:
        head: "pooled" (global average pooling), "pooled_alpha_dropout" (the same with the
            hybrid's AlphaDropout, whose noise drowns features after ReLU), or "flatten".
        input_shape, classes, weights, alpha_dropout, name: as `LeukocyteNet`.
    """
    inputs = _input(input_shape, 16)
    features = _vgg19(inputs)
    if head == "flatten":
        tail = layers.Flatten(name="conv_head")(features)
    elif head in ("pooled", "pooled_alpha_dropout"):
        tail = layers.GlobalAveragePooling2D(name="conv_pooling")(features)
        if head == "pooled_alpha_dropout":
            tail = layers.AlphaDropout(alpha_dropout, name="conv_dropout")(tail)
    else:
        raise ValueError(f"head={head!r}: give 'pooled', 'pooled_alpha_dropout' or 'flatten'.")
    return _finish(inputs, tail, classes, weights, name)


def SwinOnly(
    input_shape=(384, 384, 3),
    classes=10,
    weights=None,
    *,
    patch_size=16,
    shift_size=1,
    alpha_dropout=0.5,
    name="swin_only",
):
    """The Swin branch on raw pixels: Table 4's "Swin Transformer Only" (assumed, D13).

    The paper does not describe its input. A patch of `patch_size` pixels stands where a cell of
    VGG19's map stood, so the token grid is the hybrid's: 2 x 2 such patches, 12 x 12 tokens at
    384 pixels.

    Args:
        weights: None, or the path of a file for the whole network; ImageNet's are VGG19's, of which
            it has nothing.
        patch_size: side of a patch in pixels.
        input_shape, classes, shift_size, alpha_dropout, name: as `LeukocyteNet`.

    Raises:
        ValueError: weights="imagenet", or a side that 4 * patch_size does not divide.
    """
    if weights == "imagenet":
        raise ValueError("SwinOnly has no ImageNet weights: give weights=None or a file's path.")
    inputs = _input(input_shape, 4 * patch_size)
    grid = (input_shape[0] // patch_size, input_shape[1] // patch_size)
    # Pixels after VGG's preprocessing span about ±130; a dense embedding wants about ±1.
    scaled = layers.Rescaling(1 / 64, name="scale")(inputs)
    swin = _swin_branch(scaled, grid, 2 * patch_size, shift_size, alpha_dropout)
    return _finish(inputs, swin, classes, weights, name)


def table3(network):
    """Table 3 as the built network has it.

    Returns:
        List of (row label, output shape as text, parameters), the last row the total.
    """
    rows = []
    vgg = sum(layer.count_params() for layer in network.layers if layer.name.startswith("block"))
    swin = [network.get_layer(name) for name in ("swin_dropout", "swin_head")]
    for label, name, count in (
        ("Input Layer", "pixels", 0),
        ("VGG19", "block5_conv4", vgg),
        ("Patch Extract", "patch_extract", None),
        ("Patch Embedding", "patch_embedding", None),
        # In the authors' graph, the sum of projection and position; here part of the embedding.
        ("TFOpLambda", "patch_embedding", 0),
        ("SWIN Block", "swin_tokens", None),
        ("Patch Merging", "patch_merging", None),
        ("Swin Head", "swin_head", sum(layer.count_params() for layer in swin)),
        ("Conv Head", "conv_head", None),
        ("Concatenation", "concatenation", None),
        ("Dense Layer", "probabilities", None),
    ):
        layer = network.get_layer(name)
        shape = " × ".join(str(side) for side in layer.output.shape[1:])
        rows.append((label, shape, layer.count_params() if count is None else count))
    return [*rows, ("Total Param", "", network.count_params())]


def _input(shape, multiple):
    sides = tuple(shape[:2])
    if tuple(shape[2:]) != (3,) or not all(side and side % multiple == 0 for side in sides):
        raise ValueError(
            f"input_shape={tuple(shape)}: height and width must be divisible by {multiple}, and "
            f"the channels three, e.g. ({6 * multiple}, {6 * multiple}, 3)."
        )
    return keras.Input(shape, name="pixels")


def _vgg19(x):
    """VGG19's sixteen convolutions in this graph, without the last pooling (derived: 24 x 24)."""
    for block, (count, filters) in enumerate(BLOCKS, 1):
        for number in range(1, count + 1):
            # He's start where no weights are loaded: Glorot's lets the signal of ReLUs die out.
            x = Conv2D(
                filters, 3, padding="same", activation="relu", kernel_initializer="he_normal",
                name=f"block{block}_conv{number}",
            )(x)  # fmt: skip
        if block < len(BLOCKS):
            x = layers.MaxPooling2D(2, name=f"block{block}_pool")(x)
    return x


def _swin_branch(x, grid, patch_size, shift_size, alpha_dropout):
    """Patch extraction to the Swin head (stated: GAP1D, AlphaDropout, BatchNormalization).

    `grid` is that of the cells of which 2 x 2 make a token.
    """
    rows, columns = grid[0] // 2, grid[1] // 2
    x = PatchExtract(patch_size, name="patch_extract")(x)
    x = PatchEmbedding(64, name="patch_embedding")(x)
    x = SwinBlock(64, (rows, columns), shift_size=shift_size, name="swin_tokens")(x)
    x = PatchMerging((rows, columns), name="patch_merging")(x)
    x = layers.GlobalAveragePooling1D(name="swin_pooling")(x)
    x = layers.AlphaDropout(alpha_dropout, name="swin_dropout")(x)
    return layers.BatchNormalization(name="swin_head")(x)


def _finish(inputs, x, classes, weights, name):
    outputs = layers.Dense(classes, activation="softmax", dtype="float32", name="probabilities")(x)
    network = keras.Model(inputs, outputs, name=name)
    if weights == "imagenet":
        copy_imagenet(network)
    elif weights is not None:
        missing = weight_files.load(network, weights).missing
        lacking = [layer for layer in missing if "_conv" in layer]
        if lacking:
            warnings.warn(
                f"{weights} lacks {', '.join(lacking)}: these layers stay random.", stacklevel=3
            )
    return network


def copy_imagenet(network):
    """Copy keras.applications' VGG19 convolutions, downloaded if need be, into the network."""
    source = weight_files.imagenet(
        keras.applications.VGG19, include_top=False, input_shape=(64, 64, 3)
    )
    for layer in source.layers:
        if layer.weights:
            network.get_layer(layer.name).set_weights(layer.get_weights())
