"""`--devices all` of a real script: two devices, or two hosts, end where one does."""

import dataclasses
import json
import os
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest
import two_hosts

from leukocytenet import fitting, recipe
from smears import InputError, features, inspection, weights
from smears.material import Task
from smears.runs import Run

ROOT = Path(__file__).parent.parent.parent

# Small steps that run a few times: compiling them takes longer than they do.
ON_JAX = {"KERAS_BACKEND": "jax", "XLA_FLAGS": "--xla_backend_optimization_level=0"}

PLACES = {"PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "experiments")])}

SCRIPT = """
    import os, runpy, sys

    script, out, devices, killed = sys.argv[1:]
    if os.environ["KERAS_BACKEND"] == "tensorflow":
        import tensorflow as tf
        cpu = tf.config.list_physical_devices("CPU")[0]
        parts = [tf.config.LogicalDeviceConfiguration()] * 2
        tf.config.set_logical_device_configuration(cpu, parts)
    elif "KERAS_DISTRIBUTION_NUM_PROCESSES" not in os.environ:
        flags = os.environ.get("XLA_FLAGS", "") + " --xla_force_host_platform_device_count=2"
        os.environ["XLA_FLAGS"] = flags
    from leukocytenet import recipe
    from smears import backend, training

    if killed:
        written = training.Checkpoint.on_epoch_end

        def end(self, epoch, logs=None):
            written(self, epoch, logs)
            if epoch == 1:
                os.kill(os.getpid(), 9)

        training.Checkpoint.on_epoch_end = end
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


def _command(out, devices, killed=False):
    """Trains the Swin branch alone.

    Args:
        killed: whether the process is killed after its second epoch.
    """
    script = str(ROOT / "experiments" / "table4.py")
    return [sys.executable, "-c", textwrap.dedent(SCRIPT), script, str(out), devices, "1" * killed]


def _found(out):
    """(facts, history, predictions) of the one run in `out`."""
    (folder,) = (out / "runs").iterdir()
    facts = json.loads((folder / "facts.json").read_text())
    tables = (pd.read_csv(folder / f"{name}.csv") for name in ("history", "predictions"))
    return facts, *tables


def _run(out, devices, **environment):
    """What was `_found` after one process."""
    done = subprocess.run(
        _command(out, devices),
        env={**os.environ, "KERAS_BACKEND": keras.backend.backend(), **PLACES, **environment},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-4000:]
    return _found(out)


def _run_on_two_hosts(out, killed=False):
    """[(exit status, output, errors)] of two processes that train together."""
    return two_hosts.run([_command(out, "all", killed)] * 2, **PLACES, **ON_JAX)


def _assert_alike(one, two):
    for column in ("loss", "val_loss", "accuracy"):
        assert np.allclose(one[1][column], two[1][column], rtol=1e-3), column
    scores = one[2].columns[-10:]
    assert len(one[2]) == 20
    assert np.allclose(one[2][scores], two[2][scores], atol=1e-3)


@pytest.mark.contract
@pytest.mark.slow
def test_a_script_trains_on_all_devices_as_on_one(tmp_path):
    one, two = (_run(tmp_path / devices, devices) for devices in ("one", "all"))
    assert (one[0]["devices"], two[0]["devices"]) == (1, 2)
    _assert_alike(one, two)


@pytest.mark.slow
def test_two_hosts_train_as_one_and_go_on_after_a_kill(tmp_path):
    pytest.importorskip("jax")
    one = _run(tmp_path / "one", "one", **ON_JAX)
    out = tmp_path / "two"
    ended = _run_on_two_hosts(out, killed=True)
    assert -9 in [status for status, _, _ in ended], ended[0][2][-4000:]
    kept = [path.name for path in (out / "runs").glob("*/checkpoint/epoch-*")]
    assert kept == ["epoch-0001"]
    shutil.rmtree(out / "process-1")  # as if another machine stood in for it
    (first, table, errors), (second, silent, _) = _run_on_two_hosts(out)
    assert (first, second) == (0, 0), errors[-4000:]
    assert "| Swin Transformer Only" in table
    assert "Swin Transformer Only" not in silent
    two = _found(out)
    assert (two[0]["devices"], two[0]["hosts"]) == (2, 2)
    _assert_alike(one, two)


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


@pytest.mark.slow
def test_a_random_frozen_network_is_the_seed_s_whatever_was_drawn_before(tmp_path, monkeypatch):
    pixels = np.random.default_rng(0).integers(0, 256, (4, 71, 71, 3), np.uint8)
    store = tmp_path / "store.npy"
    np.save(store, pixels)
    frame = pd.DataFrame({"label": list("abab")})
    task = Task(frame, pd.Series(["train"] * 4), ["a", "b"], tmp_path, {}, True)

    def fails(**arguments):
        keras.applications.MobileNet(**arguments | {"weights": None})
        raise Exception("URL fetch failure on https://example.org")

    monkeypatch.setattr(weights, "_failed", [])
    imagenet = weights.imagenet
    monkeypatch.setattr(weights, "imagenet", lambda _, **arguments: imagenet(fails, **arguments))
    found = []
    for seed in (3, 3, 4):
        keras.utils.set_random_seed(len(found))
        settings = {"model": "MobileNet", "trunk": "MobileNet", "size": 71, "seed": seed}
        network, kind = fitting._backbone(task, settings, store, "tf")
        assert kind.startswith("random")
        found.append((features.weights_hash(network), [layer.name for layer in network.layers]))
    assert found[0] == found[1] != found[2]


@pytest.mark.parametrize(
    ("loaded", "missing", "said"),
    [
        ("abcd", "", "own.npz, the whole network with its head"),
        ("ab", "cd", "ImageNet, from own.npz, for all convolutions; the rest random"),
        ("abc", "d", "ImageNet, from own.npz, for all convolutions, and 1 other layers by name; "
         "the rest random"),
        ("a", "bcd", "own.npz for 1 of 2 convolutions; the others random, layer-sequential unit "
         "variance"),
        ("ad", "bc", "own.npz for 1 of 2 convolutions, and 1 other layers by name; the others "
         "random, layer-sequential unit variance"),
    ],
)  # fmt: skip
def test_a_run_says_which_part_of_its_network_a_file_gave(loaded, missing, said):
    report = weights.Report(tuple(loaded), tuple(missing), ())
    lacking = [name for name in missing if name in "ab"]
    assert fitting._taken(Path("/w/own.npz"), report, ["a", "b"], lacking) == said


class _Seen(Exception):
    """Raised where training would begin."""


@pytest.fixture
def greys(tmp_path):
    """(Task, store) of twelve pictures of one grey each, 0, 20 and so on.

    The first six are for training, four of class a and two of b; then three and three for
    validation and test.
    """
    grey = np.arange(12, dtype=np.uint8) * 20
    store = tmp_path / "store.npy"
    np.save(store, np.tile(grey[:, None, None, None], (1, 8, 8, 3)))
    frame = pd.DataFrame({"label": list("aaaabbaababb"), "subject": "", "width": 8, "height": 8})
    frame["path"] = frame["source"] = [f"/p/{level}.png" for level in grey]
    parts = pd.Series(["train"] * 6 + ["validation"] * 3 + ["test"] * 3)
    return Task(frame, parts, ["a", "b"], tmp_path / "cache", {}, False), store


@pytest.fixture
def begin(greys, tmp_path, monkeypatch):
    """Function of a row's settings: what `training.fit` would be given."""
    task, store = greys

    def network(*_):
        pixels = keras.Input((8, 8, 3))
        x = keras.layers.GlobalAveragePooling2D(keepdims=True, name="mean")(pixels)
        whole = keras.Model(pixels, keras.layers.Dense(2)(keras.layers.Flatten()(x)))
        return whole, "random"

    def frozen(*_):
        pixels = keras.Input((8, 8, 3))
        x = keras.layers.AveragePooling2D(8)(pixels)
        return keras.Model(pixels, x, name="frozen"), "random"

    def start(**row):
        seen = {}

        def fit(network, train, validation, run, epochs, **arguments):
            seen.update(arguments, train=train, validation=validation)
            raise _Seen

        monkeypatch.setattr(fitting.pictures, "store", lambda *_: store)
        monkeypatch.setattr(fitting, "_network", network)
        monkeypatch.setattr(fitting, "_backbone", frozen)
        monkeypatch.setattr(fitting.training, "fit", fit)
        settings = {**recipe.settings("quick", **row), "seed": 0, "size": 8}
        with pytest.raises(_Seen):
            recipe.train(task, Run(tmp_path, "row", settings))
        return seen

    return start


def _all(dataset):
    batches = [dataset[index] for index in range(len(dataset))]
    return [np.concatenate(arrays) for arrays in zip(*batches, strict=True)]


@pytest.mark.parametrize("model", ["LeukocyteNet", "VGG19"])
def test_a_row_learns_from_the_training_part_and_is_stopped_by_the_validation_part(begin, model):
    seen = begin(model=model, augment=None)
    for name, grey, codes in (
        ("train", [0, 20, 40, 60, 80, 100], [0, 0, 0, 0, 1, 1]),
        ("validation", [120, 140, 160], [0, 0, 1]),
    ):
        x, y = _all(seen[name])
        # VGG's own scaling: the last channel is red less its mean.
        order = np.argsort(x[..., 2].reshape(len(x), -1)[:, 0])
        shown = x[order][..., 2].reshape(len(x), -1)[:, 0]
        assert shown == pytest.approx(np.array(grey) - 123.68, abs=1e-2)
        assert y[order].argmax(1).tolist() == codes


@pytest.mark.parametrize("model", ["LeukocyteNet", "VGG19"])
def test_only_training_pictures_are_repeated_and_changed(begin, model):
    seen = begin(model=model)
    # Both classes as large as the larger one.
    assert np.bincount(seen["train"].labels).tolist() == [4, 4]
    assert seen["validation"].labels.tolist() == [0, 0, 1]
    x, _ = _all(seen["validation"])
    assert np.sort(x[..., 2].reshape(3, -1)[:, 0]) == pytest.approx(
        np.array([120, 140, 160]) - 123.68, abs=1e-2
    )


def test_a_head_s_answers_are_those_of_the_network_that_is_kept(greys, tmp_path, monkeypatch):
    """From the stored features, whatever the order of the parts; each picture is shown once."""
    task, store = greys
    parts = pd.Series(["test", "train", "validation", "train"] * 3)
    task = dataclasses.replace(task, parts=parts)
    pixels = keras.Input((8, 8, 3))
    frozen = keras.Model(pixels, keras.layers.AveragePooling2D(8)(pixels), name="frozen")
    judges, shown = {}, []

    def fit(head, train, validation, run, *_, **__):
        judges.update(zip(("x", "y"), _all(validation), strict=True))
        head.set_weights([np.array([[0.02, 0.0]] * 3), np.zeros(2)])

    outputs = fitting.features.outputs
    monkeypatch.setattr(fitting.pictures, "store", lambda *_: store)
    monkeypatch.setattr(fitting, "_backbone", lambda *_: (frozen, "random"))
    monkeypatch.setattr(fitting.training, "fit", fit)
    monkeypatch.setattr(
        fitting.features, "outputs", lambda *a: shown.append(len(a[1].rows)) or outputs(*a)
    )
    run = Run(tmp_path, "row", {**recipe.settings("quick", model="VGG19"), "seed": 0, "size": 8})
    fitting.train_head(task, run)
    greys = np.arange(12) * 20.0
    assert judges["x"][..., 2].ravel() == pytest.approx(greys[2::4] - 123.68, abs=1e-2)
    assert judges["y"].argmax(1).tolist() == [0, 0, 1]
    found = run.predictions
    assert found["part"].tolist() == ["test", "validation"] * 3
    assert found["path"].tolist() == [f"{grey:.0f}.png" for grey in greys[::2]]
    pixels = np.repeat(greys[::2], 3).reshape(-1, 3) - (103.939, 116.779, 123.68)
    expected = 1 / (1 + np.exp(-0.02 * pixels.sum(1)))
    assert found["a"].to_numpy() == pytest.approx(expected, abs=1e-4)
    again = fitting.predict(run, task.catalogue, task)[::2]
    assert again[:, 0] == pytest.approx(expected, abs=1e-4)
    assert shown == [len(fitting.augmentation.balance(["a"] * 4 + ["b"] * 2)[0]), 6]


@pytest.mark.parametrize("asked", [False, True])
def test_a_head_s_classes_are_weighted_only_where_its_row_asks_for_it(begin, asked):
    seen = begin(model="VGG19", augment=None, class_weight=asked)
    weights = pytest.approx({0: 6 / 8, 1: 6 / 4}) if asked else None
    assert seen["class_weight"] == weights
    plateau, stop = seen["callbacks"]
    assert (plateau.monitor, plateau.patience, plateau.factor) == ("val_accuracy", 5, 0.2)
    assert (stop.monitor, stop.patience, stop.restore_best_weights) == ("val_loss", 10, True)


def test_a_random_start_is_scaled_on_training_pictures_alone(greys, monkeypatch):
    task, store = greys
    seen = []
    monkeypatch.setattr(
        fitting.initialisation, "unit_variance", lambda network, batch, **_: seen.append(batch)
    )
    fitting._rescale(None, task, store, None, None)
    assert np.unique(seen[0]).tolist() == [0, 20, 40, 60, 80, 100]


def test_a_finished_row_keeps_the_answers_to_validation_and_test_pictures(greys, tmp_path):
    task, store = greys
    pixels = keras.Input((8, 8, 3))
    x = keras.layers.GlobalAveragePooling2D()(pixels)
    network = keras.Model(pixels, keras.layers.Dense(2, activation="softmax")(x))
    network.set_weights([np.full((3, 2), [[0, 1 / 3]]), np.zeros(2)])
    run = Run(tmp_path, "row", {"batch_size": 4, "seed": 0})
    shown = fitting._pictures(task, store, "tf", fitting.JUDGED, run.settings)
    fitting._finish(task, run, network, store, "tf", fitting.training.predict(network, shown))
    found = run.predictions
    assert found["path"].tolist() == [f"{level}.png" for level in range(120, 240, 20)]
    assert found["part"].tolist() == ["validation"] * 3 + ["test"] * 3
    assert found["label"].tolist() == list("aababb")
    levels = np.arange(120, 240, 20) / 127.5 - 1
    assert found["b"].to_numpy() == pytest.approx(1 / (1 + np.exp(-levels)), abs=1e-4)


def test_each_repetition_of_a_picture_is_changed_in_its_own_way(begin):
    train = begin()["train"]
    assert train.augmenter is not None
    assert len(set(zip(train.rows, train.copies, strict=True))) == 8
