"""HDLC, the hierarchical deep learning classifier (3.6): features to the likelihood of cancer."""

import keras
import numpy as np
from keras import layers

from smears import InputError, backend, training
from smears.features import Features

WIDTHS = (512, 256, 128, 64, 32, 1)


def HDLC(
    features,
    widths=WIDTHS,
    filters=128,
    kernel=3,
    dropout=0.3,
    projection="linear",
    *,
    standardise=False,
    name="hdlc",
):
    """A 1-D convolution along the features, one number a place, and six dense layers.

    3,387,010 parameters for 6,272 features, 6,598,274 for 12,544 (derived).

    Args:
        features: k, how many there are.
        widths: of the dense layers (six of them: stated; widths assumed, C20). The last, 1, is a
            sigmoid, the others ReLU.
        filters: of the convolution; 128 (stated), with ReLU (stated).
        kernel: its width; "3 x 3" in the paper, which one dimension cannot have (C20).
        dropout: rate after the first two dense layers; 0.3 (assumed).
        projection: "linear": the paper's "linear transformation" maps the filters of each place
            to one number, and k remain; "flatten": all filters * k go to the dense layers, which
            then have 411 million parameters at 6,272 features (C20).
        standardise: subtract a mean and divide by a deviation first, which `fit_hdlc` measures:
            2 k weights that are not trained.
        name: of the model.

    Returns:
        keras.Model, float (batch, k) -> float32 (batch, 1), the probability of label 1.

    Raises:
        ValueError: another projection, or no features.
    """
    if projection not in ("linear", "flatten"):
        raise ValueError(f"projection={projection!r}: give 'linear' or 'flatten'.")
    if features < 1:
        raise ValueError("HDLC needs at least one feature.")
    x = inputs = keras.Input((features,), name="features")
    if standardise:
        # With no scale and no shift of its own, and never trained: (x - mean) / deviation.
        x = layers.BatchNormalization(
            epsilon=1e-12, center=False, scale=False, trainable=False, dtype="float32",
            name="standardise",
        )(x)  # fmt: skip
    x = layers.Reshape((features, 1), name="places")(x)
    x = layers.Conv1D(filters, kernel, padding="same", activation="relu", name="conv")(x)
    if projection == "linear":
        x = layers.Dense(1, name="projection")(x)
    x = layers.Flatten(name="vector")(x)
    for number, width in enumerate(widths[:-1], 1):
        x = layers.Dense(width, activation="relu", name=f"dense{number}")(x)
        if number <= 2:
            x = layers.Dropout(dropout, name=f"dropout{number}")(x)
    x = layers.Dense(widths[-1], activation="sigmoid", dtype="float32", name="probability")(x)
    return keras.Model(inputs, x, name=name)


def fit_hdlc(
    run,
    x,
    y,
    x_val,
    y_val,
    *,
    epochs=100,
    batch_size=64,
    learning_rate=1e-3,
    patience=10,
    seed=0,
    **architecture,
):
    """Train HDLC on standardised features, or load the one that the run's folder holds.

    Binary cross-entropy on logits and Adam, its rate halved after 5 epochs and training ended after
    `patience` without a lower validation loss; the best epoch is kept (all assumed, C20).

    Args:
        run: smears.runs.Run. A killed training goes on from its last finished epoch.
        x, x_val: float (n, k), (m, k): training and validation features. Mean and deviation are
            those of `x`, and part of the model.
        y, y_val: labels 0 or 1.
        epochs, batch_size, learning_rate, patience: of the training.
        seed: of weights, order and dropout.
        **architecture: see `HDLC`.

    Returns:
        keras.Model, `hdlc.keras` in the run's folder.

    Raises:
        InputError: features that are not finite, or training labels of one class alone.
    """
    path = run.folder / "hdlc.keras"
    if path.exists():
        return keras.saving.load_model(path, compile=False)
    y, y_val = np.asarray(y), np.asarray(y_val)
    if np.unique(y).tolist() != [0, 1]:
        raise InputError(f"HDLC learns from labels 0 and 1; these are {np.unique(y).tolist()}")
    for name, array in (("x", x), ("x_val", x_val)):
        if not np.isfinite(array).all():
            raise InputError(f"{name}: features must be finite numbers; some are not")
    backend.seed(seed)
    model = HDLC(x.shape[1], standardise=True, **architecture)
    model.get_layer("standardise").set_weights(_moments(x))
    # Logits: Keras clips a probability, and where it does, JAX has no gradient left.
    last = model.get_layer("probability")
    logit = layers.Dense(1, kernel_initializer="zeros", dtype="float32", name="logit")
    whole = keras.Model(model.input, logit(last.input))
    logit.set_weights(last.get_weights())
    whole.compile(
        keras.optimizers.Adam(learning_rate),
        keras.losses.BinaryCrossentropy(from_logits=True),
        metrics=[keras.metrics.BinaryAccuracy("accuracy", threshold=0.0)],
    )
    sets = [
        Features(x, y, classes=1, batch_size=batch_size, shuffle=True, seed=seed),
        Features(x_val, y_val, classes=1, batch_size=batch_size),
    ]
    callbacks = [
        keras.callbacks.ReduceLROnPlateau(monitor="val_loss", factor=0.5, patience=5),
        keras.callbacks.EarlyStopping(
            monitor="val_loss", patience=patience, restore_best_weights=True
        ),
    ]
    training.fit(whole, *sets, run, epochs, callbacks=callbacks, title="HDLC")
    last.set_weights(logit.get_weights())
    run.keep(model, "hdlc")
    run.drop_checkpoint()
    return model


def _moments(x):
    """[mean, variance], float32 (k,), with a floor for features that hardly vary.

    A feature that is constant in training, or nearly, would blow up in a picture where it is not.
    """
    mean = np.mean(x, axis=0, dtype=np.float64)
    variance = np.var(x, axis=0, dtype=np.float64)
    floor = 1e-4 * variance.mean() or 1.0
    return [mean.astype(np.float32), np.maximum(variance, floor).astype(np.float32)]


def predict_hdlc(model, x, batch_size=256):
    """The probability of label 1, float32 (n,), for features (n, k)."""
    if len(x) == 0:
        return np.zeros(0, np.float32)
    shown = Features(x, np.zeros(len(x), int), classes=1, batch_size=batch_size)
    return training.predict(model, shown)[:, 0]
