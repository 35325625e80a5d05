"""LeukocyteNet's training at the paper's size: seconds a step, minutes for its 50 epochs, and which
share of the device's own bfloat16 rate the steps reach.

The rate of the device is the best of repeated products of square matrices. A step counts as three
forward passes (one, and two on the way back), each `smears.flops` of the network times the batch.
Pictures lie in memory, so that the network alone is measured; `augmentation.py` tells whether the
pictures keep up. The paper's 173.54 minutes (Table 8) are of another device.

No GPU was at hand yet. Two busy Xeon cores with AMX, TensorFlow, --size 64 --side 1024: 0.39 of
0.76 Tflop/s.
"""

import argparse
import time

import numpy as np

from smears import backend

BATCH, EPOCHS, PUBLISHED = 16, 50, 173.54
IMAGES = 4716  # training pictures that the paper's step counts imply (DEVIATIONS.md, D2)


def matrix_rate(side, repeats=5, products=8):
    """Operations a second of bfloat16 products of square matrices."""
    import keras

    network = keras.Sequential([keras.Input((side,), dtype="bfloat16")])
    with backend.policy("bfloat16"):
        for _ in range(products):
            network.add(keras.layers.Dense(side, use_bias=False))
    x = keras.ops.ones((side, side), "bfloat16")
    best = np.inf
    for _ in range(repeats + 1):  # the first compiles
        began = time.perf_counter()
        network.predict_on_batch(x)
        best = min(best, time.perf_counter() - began)
    return 2 * products * side**3 / best


def step_seconds(size, steps):
    """(seconds of each training step in mixed bfloat16, operations of a forward pass)."""
    from leukocytenet import model
    from smears import flops, parallel

    backend.seed(0)
    with backend.policy("mixed_bfloat16"):
        network = model.LeukocyteNet((size, size, 3), weights=None)
    network.compile(parallel.adam(2e-4, 1.0, 1), "categorical_crossentropy")
    rng = np.random.default_rng(0)
    x = rng.uniform(-100, 100, (BATCH, size, size, 3)).astype(np.float32)
    y = np.eye(10, dtype=np.float32)[rng.integers(0, 10, BATCH)]
    seconds = []
    for _ in range(steps + 1):  # the first compiles
        began = time.perf_counter()
        network.train_on_batch(x, y)
        seconds.append(time.perf_counter() - began)
    return seconds[1:], flops.flops(network)


def main():
    """Measure both and print what follows for the whole training."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--size", type=int, default=384, help="in pixels. Default: 384")
    parser.add_argument("--steps", type=int, default=20, help="steps. Default: 20")
    parser.add_argument("--side", type=int, default=8192, help="of the matrices. Default: 8192")
    options = parser.parse_args()
    name = backend.start()
    import keras

    rate = matrix_rate(options.side)
    seconds, forward = step_seconds(options.size, options.steps)
    step = float(np.median(seconds))
    reached = 3 * BATCH * forward / step
    minutes = step * EPOCHS * -(-IMAGES // BATCH) / 60
    print(f"{name}, Keras {keras.__version__}, {options.size} px, batch {BATCH}, mixed bfloat16")
    print(f"matrix products: {rate / 1e12:.2f} Tflop/s")
    print(
        f"a step: {1000 * step:.1f} ms, {reached / 1e12:.2f} Tflop/s, {reached / rate:.0%} of that"
    )
    print(
        f"{EPOCHS} epochs of {IMAGES} pictures: {minutes:.1f} minutes for the steps alone; "
        f"published, with validation: {PUBLISHED}"
    )


if __name__ == "__main__":
    main()
