"""`--devices all` of a real script: two devices end where one does."""

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest

from leukocytenet import fitting
from smears import InputError, inspection
from smears.material import Task
from smears.runs import Run

ROOT = Path(__file__).parent.parent.parent

SCRIPT = """
    import os, runpy, sys

    script, out, devices = sys.argv[1:]
    if os.environ["KERAS_BACKEND"] == "tensorflow":
        import tensorflow as tf
        cpu = tf.config.list_physical_devices("CPU")[0]
        parts = [tf.config.LogicalDeviceConfiguration()] * 2
        tf.config.set_logical_device_configuration(cpu, parts)
    else:
        os.environ["XLA_FLAGS"] = "--xla_force_host_platform_device_count=2"
    from leukocytenet import recipe
    from smears import backend

    # Sums in another order differ in bfloat16's third digit.
    backend.precision = lambda: "float32"
    tiny = {"subjects": 5, "images": 1, "size": 64}
    recipe.PROFILES["quick"] = recipe.Profile(64, 3, 32, 2, tiny)
    if os.environ["KERAS_BACKEND"] == "tensorflow":
        # Where every device draws the same noise for its share of a batch, one cannot draw it.
        recipe.HYBRID["alpha_dropout"] = 0.0
    sys.argv = [script, "--profile", "quick", "--out", out, "--devices", devices,
                "--rows", "Swin Transformer Only"]
    runpy.run_path(script, run_name="__main__")
"""


def _run(out, devices):
    """(facts, history, predictions) of the Swin branch alone, trained on so many devices."""
    script = str(ROOT / "experiments" / "table4.py")
    places = os.pathsep.join([str(ROOT), str(ROOT / "experiments")])
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(SCRIPT), script, str(out), devices],
        env={**os.environ, "KERAS_BACKEND": keras.backend.backend(), "PYTHONPATH": places},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-4000:]
    (folder,) = (out / "runs").iterdir()
    facts = json.loads((folder / "facts.json").read_text())
    tables = (pd.read_csv(folder / f"{name}.csv") for name in ("history", "predictions"))
    return facts, *tables


@pytest.mark.contract
@pytest.mark.slow
def test_a_script_trains_on_all_devices_as_on_one(tmp_path):
    one, two = (_run(tmp_path / devices, devices) for devices in ("one", "all"))
    assert (one[0]["devices"], two[0]["devices"]) == (1, 2)
    for column in ("loss", "val_loss", "accuracy"):
        assert np.allclose(one[1][column], two[1][column], rtol=1e-3), column
    scores = one[2].columns[-10:]
    assert len(one[2]) == 20
    assert np.allclose(one[2][scores], two[2][scores], atol=1e-3)


def test_a_run_notes_what_its_training_pictures_look_like_and_no_others(tmp_path):
    pictures = np.zeros((4, 8, 8, 3), np.uint8)
    pictures[0, :4], pictures[1, :, :4] = 200, 200
    pictures[3] = 255  # a test picture
    np.save(tmp_path / "store.npy", pictures)
    frame = pd.DataFrame({"width": [100, 120, 100, 9], "height": [90, 90, 90, 9]})
    parts = pd.Series(["train", "train", "validation", "test"])
    task = Task(frame, parts, ["a"], tmp_path, {}, False)
    found = fitting._training_pictures(task, tmp_path / "store.npy")
    assert found["width"] == [100.2, 110, 119.8]
    assert found["height"] == [90, 90, 90]
    assert found["brightness"] == [100, 100, 100]
    assert found == inspection.summary(
        [inspection.measure(picture, 8) | {"height": 90, "width": width}
         for picture, width in zip(pictures[:2], (100, 120), strict=True)]
    )  # fmt: skip


def test_a_training_is_not_continued_from_other_weights(tmp_path):
    run = Run(tmp_path, "row", {})
    fitting._begin(run, "random: no network")
    fitting._begin(run, "ImageNet")  # nothing was trained yet
    (run.folder / "checkpoint").mkdir()
    fitting._begin(run, "ImageNet")
    with pytest.raises(InputError, match="move that folder away"):
        fitting._begin(run, "random: no network")
    assert run.facts["weights"] == "ImageNet"
