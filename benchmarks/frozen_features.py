"""How much does it save to show each picture once to a frozen network, instead of every epoch?

Both ways are run for real, on MobileNet with random weights, whose time is that of pretrained
ones: features stored once and a head trained on them for all epochs, and the whole frozen model
trained on the pictures. The goal: at least 8 times less wall time at 50 epochs.

Two AMX cores, TensorFlow: 16.1 times with 1,000 pictures (15.7 s against 252 s), 6.3 with the 160
of the default, where starting costs more than the network.
"""

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np

from smears import backend

BATCH = 16
CLASSES = 10


def main():
    """Print seconds of both ways and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--size", type=int, default=128, help="side in pixels. Default: 128")
    parser.add_argument("--pictures", type=int, default=160, help="Default: 160")
    parser.add_argument("--epochs", type=int, default=50, help="Default: 50")
    parser.add_argument(
        "--recomputed", type=int, default=10, metavar="N",
        help="epochs of the slow way that are really run; the rest is taken to last as long as "
        "the median of those after the first. Default: 10",
    )  # fmt: skip
    options = parser.parse_args()
    print(
        f"Backend {backend.start()}, MobileNet, {options.size} px, {options.pictures} pictures, "
        f"{options.epochs} epochs"
    )
    stored, once = _stored(options)
    print(f"Stored: {stored:.1f} s, of which features {once:.1f} s")
    first, later = _recomputed(options)
    recomputed = first + later * (options.epochs - 1)
    how = "measured" if options.recomputed >= options.epochs else (
        f"{options.recomputed} epochs measured, the others at {later:.2f} s"
    )  # fmt: skip
    print(f"Recomputed in every epoch: {recomputed:.1f} s ({how})")
    print(f"Ratio {recomputed / stored:.1f}, goal 8; first runs and compilation included")


def _network(options):
    import keras

    keras.utils.set_random_seed(0)
    base = keras.applications.MobileNet(
        include_top=False, weights=None, input_shape=(options.size, options.size, 3)
    )
    base.trainable = False
    return base


def _head(inputs):
    import keras

    x = keras.layers.Flatten()(inputs)
    return keras.layers.Dense(CLASSES, activation="softmax")(x)


def _pictures(options, folder, **settings):
    from smears.pictures import Pictures

    n = options.pictures
    store = Path(folder) / "store.npy"
    rng = np.random.default_rng(0)
    np.save(store, rng.integers(0, 256, (n, options.size, options.size, 3), np.uint8))
    return Pictures(
        store, np.arange(n), np.arange(n) % CLASSES, classes=CLASSES, batch_size=BATCH,
        preprocess="tf", **settings,
    )  # fmt: skip


def _fit(model, train, epochs):
    """Seconds of each epoch, the first one with compilation."""
    import keras

    from smears.pictures import SetEpoch

    ends = [time.perf_counter()]
    watch = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: ends.append(time.perf_counter())
    )
    model.compile(keras.optimizers.Adam(), "categorical_crossentropy")
    model.fit(train, epochs=epochs, callbacks=[SetEpoch(train), watch], shuffle=False, verbose=0)
    return np.diff(ends)


def _stored(options):
    """(seconds of features and all epochs of the head, seconds of the features alone)."""
    import keras

    from smears.features import Features, frozen_features, weights_hash

    base = _network(options)
    inputs = keras.Input(base.output_shape[1:])
    head = keras.Model(inputs, _head(inputs))
    with tempfile.TemporaryDirectory() as folder:
        pictures = _pictures(options, folder)
        began = time.perf_counter()
        path = frozen_features(base, pictures, folder, weights_hash(base))
        once = time.perf_counter() - began
        train = Features(path, pictures.labels, classes=CLASSES, batch_size=BATCH, shuffle=True)
        _fit(head, train, options.epochs)
        return time.perf_counter() - began, once


def _recomputed(options):
    """(seconds of the first epoch, median of the later ones) of the whole frozen model."""
    import keras

    base = _network(options)
    model = keras.Model(base.input, _head(base.output))
    with tempfile.TemporaryDirectory() as folder:
        epochs = min(options.recomputed, options.epochs)
        seconds = _fit(model, _pictures(options, folder, shuffle=True), epochs)
    return float(seconds[0]), float(np.median(seconds[1:]))


if __name__ == "__main__":
    main()
