"""The main job on the JAX backend where TensorFlow cannot be imported: smaller, for real."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pandas as pd
import pytest

ROOT = Path(__file__).parent.parent

SCRIPT = """
    import sys

    class Blocked:
        def find_spec(self, name, path=None, target=None):
            if name.partition(".")[0] == "tensorflow":
                raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    sys.meta_path.insert(0, Blocked())

    import runpy
    from leukocytenet import recipe
    from smears import backend

    assert backend.start() == "jax"
    from smears import weights

    # As on a machine without network, so that the test needs none and downloads nothing.
    weights._failed.append("no network")
    tiny = {"subjects": 5, "images": 1, "size": 64}
    recipe.PROFILES["quick"] = recipe.Profile(64, 1, 32, 2, tiny)
    sys.argv = [sys.argv[1], "--profile", "quick", "--out", sys.argv[2], "--rows", *sys.argv[3:]]
    runpy.run_path(sys.argv[0], run_name="__main__")
    assert not [name for name in sys.modules if name.partition(".")[0] == "tensorflow"]
    print("TENSORFLOW ABSENT")
"""


def _run(table, out, *rows):
    script = str(ROOT / "experiments" / f"{table}.py")
    places = os.pathsep.join([str(ROOT), str(ROOT / "experiments")])
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(SCRIPT), script, str(out), *rows],
        env={**os.environ, "KERAS_BACKEND": "jax", "PYTHONPATH": places},
        capture_output=True, text=True, check=False, cwd=out,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-4000:]
    assert done.stdout.endswith("TENSORFLOW ABSENT\n")
    return done.stdout


@pytest.mark.slow
def test_the_main_job_runs_on_jax_without_tensorflow(tmp_path):
    pytest.importorskip("jax")
    printed = _run("table5", tmp_path, "VGG19", "LeukocyteNet")
    assert "LeukocyteNet, Table 5" in printed
    runs = sorted((tmp_path / "runs").glob("*/predictions.csv"))
    assert [path.parent.name.split("-seed")[0] for path in runs] == ["LeukocyteNet", "VGG19"]
    for path in runs:
        found = pd.read_csv(path)
        assert len(found) == 20  # ten classes, one validation and one test picture of each
        assert (found[found.columns[-10:]].sum(axis=1).round(4) == 1).all()
        assert (path.parent / "model.keras").exists()
