"""LeukocyteNet's convolution against Keras's own, in whole training steps.

The same network with the same weights, its convolutions once `leukocytenet.convolution.Conv2D`,
once as if they were Keras's. Steps alternate, so that other load falls on both; the ratio is that
of the medians. Only on TensorFlow, on a CPU, in float32 do the two differ.
"""

import argparse
import time
from unittest import mock

import numpy as np

from smears import backend

BATCH = 16


def compiled(size, ours):
    """LeukocyteNet ready to train, and one step done, in which the graph is traced."""
    from leukocytenet import convolution, model
    from smears import parallel

    backend.seed(0)
    network = model.LeukocyteNet((size, size, 3), weights=None)
    network.compile(parallel.adam(2e-4, 1.0, 1), "categorical_crossentropy")
    if ours:
        network.train_on_batch(*batch(size))
    else:
        with mock.patch.object(convolution.Conv2D, "_turns", return_value=False):
            network.train_on_batch(*batch(size))
    return network


def batch(size):
    """(pixels float32 (16, size, size, 3), one-hot labels)."""
    rng = np.random.default_rng(0)
    x = rng.uniform(-100, 100, (BATCH, size, size, 3)).astype(np.float32)
    return x, np.eye(10, dtype=np.float32)[rng.integers(0, 10, BATCH)]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[64, 128], help="in pixels")
    parser.add_argument("--steps", type=int, default=6, help="of each (default: 6)")
    options = parser.parse_args()
    backend.start()
    for size in options.sizes:
        networks = {ours: compiled(size, ours) for ours in (False, True)}
        seconds = {False: [], True: []}
        for _ in range(options.steps):
            for ours, network in networks.items():
                began = time.perf_counter()
                network.train_on_batch(*batch(size))
                seconds[ours].append(time.perf_counter() - began)
        theirs, own = (np.median(seconds[ours]) for ours in (False, True))
        print(
            f"{size} px, batch {BATCH}: Keras's layer {theirs:.2f} s a step, ours {own:.2f} s, "
            f"ratio {own / theirs:.2f}"
        )


if __name__ == "__main__":
    main()
