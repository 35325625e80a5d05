"""Training in a run folder: a kill loses nothing, and a resumed run ends where it would have."""

import os
import signal
import subprocess
import sys
import textwrap
import time

import keras
import numpy as np
import pytest

from smears import InputError, runs, training
from smears.pictures import Pictures

SCRIPT = """
    import sys, time
    from pathlib import Path
    import numpy as np
    from smears.backend import start
    start()
    import keras
    from smears import runs, training
    from smears.pictures import Pictures

    folder, wait = Path(sys.argv[1]), float(sys.argv[2])
    keras.utils.set_random_seed(3)
    store = folder.parent / "store.npy"
    labels = np.arange(24) % 3
    train = Pictures(store, np.arange(16), labels[:16], classes=3, batch_size=4,
                     preprocess="tf", shuffle=True, seed=3)
    held = Pictures(store, np.arange(16, 24), labels[16:], classes=3, batch_size=4,
                    preprocess="tf")
    net = keras.Sequential([
        keras.Input((16, 16, 3)), keras.layers.Conv2D(4, 3, activation="relu"),
        keras.layers.BatchNormalization(), keras.layers.Flatten(),
        keras.layers.AlphaDropout(0.5), keras.layers.Dense(3, activation="softmax")])
    net.compile(keras.optimizers.Adam(0.01), "categorical_crossentropy", metrics=["accuracy"])

    class Slow(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            time.sleep(wait)

    run = runs.Run(folder, "row", {"seed": 3})
    others = [keras.callbacks.EarlyStopping(patience=9, restore_best_weights=True),
              keras.callbacks.ReduceLROnPlateau(patience=1, factor=0.5)]
    training.fit(net, train, held, run, 6, callbacks=[*others, Slow()], title="test")
    np.save(folder / "probabilities.npy", training.predict(net, held))
"""


@pytest.fixture
def store(tmp_path):
    images = np.random.default_rng(0).integers(0, 255, (24, 16, 16, 3), np.uint8)
    np.save(tmp_path / "store.npy", images)
    return tmp_path / "store.npy"


def _start(folder, wait):
    folder.mkdir(exist_ok=True)
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(SCRIPT), str(folder), str(wait)],
        env={**os.environ, "KERAS_BACKEND": keras.backend.backend()},
        stderr=subprocess.DEVNULL,
    )


@pytest.mark.contract
@pytest.mark.slow
def test_a_killed_run_ends_with_the_predictions_of_an_uninterrupted_one(tmp_path, store):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    assert _start(whole, 0).wait() == 0
    process = _start(killed, 0.15)
    deadline = time.monotonic() + 120
    while not list(killed.glob("*/checkpoint/epoch-0002")):
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.02)
    time.sleep(0.3)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (killed / "probabilities.npy").exists()
    assert _start(killed, 0).wait() == 0
    first, second = (np.load(folder / "probabilities.npy") for folder in (whole, killed))
    assert np.array_equal(first, second)
    histories = [runs.Run(folder, "row", {"seed": 3}).history for folder in (whole, killed)]
    columns = ["loss", "val_loss", "accuracy", "learning_rate"]
    assert histories[0][columns].equals(histories[1][columns])


def _tiny(store):
    labels = np.arange(24) % 3
    train = Pictures(
        store, np.arange(16), labels[:16], classes=3, batch_size=8, preprocess="tf", shuffle=True
    )
    held = Pictures(store, np.arange(16, 24), labels[16:], classes=3, batch_size=8, preprocess="tf")
    network = keras.Sequential(
        [keras.Input((16, 16, 3)), keras.layers.Flatten(), keras.layers.Dense(3, "softmax")]
    )
    network.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
    return network, train, held


@pytest.mark.contract
def test_a_finished_training_is_not_repeated(tmp_path, store):
    run = runs.Run(tmp_path, "row", {})
    network, train, held = _tiny(store)
    first = training.fit(network, train, held, run, 2)
    expected = training.predict(network, held)
    other, train, held = _tiny(store)
    again = training.fit(other, train, held, run, 2)
    assert again == first
    assert np.array_equal(training.predict(other, held), expected)


@pytest.mark.contract
def test_early_stopping_is_remembered_and_its_best_weights_come_back(tmp_path, store):
    run = runs.Run(tmp_path, "row", {})

    def stop():
        return keras.callbacks.EarlyStopping(
            monitor="val_loss", patience=1, min_delta=1e9, restore_best_weights=True
        )

    network, train, held = _tiny(store)
    history = training.fit(network, train, held, run, 9, callbacks=[stop()])
    assert len(history) == 2
    other, train, held = _tiny(store)
    assert len(training.fit(other, train, held, run, 9, callbacks=[stop()])) == 2
    assert np.array_equal(training.predict(other, held), training.predict(network, held))


@pytest.mark.contract
def test_the_history_holds_scores_and_seconds_of_each_epoch(tmp_path, store):
    run = runs.Run(tmp_path, "row", {})
    training.fit(*_tiny(store), run, 2)
    assert len(run.history) == 2
    assert {"loss", "accuracy", "val_loss", "val_accuracy", "learning_rate"} <= set(run.history)
    assert (run.history["seconds"] > 0).all()


class Nested(keras.utils.PyDataset):
    """Batches of 3, 3 and 1, a function of epoch and index, as dicts and tuples."""

    epoch = 0

    def __len__(self):
        return 3

    def __getitem__(self, index):
        x = np.full((3 if index < 2 else 1, 2), 10 * self.epoch + index, np.float32)
        return {"pictures": x, "boxes": 2 * x[:, :1]}, (x + 1, x.astype(np.int64))


@pytest.mark.contract
def test_a_stream_has_the_batches_of_its_dataset_in_each_epoch():
    dataset = Nested()
    streamed = training.stream(dataset)
    assert len(streamed) == 3
    for epoch in (4, 0, 4):
        dataset.epoch = epoch
        batches = [dataset[index] for index in range(3)]
        shown = batches if streamed is dataset else list(streamed)
        for found, wanted in zip(shown, batches, strict=True):
            assert found[0].keys() == wanted[0].keys()
            for one, other in zip(
                [*found[0].values(), *found[1]], [*wanted[0].values(), *wanted[1]], strict=True
            ):
                np.testing.assert_array_equal(one, other)
                assert np.asarray(one).dtype == other.dtype
    assert training.stream(None) is None


class Named(keras.utils.PyDataset):
    """Two batches of five for a network with two inputs and two outputs."""

    epoch = 0

    def __init__(self, named):
        super().__init__()
        self.named = named

    def __len__(self):
        return 2

    def __getitem__(self, index):
        x = np.random.default_rng([self.epoch, index]).normal(size=(5, 6)).astype(np.float32)
        parts, sums = (x[:, :4], x[:, 4:]), (x[:, :2].sum(1, keepdims=True), x[:, 1:4])
        if self.named:
            return dict(zip("ab", parts, strict=True)), dict(zip("pq", sums, strict=True))
        return parts, sums


def _two_in_two_out(named):
    a, b = keras.Input((4,), name="a"), keras.Input((2,), name="b")
    joined = keras.layers.Concatenate()([a, b])
    p, q = (keras.layers.Dense(n, name=name)(joined) for n, name in [(1, "p"), (3, "q")])
    inputs, outputs = ({"a": a, "b": b}, {"p": p, "q": q}) if named else ([a, b], [p, q])
    network = keras.Model(inputs, outputs)
    network.compile("sgd", {"p": "mse", "q": "mae"} if named else ["mse", "mae"])
    return network


@pytest.mark.contract
def test_inputs_and_outputs_may_be_dicts_by_name(tmp_path):
    losses = []
    for named in (False, True):
        keras.utils.set_random_seed(1)
        run = runs.Run(tmp_path, "row", {"named": named})
        sets = Named(named), Named(named)
        history = training.fit(_two_in_two_out(named), *sets, run, 2)
        losses.append([(epoch["loss"], epoch["val_loss"]) for epoch in history])
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-5)


def test_an_error_in_a_batch_is_told():
    class Damaged(Nested):
        def __getitem__(self, index):
            if index:
                raise OSError("store is gone")
            return np.zeros((3, 2), np.float32), np.zeros((3, 1), np.float32)

    network = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    network.compile("sgd", "mse")
    with pytest.raises(Exception, match="store is gone"):
        network.fit(training.stream(Damaged()), shuffle=False, verbose=0)


FAULTS = """
    import resource
    import sys
    from pathlib import Path
    import numpy as np
    from smears.backend import start
    start()
    import keras
    from smears import runs, training
    from smears.features import Features

    x = np.zeros((8, 4), np.float32)
    sets = [Features(x, np.arange(8) % 2, classes=2, batch_size=4) for _ in range(2)]
    network = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    network.compile("sgd", "mse")
    training.fit(network, *sets, runs.Run(Path(sys.argv[1]), "row", {}), 2)

    def faults():
        return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

    np.ones(1 << 18)  # from here on malloc keeps blocks of 2 MB, if nobody forbids it
    before = faults()
    for _ in range(40):
        np.ones(1 << 18)
    print(faults() - before)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="glibc's malloc")
@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="TensorFlow's patch of malloc")
def test_training_leaves_malloc_as_it_was(tmp_path):
    script = textwrap.dedent(FAULTS)
    found = subprocess.run(
        [sys.executable, "-c", script, tmp_path], capture_output=True, text=True, check=True
    )
    # 512 pages a block where each is handed back and fetched anew.
    assert int(found.stdout.split()[-1]) < 40 * 512 / 4


def test_class_weights_average_to_one_over_the_pictures():
    labels = np.array([0] * 6 + [1] * 3 + [2])
    weights = training.class_weights(labels, 3)
    assert weights == {0: 10 / 18, 1: 10 / 9, 2: 10 / 3}
    assert np.isclose(np.mean([weights[label] for label in labels]), 1)


@pytest.mark.parametrize(("steps", "share", "rise"), [(100, 0.1, 10), (40, 0.0, 1), (1, 0.5, 1)])
def test_the_rate_rises_to_its_peak_and_falls_to_nothing_at_the_last_step(steps, share, rise):
    rate = training.WarmedCosine(0.02, steps, share)
    values = [float(rate(step)) for step in range(max(steps, 2) + 1)]
    assert values[0] == 0.0
    assert np.argmax(values) == rise
    assert values[rise] == pytest.approx(0.02)
    assert values[-1] == pytest.approx(0.0, abs=1e-8)
    assert np.all(np.diff(values[rise:]) <= 0)


@pytest.mark.parametrize(("steps", "share"), [(100, 0.1), (40, 0.0), (1, 0.5), (57, 0.05)])
def test_the_rate_is_that_of_keras_to_the_bit(steps, share):
    rise = max(1, int(share * steps))
    keras_own = keras.optimizers.schedules.CosineDecay(
        0.0, max(1, steps - rise), warmup_target=2e-4, warmup_steps=rise
    )
    ours = training.WarmedCosine(2e-4, steps, share)
    ours = training.WarmedCosine.from_config(ours.get_config())
    for step in range(steps + 3):
        assert float(ours(step)) == float(keras_own(step))


@pytest.mark.parametrize("name", ["state.json", "arrays.npz"])
def test_a_damaged_checkpoint_is_refused_with_the_remedy(tmp_path, store, name):
    run = runs.Run(tmp_path, "row", {})
    network, train, held = _tiny(store)
    training.fit(network, train, held, run, 1)
    (file,) = run.folder.glob(f"checkpoint/epoch-*/{name}")
    file.write_bytes(file.read_bytes()[:20])
    other, train, held = _tiny(store)
    with pytest.raises(InputError, match=r"cannot be read .*Delete the folder .*checkpoint"):
        training.fit(other, train, held, run, 2)
