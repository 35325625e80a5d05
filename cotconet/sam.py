"""Segment Anything on keras-hub's layers: its sizes, its box prompt, and the loss for masks."""

from pathlib import Path

import keras

from smears import weights as weight_files
from smears.weights import NotAvailable, WrongFile

# "base" is ViT-B as published (Kirillov et al. 2023). "small" and "tiny" are ours, to be trained
# from scratch (assumed, C9); their finer patches make up for the smaller picture.
SIZES = {
    "base": {
        "image_size": 1024, "patch_size": 16, "hidden_size": 768, "num_layers": 12,
        "num_heads": 12, "global_layers": [2, 5, 8, 11], "window_size": 14, "channels": 256,
        "decoder_dim": 2048, "decoder_heads": 8,
    },
    "small": {
        "image_size": 128, "patch_size": 8, "hidden_size": 96, "num_layers": 4, "num_heads": 4,
        "global_layers": [1, 3], "window_size": 4, "channels": 64, "decoder_dim": 128,
        "decoder_heads": 4,
    },
    "tiny": {
        "image_size": 64, "patch_size": 8, "hidden_size": 32, "num_layers": 2, "num_heads": 2,
        "global_layers": [1], "window_size": 2, "channels": 32, "decoder_dim": 64,
        "decoder_heads": 2,
    },
}  # fmt: skip
PRESET = "sam_base_sa1b"


def sam(size="small", image_size=None, weights=None):
    """Build a SAMBackbone of keras-hub: image encoder, prompt encoder and mask decoder.

    Args:
        size: key of `SIZES`, or a dict of the same kind.
        image_size: side of its pictures, a multiple of the patches; default the size's own. A
            preset keeps its own.
        weights: None: random. "sa1b": SA-1B's for ViT-B, which keras-hub downloads, whatever the
            size says. A path: a keras-hub preset folder, likewise, or a file .weights.h5 of a
            backbone of this size.

    Returns:
        keras_hub.models.SAMBackbone in float32.

    Raises:
        smears.weights.NotAvailable: "sa1b" cannot be downloaded.
        smears.weights.WrongFile, FileNotFoundError: a path that does not fit or is not there.
    """
    from keras_hub.layers import SAMMaskDecoder, SAMPromptEncoder
    from keras_hub.models import SAMBackbone, SAMImageSegmenter, ViTDetBackbone

    if weights == "sa1b":
        try:
            return SAMImageSegmenter.from_preset(PRESET, dtype="float32").backbone
        except OSError as problem:  # of requests, too
            raise NotAvailable(
                f"SAM's weights {PRESET} cannot be had ({type(problem).__name__}). Without "
                "network, copy keras-hub's preset folder to this machine and give its path."
            ) from problem
    if weights and Path(weights).is_dir():
        try:
            return SAMImageSegmenter.from_preset(str(weights), dtype="float32").backbone
        except (OSError, ValueError, KeyError) as problem:
            raise WrongFile(
                f"{weights}: no preset folder of keras-hub with a SAM ({problem})"
            ) from problem
    s = SIZES[size] if isinstance(size, str) else size
    side = image_size or s["image_size"]
    grid, channels = side // s["patch_size"], s["channels"]
    backbone = SAMBackbone(
        image_encoder=ViTDetBackbone(
            hidden_size=s["hidden_size"], num_layers=s["num_layers"],
            intermediate_dim=4 * s["hidden_size"], num_heads=s["num_heads"],
            global_attention_layer_indices=s["global_layers"], patch_size=s["patch_size"],
            window_size=s["window_size"], num_output_channels=channels,
            image_shape=(side, side, 3),
        ),
        prompt_encoder=SAMPromptEncoder(
            hidden_size=channels, image_embedding_size=(grid, grid), input_image_size=(side, side)
        ),
        mask_decoder=SAMMaskDecoder(
            num_layers=2, hidden_size=channels, intermediate_dim=s["decoder_dim"],
            num_heads=s["decoder_heads"], embedding_dim=channels, iou_head_hidden_dim=channels,
        ),
    )  # fmt: skip
    if weights:
        missing = weight_files.load(backbone, weights).missing
        if missing:
            raise WrongFile(f"{weights} lacks parts of this SAM: {', '.join(missing)}.")
    return backbone


@keras.saving.register_keras_serializable("cotconet")
def dice_bce(truth, logits):
    """Soft Dice with squares in its denominator plus cross-entropy, unweighted.

    What MedSAM trains with (Ma et al. 2024); the paper states no loss (assumed, C9).

    Args:
        truth: float (n, g, g), 0..1. logits: float (n, g, g).

    Returns:
        float (n,).
    """
    ops = keras.ops
    said = ops.sigmoid(logits)
    common = ops.sum(truth * said, axis=(1, 2))
    total = ops.sum(truth**2, axis=(1, 2)) + ops.sum(said**2, axis=(1, 2))
    entropy = ops.maximum(logits, 0) - logits * truth + ops.log1p(ops.exp(-ops.abs(logits)))
    return 1 - (2 * common + 1e-5) / (total + 1e-5) + ops.mean(entropy, axis=(1, 2))


@keras.saving.register_keras_serializable("cotconet")
def mask_dice(truth, logits):
    """Dice of the masks at the decoder's resolution, float (n,); 1 where both are empty."""
    ops = keras.ops
    truth, said = ops.cast(truth >= 0.5, "float32"), ops.cast(logits > 0, "float32")
    total = ops.sum(truth, axis=(1, 2)) + ops.sum(said, axis=(1, 2))
    common = ops.sum(truth * said, axis=(1, 2))
    return ops.where(total > 0, 2 * common / ops.maximum(total, 1), 1.0)


@keras.saving.register_keras_serializable("cotconet")
class BoxPrompt(keras.layers.Layer):
    """What a SAMPromptEncoder makes of one box a picture and no other prompt.

    The same numbers as its own call, without the zero-length points and masks that this needs,
    and with a matrix product of three axes: TensorFlow 2.21's of four, one of them 1, writes
    beyond its memory on processors where it takes oneDNN, so that the process dies.

    Args:
        encoder: keras_hub.layers.SAMPromptEncoder.

    Input: float (n, 2, 2), [[x0, y0], [x1, y1]] in pixels. Output: (n, 2, c) of the corners,
    (n, g, g, c) for "no mask", (1, g, g, c) of the places.
    """

    def __init__(self, encoder, **kwargs):
        super().__init__(**kwargs)
        self.encoder = encoder

    def build(self, input_shape):
        if not self.encoder.built:
            self.encoder.build()
        self.built = True

    def call(self, boxes):
        ops, encoder, one = keras.ops, self.encoder, keras.ops.arange(1, dtype="int32")
        grid, places = encoder.image_embedding_size, encoder.positional_embedding_layer
        corners = places.encode_coordinates(boxes + 0.5, encoder.input_image_size)
        kinds = [encoder.top_left_corner_embed(one), encoder.bottom_right_corner_embed(one)]
        shape = (ops.shape(boxes)[0], *grid, encoder.hidden_size)
        dense = ops.broadcast_to(encoder.no_mask_embed(one)[:, None, None], shape)
        return corners + ops.concatenate(kinds), dense, places.encode_image(grid)[None]

    def get_config(self):
        encoder = keras.saving.serialize_keras_object(self.encoder)
        return {**super().get_config(), "encoder": encoder}

    @classmethod
    def from_config(cls, config):
        encoder = keras.saving.deserialize_keras_object(config.pop("encoder"))
        return cls(encoder, **config)


def config(backbone):
    """The dict, of the kind in `SIZES`, that builds a backbone like this one."""
    encoder, decoder = backbone.image_encoder, backbone.mask_decoder
    return {
        "image_size": encoder.image_shape[0], "patch_size": encoder.patch_size,
        "hidden_size": encoder.hidden_size, "num_layers": encoder.num_layers,
        "num_heads": encoder.num_heads,
        "global_layers": list(encoder.global_attention_layer_indices),
        "window_size": encoder.window_size, "channels": encoder.num_output_channels,
        "decoder_dim": decoder.transformer.intermediate_dim,
        "decoder_heads": decoder.transformer.num_heads,
    }  # fmt: skip
