"""Rows of a table on a local Dask cluster: needs `pip install "dask[distributed]"`.

Trains MobileNet's and DenseNet121's row of LeukocyteNet's Table 5 (quick, drawn smears) as `--jobs`
does on one machine, but on the cluster's workers. On several machines, --out must be a folder that
all of them see.
"""

import argparse
import os
import sys
import time
from pathlib import Path

import joblib

sys.path.insert(0, str(Path(__file__).parent.parent / "experiments"))


def main():
    """Start the cluster, train, print the table and the seconds."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workers", type=int, default=2, help="processes. Default: 2")
    parser.add_argument("--out", type=Path, default=Path("out/dask"), help="Default: out/dask")
    parser.add_argument("--rows", nargs="+", default=["MobileNet", "DenseNet121"])
    options = parser.parse_args()
    from dask.distributed import Client, LocalCluster
    from table5 import COMPARISON

    from smears import study

    os.environ["TQDM_DISABLE"] = "1"  # before the workers start: their bars would mix
    began = time.perf_counter()
    with (
        LocalCluster(n_workers=options.workers, threads_per_worker=1) as cluster,
        Client(cluster),
        joblib.parallel_config(backend="dask"),
    ):
        study.main(
            COMPARISON,
            argv=["--paper", "leukocytenet", "--profile", "quick", "--out", str(options.out),
                  "--jobs", str(options.workers), "--rows", *options.rows],
        )  # fmt: skip
    print(f"\n{options.workers} workers: {time.perf_counter() - began:.0f} s")


if __name__ == "__main__":
    main()
