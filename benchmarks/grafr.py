"""Memory and time of GraFR on 15,000 samples of 12,544 features, and what each reading leaves.

The goal: at most 4 GB of memory, features as float16 on disk, the result too. Needs about 0.8 GB
of disk; the distances alone are 2 n^2 d = 5.6 TFLOP.

Measured on two shared Xeon cores (Sapphire Rapids, load 9), NumPy 2.4.6: 243 s, 1.04 GiB.
"""

import argparse
import platform
import resource
import tempfile
import time
from pathlib import Path

import numpy as np

from cotconet.grafr import GraFR, readings
from smears.arrays import write_stream


def _features(n, width):
    """Yield float16 blocks: forty loose clusters, non-negative as after a ReLU."""
    rng = np.random.default_rng(0)
    centres = rng.normal(0, 0.5, (40, width)).astype(np.float32)
    for start in range(0, n, 500):
        count = min(500, n - start)
        noise = rng.standard_normal((count, width), np.float32)
        yield np.maximum(centres[rng.integers(0, 40, count)] + noise, 0).astype(np.float16)


def main():
    """Print seconds, TFLOP a second and the highest memory, then the table of readings."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--samples", type=int, default=15_000, help="Default: 15000")
    parser.add_argument("--features", type=int, default=12_544, help="Default: 12544")
    options = parser.parse_args()
    n, width = options.samples, options.features
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "features.npy"
        write_stream(path, (n, width), np.float16, _features(n, width))
        began = time.perf_counter()
        X = np.load(path, mmap_mode="r")
        GraFR().fit_transform(X, out=Path(folder) / "rebuilt.npy")
        seconds = time.perf_counter() - began
        unit = 1 if platform.system() == "Darwin" else 1024
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
        print(
            f"{n} x {width}: {seconds:.0f} s, {2 * n * n * width / seconds / 1e12:.3f} TFLOP/s, "
            f"at most {peak / 2**30:.2f} GiB of memory, pages of the mapped files included; goal 4"
        )
        table = readings(np.array(X[:1500]))
        print(f"What each reading leaves, {min(n, 1500)} samples, distances as shares:")
        print(table.round(3).to_string())


if __name__ == "__main__":
    main()
