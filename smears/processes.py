"""Train several rows of a table at a time, each in a process of its own."""

import os
from contextlib import contextmanager, suppress
from dataclasses import replace

from joblib import Parallel, cpu_count, delayed
from tqdm import tqdm


def train(results, left):
    """Train what is left in as many processes as --jobs says, with one progress bar.

    joblib's own settings hold: inside `joblib.parallel_config(backend="dask")` the same rows go to
    a cluster whose machines share the folder --out. Processes wait for each other where rows share
    a stage (`smears.runs.Run.alone`). What cannot be run is left to the caller, who meets it again.

    Args:
        results: smears.study.Results. left: list of (label, seed, fold).
    """
    if not left:
        return
    study, options = results.study, results.options
    jobs = min(options.jobs, len(left))
    study = replace(study, make=None)  # a script's own function could not be sent
    with _quiet(max(1, cpu_count() // jobs)):
        done = Parallel(n_jobs=jobs, return_as="generator_unordered")(
            delayed(_one)(study, options, *which) for which in left
        )
        with tqdm(total=len(left), desc=f"{jobs} rows at a time", unit="training") as bar:
            for name in done:
                bar.set_postfix_str(name)
                bar.update()


def _one(study, options, label, seed, fold):
    """Train one row in a process of its own; returns its label."""
    from smears.study import Results, Unavailable

    with suppress(Unavailable):
        Results(study, options).run(label, seed, fold)
    return label


@contextmanager
def _quiet(threads):
    """Let processes that start now show no bars of their own, and share out the cores."""
    wanted = {"TQDM_DISABLE": "1", "TF_NUM_INTRAOP_THREADS": str(threads)}
    kept = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name, value in kept.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
