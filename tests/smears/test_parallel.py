"""Two devices of one machine train as one does: virtual CPU devices in processes of their own."""

import json
import os
import subprocess
import sys
import textwrap

import keras
import numpy as np
import pytest

from smears.pictures import Pictures

SCRIPT = """
    import json, os, sys
    settings = json.loads(sys.argv[1])
    if os.environ["KERAS_BACKEND"] == "tensorflow":
        import tensorflow as tf
        cpu = tf.config.list_physical_devices("CPU")[0]
        parts = [tf.config.LogicalDeviceConfiguration()] * 2
        tf.config.set_logical_device_configuration(cpu, parts)
    else:
        os.environ["XLA_FLAGS"] = "--xla_force_host_platform_device_count=2"
    from smears.backend import start
    start()
    from pathlib import Path
    import keras
    import numpy as np
    from smears import parallel, runs, training
    from smears.pictures import Pictures

    keras.utils.set_random_seed(3)
    folder, n = Path(settings["folder"]), settings["pictures"]
    pixels = np.random.default_rng(0).integers(0, 255, (n, 16, 16, 3), np.uint8)
    np.save(folder / "store.npy", pixels)
    labels = np.arange(n) % 3
    sets = [
        Pictures(folder / "store.npy", np.arange(n), labels, classes=3,
                 batch_size=settings["batch"], preprocess="tf", shuffle=shuffle, seed=3)
        for shuffle in (True, False)
    ]
    inputs = keras.Input((16, 16, 3))
    x = keras.layers.Conv2D(8, 3, activation="relu")(inputs)
    x = keras.layers.GlobalAveragePooling2D()(x)
    x = keras.layers.AlphaDropout(settings["dropout"])(x)
    x = keras.layers.BatchNormalization()(x)
    network = keras.Model(inputs, keras.layers.Dense(3, activation="softmax")(x))
    start_weights = folder / "start.weights.h5"
    if start_weights.exists():
        network.load_weights(start_weights)
    else:
        network.save_weights(start_weights)
    found = {}
    with parallel.devices(settings["devices"], settings["batch"]) as count:
        trained = parallel.twin(network) if count > 1 else network
        for pictures in sets:
            pictures.multiple = settings["multiple"]
        # So small a norm that nearly every gradient is clipped.
        trained.compile(parallel.adam(0.01, 0.05, count), "categorical_crossentropy",
                        metrics=["accuracy"])
        run = runs.Run(folder, settings["name"], {})
        history = training.fit(trained, *sets, run, settings["epochs"],
                               class_weight={0: 1.0, 1: 2.0, 2: 0.5})
    network.set_weights(trained.get_weights())
    network.save(folder / (settings["name"] + ".keras"), include_optimizer=False)
    sets[1].multiple = 1
    np.save(folder / (settings["name"] + ".npy"), training.predict(network, sets[1]))
    print(json.dumps({"count": count, "history": history}))
"""


def _train(folder, name, devices, **settings):
    """(devices used, history, probabilities) of a training in a process with two CPU devices."""
    settings = {
        "folder": str(folder), "name": name, "devices": devices, "pictures": 24, "batch": 8,
        "dropout": 0.0, "multiple": 2, "epochs": 4, **settings,
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(SCRIPT), json.dumps(settings)],
        env={**os.environ, "KERAS_BACKEND": keras.backend.backend()},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout.splitlines()[-1])
    return found["count"], found["history"], np.load(folder / f"{name}.npy")


def _assert_alike(one, other):
    for key in ("loss", "val_loss", "accuracy", "val_accuracy"):
        left, right = ([epoch[key] for epoch in history] for _, history, _ in (one, other))
        assert np.allclose(left, right, rtol=1e-4), key
    assert np.allclose(one[2], other[2], atol=1e-4)


@pytest.mark.contract
@pytest.mark.slow
# 21 pictures: the last batch of five is filled up to six, as it is for one device here.
@pytest.mark.parametrize("pictures", [24, 21])
def test_two_devices_train_as_one_does(pictures, tmp_path):
    # On TensorFlow every device draws the same noise, so there it cannot be that of one.
    dropout = 0.5 if keras.backend.backend() == "jax" else 0.0
    one, two = (
        _train(tmp_path, name, name, pictures=pictures, dropout=dropout) for name in ("one", "all")
    )
    assert (one[0], two[0]) == (1, 2)
    assert not np.allclose(one[2], 1 / 3, atol=0.02)
    _assert_alike(one, two)


@pytest.mark.contract
@pytest.mark.slow
def test_two_devices_resume_and_their_network_serves_on_one(tmp_path):
    whole = _train(tmp_path, "whole", "all", dropout=0.5)
    assert len(_train(tmp_path, "resumed", "all", dropout=0.5, epochs=2)[1]) == 2
    resumed = _train(tmp_path, "resumed", "all", dropout=0.5)
    assert len(resumed[1]) == 4
    _assert_alike(whole, resumed)
    network = keras.saving.load_model(tmp_path / "resumed.keras", compile=False)
    shown = Pictures(
        tmp_path / "store.npy", np.arange(24), np.zeros(24, int), classes=3, batch_size=24,
        preprocess="tf",
    )  # fmt: skip
    assert np.allclose(network.predict_on_batch(shown[0][0]), resumed[2], atol=1e-5)


@pytest.mark.contract
@pytest.mark.slow
def test_an_odd_batch_size_leaves_devices_idle(tmp_path):
    assert _train(tmp_path, "odd", "all", batch=5, pictures=10, multiple=1, epochs=1)[0] == 1
