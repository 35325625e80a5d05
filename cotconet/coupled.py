"""GMod and SMod joined to one feature extractor, trained under a temporary head (3.4)."""

import sys
from functools import partial
from inspect import signature

import keras
import numpy as np
from keras import layers

from cotconet import gmod, smod, vgg16
from smears import InputError, backend, pictures, training
from smears.arrays import write_stream
from smears.augmentation import Augmenter
from smears.features import outputs
from smears.normalisation import SettleNormalisation
from smears.weights import NotAvailable, by_content

PARTS = (("gmod",), ("smod",), ("gmod", "smod"), ("vgg16",))
PRETRAINED = {"gmod": "imagenet21k", "vgg16": "imagenet"}  # first part -> weights there are


def extractor(
    size=224,
    parts=("gmod", "smod"),
    *,
    patch_size=16,
    width=None,
    depth=12,
    num_heads=12,
    order="equation",
    dropout=0.2,
    start="picture",
    normed_map=None,
    weights=None,
    trained_layers=4,
):
    """The network from pictures to features.

    Args:
        size: side of the pictures in pixels.
        parts: ("gmod", "smod"): SMod on the folded tokens of GMod (the paper's); ("gmod",): GMod's
            class token; ("smod",): SMod on the picture; ("vgg16",): VGG-16 instead (Table 7).
        patch_size, width, depth, num_heads: of `gmod.GMod`.
        order, dropout: of `smod.SMod`.
        start: of a GMod that has no weights and feeds SMod: "picture", see
            `gmod.start_as_picture` (C16), or "random". Alone it always starts at random, for the
            other start hides the picture from the class token.
        normed_map: whether Equation 6's normalisation, printed for the class token, also covers
            the map that SMod sees. None: with weights, whose tokens need it; without, a map that
            starts as the picture would lose each patch's brightness by it (C16).
        weights: of GMod, see `gmod.load`; "imagenet" for VGG-16.
        trained_layers: with weights, how many of GMod's last layers are trained, the others stay
            as they are; 4 (assumed, C17).

    Returns:
        keras.Model, pixels scaled to -1..1 (batch, size, size, 3) -> float32 (batch, d). Its
        graph is flat: every layer can be had by name.

    Raises:
        ValueError: other parts, another start, or a size that does not fit them.
    """
    if tuple(parts) not in PARTS:
        raise ValueError(f"parts={parts}: give one of {', '.join(map(str, PARTS))}.")
    if start not in ("picture", "random"):
        raise ValueError(f"start={start!r}: give 'picture' or 'random'.")
    x = pixels = keras.Input((size, size, 3), name="pixels")
    if "gmod" in parts:
        normed_map = weights is not None if normed_map is None else normed_map
        x, token = gmod.transform(
            pixels, patch_size, width, depth, num_heads, normed_map=normed_map
        )
    if "smod" in parts:
        x = smod.blocks(x, dropout=dropout, order=order)
    else:
        x = token if "gmod" in parts else vgg16.pooled(pixels)
    x = layers.Activation("linear", dtype="float32", name="features")(x)
    model = keras.Model(pixels, x, name="_and_".join(parts))
    if "gmod" in parts and weights is not None:
        gmod.load(model, weights)
        gmod.freeze(model, trained_layers)
    elif "vgg16" in parts and weights is not None:
        vgg16.copy_imagenet(model)
    elif len(parts) == 2 and start == "picture":
        gmod.start_as_picture(model)
    return model


def fit_extractor(
    run,
    train,
    validation,
    *,
    epochs=20,
    batch_size=32,
    learning_rate=5e-4,
    warmup=0.1,
    weight_decay=1e-4,
    clipnorm=1.0,
    class_weight=True,
    augment=None,
    seed=0,
    **architecture,
):
    """Train an extractor under a sigmoid head, or load the one that the run's folder holds.

    The paper does not say how its extractor is trained; all of this is assumed (C17, C19).

    Args:
        run: smears.runs.Run. A killed training goes on from its last finished epoch; its facts
            tell which weights were really taken.
        train, validation: (store, rows, labels): path of a .npy of uint8 (n, size, size, 3), the
            rows that are used, and their labels 0 or 1.
        epochs, batch_size: of AdamW on binary cross-entropy. The last epoch is kept.
        learning_rate: the highest; it is reached after `warmup` of all steps and falls to zero on
            a cosine.
        weight_decay, clipnorm: of AdamW; the norm is that of each weight's gradient.
        class_weight: whether to weight classes by n / (2 n_c).
        augment: None, or "traditional", see `augmenter`.
        seed: of weights, order and augmentation.
        **architecture: see `extractor`; `size` must be the pictures'. weights="auto": see
            `found`.

    Returns:
        keras.Model, the extractor without the head: `extractor.keras` in the run's folder.

    Raises:
        InputError: training labels of one class alone, or pictures of another size.
    """
    path = run.folder / "extractor.keras"
    if path.exists():
        return keras.saving.load_model(path, compile=False)
    architecture = found(architecture)
    backend.seed(seed)
    change = augmenter(augment)
    sets = [
        _pictures(*train, batch_size, shuffle=True, seed=seed, augmenter=change),
        _pictures(*validation, batch_size),
    ]
    # The machine's, not the method's; a run that another machine goes on with keeps its own.
    precision = run.facts.get("precision", backend.precision())
    with backend.policy(precision):
        model = extractor(**architecture)
    _check(sets, model)
    weights = by_content(architecture).get("weights") or "random"
    run.note(precision=precision, parameters=model.count_params(), weights=weights)
    # Logits: Keras clips a probability, and where it does, JAX has no gradient left.
    head = layers.Dense(1, kernel_initializer="zeros", dtype="float32", name="head")
    whole = keras.Model(model.input, head(model.output))
    rate = training.WarmedCosine(learning_rate, epochs * len(sets[0]), warmup)
    whole.compile(
        keras.optimizers.AdamW(rate, weight_decay=weight_decay, clipnorm=clipnorm),
        keras.losses.BinaryCrossentropy(from_logits=True),
        metrics=[keras.metrics.BinaryAccuracy("accuracy", threshold=0.0)],
    )
    settle = SettleNormalisation(_pictures(*train, batch_size, shuffle=True, seed=seed))
    weight = training.class_weights(sets[0].labels, 2) if class_weight else None
    training.fit(
        whole, *sets, run, epochs, class_weight=weight, callbacks=[settle], title=model.name
    )
    run.keep(model, "extractor")
    run.drop_checkpoint()
    return model


def found(settings):
    """Settings of `fit_extractor` with weights="auto" replaced by those that can be had now.

    What is kept of a training is named after its settings: one that started at random must not
    pass for a pretrained one once the weights can be had, nor the other way round.

    Args:
        settings: dict of its keyword arguments.

    Returns:
        The same, or a new dict whose "weights" are those of `PRETRAINED`, or None where they
        cannot be downloaded, which is said on standard error, or do not exist.
    """
    if settings.get("weights") != "auto":
        return settings
    names = signature(extractor).parameters
    architecture = {name: value for name, value in settings.items() if name in names}
    weights = PRETRAINED.get(architecture.get("parts", ("gmod", "smod"))[0])
    if weights:
        try:
            extractor(**architecture | {"weights": weights})
        except NotAvailable as reason:
            print(f"{reason} The extractor starts from random weights.", file=sys.stderr)
            weights = None
    return settings | {"weights": weights}


def features(model, store, path, batch_size=32):
    """Show each picture of a store once to an extractor, and keep what comes out.

    Args:
        model: of `extractor` or `fit_extractor`.
        store: path of a .npy of uint8 (n, size, size, 3).
        path: pathlib.Path of the file to make, whole or not at all, which names model and store: a
            killed call goes on (`smears.arrays.write_stream`).
        batch_size: pictures at a time.

    Returns:
        `path`, a .npy of float16 (n, d): at 15,000 x 12,544 it takes 376 MB, and memory stays flat.
    """
    count = len(np.load(store, mmap_mode="r"))
    shown = _pictures(store, np.arange(count), np.zeros(count, int), batch_size)
    shape = (count, model.output_shape[-1])
    write_stream(path, shape, np.float16, partial(outputs, model, shown), batch_size)
    return path


def augmenter(kind):
    """The Augmenter of "traditional augmentation" (Table 7).

    "Scaling, cropping, translation, flipping, and rotation" (stated, 4.3.2). Assumed (C17): turned
    by any angle, for a smear has no up, moved by up to a tenth of each side, each axis scaled by
    0.8 to 1.2, where what grows is cropped; cells stand on black, so black fills up.

    Args:
        kind: "traditional", or None for no augmentation.

    Raises:
        ValueError: another kind.
    """
    if kind is None:
        return None
    if kind != "traditional":
        raise ValueError(f"augment={kind!r}: give 'traditional', or None.")
    return Augmenter(
        rotation_range=180, width_shift_range=0.1, height_shift_range=0.1, zoom_range=0.2,
        horizontal_flip=True, vertical_flip=True, fill_mode="constant",
    )  # fmt: skip


def _pictures(store, rows, labels, batch_size, **more):
    return pictures.Pictures(
        store, rows, labels, classes=1, batch_size=batch_size, preprocess="tf", **more
    )


def _check(sets, model):
    found = np.unique(sets[0].labels)
    if found.tolist() != [0, 1]:
        raise InputError(f"an extractor learns from labels 0 and 1; these are {found.tolist()}")
    for part in sets:
        shape = np.load(part.store, mmap_mode="r").shape[1:]
        if shape != model.input_shape[1:]:
            raise InputError(
                f"{part.store} holds pictures of {shape}, the extractor takes "
                f"{model.input_shape[1:]}: give their size."
            )
