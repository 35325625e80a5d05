"""Does augmentation starve the network? Step times against preloaded batches, and images a second.

The goal: at most 10% more time a step at 128 px on two cores. Epochs of augmented pictures and of
the same number of batches that lie ready in memory alternate, so that other load on the machine
falls on both; the ratio is the median over the pairs.

Two AMX cores, TensorFlow, network `head`: 70 ms a step augmented, 69 ms preloaded, ratio 1.01;
7,727 images a second in one thread, ImageDataGenerator 740.
"""

import argparse
import sys
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np

from smears import backend

BATCH = 16
CLASSES = 10
GOAL = 1.10


# The cheaper the step, the harder the goal; LeukocyteNet's is dearer than VGG19's.
NETWORKS = ("head", "mobilenet", "vgg19")


def network(name, size):
    """Compiled model: MobileNet with its head alone trained, MobileNet whole, or VGG19 whole."""
    import keras

    build = keras.applications.VGG19 if name == "vgg19" else keras.applications.MobileNet
    base = build(include_top=False, weights=None, input_shape=(size, size, 3), pooling="avg")
    base.trainable = name != "head"
    outputs = keras.layers.Dense(CLASSES, activation="softmax")(base.output)
    model = keras.Model(base.input, outputs)
    model.compile(keras.optimizers.Adam(1e-4), "categorical_crossentropy")
    return model


def step_ratio(model, train, preloaded, rounds):
    """(median ratio, seconds a step augmented, preloaded) over alternating pairs of epochs."""
    import keras

    from smears.pictures import SetEpoch
    from smears.training import stream

    steps = len(train)

    class Steps(keras.callbacks.Callback):
        """From the end of the first step to the end of the epoch: without Keras's own start."""

        def on_train_batch_end(self, batch, logs=None):
            if batch == 0:
                self.began = time.perf_counter()
            elif batch == steps - 1:
                self.seconds = (time.perf_counter() - self.began) / (steps - 1)

    def run(epoch, data):
        watch = Steps()
        callbacks = [SetEpoch(train), watch]
        settings = {"initial_epoch": epoch, "epochs": epoch + 1, "verbose": 0, "shuffle": False}
        if data is train:
            model.fit(stream(train), callbacks=callbacks, **settings)
        else:
            model.fit(*data, batch_size=BATCH, callbacks=callbacks, **settings)
        return watch.seconds

    run(0, train), run(0, preloaded)  # both traced
    pairs = []
    for epoch in range(rounds):
        first, second = (train, preloaded) if epoch % 2 else (preloaded, train)
        one, other = run(epoch, first), run(epoch, second)
        pairs.append((one, other) if first is train else (other, one))
    augmented, ready = np.median(pairs, axis=0)
    return float(np.median([a / b for a, b in pairs])), augmented, ready


def images_a_second(size, augmenter, seconds=2.0):
    """Drawn and warped images a second in one thread: ours, and ImageDataGenerator's or None."""
    picture = np.random.default_rng(0).integers(0, 256, (size, size, 3), np.uint8)
    rng = np.random.default_rng(0)
    ours = _rate(lambda: augmenter.apply(picture, augmenter.draw(rng)), seconds)
    try:
        import tensorflow
    except ImportError:
        return ours, None
    generator = tensorflow.keras.preprocessing.image.ImageDataGenerator(
        rotation_range=30, width_shift_range=0.1, height_shift_range=0.1, shear_range=15,
        zoom_range=0.5, horizontal_flip=True,
    )  # fmt: skip
    pixels = picture.astype(np.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ours, _rate(lambda: generator.random_transform(pixels), seconds)


def _rate(function, seconds):
    function()
    began, count = time.perf_counter(), 0
    while time.perf_counter() - began < seconds:
        function()
        count += 1
    return count / (time.perf_counter() - began)


def main():
    """Print the ratio of each asked-for network, and images a second; end with 1 on a miss."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--size", type=int, default=128, help="side in pixels. Default: 128")
    parser.add_argument("--rounds", type=int, default=8, help="pairs of epochs. Default: 8")
    parser.add_argument("--steps", type=int, default=10, help="steps an epoch. Default: 10")
    parser.add_argument(
        "--network",
        action="append",
        choices=NETWORKS,
        help="head: MobileNet with its head alone "
        "trained, the cheapest step and so the hardest goal (a minute on two cores); mobilenet, "
        "vgg19: whole (minutes: take fewer --rounds and --steps). Repeatable. Default: head",
    )
    options = parser.parse_args()
    print(f"Backend {backend.start()}, {options.size} px, batch {BATCH}")
    from leukocytenet.augmentation import augmenter
    from smears.pictures import Pictures

    n = options.steps * BATCH
    pixels = np.random.default_rng(0).integers(0, 256, (n, options.size, options.size, 3), np.uint8)
    labels = np.arange(n) % CLASSES
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder) / "store.npy"
        np.save(store, pixels)
        arguments = {"classes": CLASSES, "batch_size": BATCH, "preprocess": "caffe"}
        train = Pictures(
            store, np.arange(n), labels, augmenter=augmenter(), shuffle=True, **arguments
        )
        still = Pictures(store, np.arange(n), labels, **arguments)
        x, y = zip(*(still[i] for i in range(len(still))), strict=True)
        preloaded = np.concatenate(x), np.concatenate(y)
        began = time.perf_counter()
        for i in range(len(train)):
            train._batch(0, i)
        print(f"One batch alone: {1000 * (time.perf_counter() - began) / len(train):.1f} ms")
        missed = []
        for name in options.network or ["head"]:
            model = network(name, options.size)
            ratio, augmented, ready = step_ratio(model, train, preloaded, options.rounds)
            print(
                f"{name}: {1000 * augmented:.0f} ms a step augmented, {1000 * ready:.0f} ms "
                f"preloaded: ratio {ratio:.3f}, goal {GOAL:.2f}"
            )
            missed += [name] * (ratio > GOAL)
    ours, keras_own = images_a_second(options.size, augmenter())
    beside = (
        f"{keras_own:.0f}, {ours / keras_own:.1f} times fewer" if keras_own else "not installed"
    )
    print(f"One thread: {ours:.0f} images a second; ImageDataGenerator {beside}")
    sys.exit(f"goal missed: {', '.join(missed)}" if missed else 0)


if __name__ == "__main__":
    main()
