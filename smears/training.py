"""Fit a Keras model inside a run folder: progress, an exact checkpoint each epoch, resume."""

import json
import os
import shutil
import time
import zipfile

import keras
import numpy as np
from tqdm import tqdm

from smears import InputError
from smears.pictures import SetEpoch

# What Keras's own callbacks know from epoch to epoch, to be put back on resume: it keeps none
# of it in a model file.
REMEMBERED = ("wait", "best", "best_epoch", "stopped_epoch", "cooldown_counter")

# What the progress bar tells: name -> key of an epoch's logs.
SHOWN = {"accuracy": "accuracy", "validation": "val_accuracy"}


def class_weights(labels, classes):
    """Weights n / (k * n_c) (assumed: the paper says "class-weighted loss" without a formula).

    Args:
        labels: integer array (n,), the labels that the network sees in an epoch.
        classes: k.

    Returns:
        Dict class -> weight; the weights average to 1 over the pictures.
    """
    counts = np.bincount(labels, minlength=classes)
    return {c: len(labels) / (classes * max(count, 1)) for c, count in enumerate(counts)}


@keras.saving.register_keras_serializable(package="smears")
class WarmedCosine(keras.optimizers.schedules.LearningRateSchedule):
    """A learning rate that rises from zero to `peak` and falls to zero on a cosine.

    To the bit what keras.optimizers.schedules.CosineDecay with `warmup_target` gives. That one
    chooses between rise and fall by a branch, and weight decay asks for the rate once a variable,
    so that TensorFlow traces as many branches before the first step.

    Args:
        peak: the highest rate. steps: of the whole training. share: part of them in which it rises.

    Called with the number of a step, from 0 on, it gives that step's rate, a float32 scalar.
    """

    def __init__(self, peak, steps, share):
        self.peak, self.steps, self.share = peak, steps, share
        self.rise = max(1, int(share * steps))
        self.fall = max(1, steps - self.rise)

    def __call__(self, step):
        step = keras.ops.cast(step, "float32")
        fallen = keras.ops.minimum((step - self.rise) / self.fall, 1.0)
        cosine = 0.5 * (1.0 + keras.ops.cos(np.float32(np.pi) * fallen))
        return keras.ops.where(step < self.rise, step / self.rise * self.peak, self.peak * cosine)

    def get_config(self):
        return {"peak": self.peak, "steps": self.steps, "share": self.share}


def trace_once(model, y, nothing):
    """Make the variables of a compiled model's optimizer, losses and metrics before it is trained.

    TensorFlow traces a step that makes variables and then traces it again, so that LeuSAM's first
    step took nearly twice as long. Does nothing on JAX, which traces once, or where several
    devices share the variables.

    Args:
        y: a batch's targets. nothing: predictions of their kind: an array, or a list or dict of
            them, as the model's outputs are.
    """
    if keras.backend.backend() != "tensorflow" or model.optimizer.built:
        return
    import tensorflow as tf

    if tf.distribute.has_strategy():
        return
    if isinstance(nothing, list) and len(nothing) == 1:
        (nothing,) = nothing
    model.optimizer.build(model.trainable_variables)
    model.compute_loss(y=y, y_pred=nothing)
    model.compute_metrics(None, y, nothing)
    model.reset_metrics()


def stream(dataset):
    """The dataset in the form in which the backend's `fit` loses no time over it.

    On TensorFlow a tf.data.Dataset of the same batches. Keras would make one too, but of a kind
    with which LeukocyteNet's steps take 1.6 times as long on two cores (`benchmarks/streaming.py`):

    - From a Python generator. Since Python 3.11 TensorFlow then has malloc hand back every block
      of more than 128 kB at once (`ApplyPython311MemoryPatch`, mallopt), network and all: the
      processor spends its time on giving out fresh pages.
    - With autotuning, whose thread sleeps ever longer. On busy cores it was seen to sleep on when
      an epoch's iterator went, while training waited 3 to 48 s for it.

    Args:
        dataset: of batches that are a function of its `epoch` and the index, arrays in tuples and
            dicts, each array's shape known but for the first dimension; or None.
    """
    if dataset is None or keras.backend.backend() != "tensorflow":
        return dataset
    import tensorflow as tf

    like = dataset[0]
    flat = tf.nest.flatten(like)

    def batch(index):
        arrays = tf.numpy_function(
            lambda place: tf.nest.flatten(dataset[int(place)]), [index], [a.dtype for a in flat]
        )
        for array, first in zip(arrays, flat, strict=True):
            array.set_shape((None, *first.shape[1:]))
        return tf.nest.pack_sequence_as(like, arrays)

    options = tf.data.Options()
    options.autotune.enabled = False
    return tf.data.Dataset.range(len(dataset)).map(batch).prefetch(1).with_options(options)


def fit(
    model, train, validation, run, epochs, *, class_weight=None, callbacks=(), title="", shown=SHOWN
):
    """Train a compiled model, or go on where a killed run ended.

    After a kill at any moment, training goes on from the last finished epoch and, on a CPU, ends
    with the weights of an uninterrupted run: batches are a pure function of (seed, epoch, index),
    and weights, optimizer, noise generators, history and callback states are in the checkpoint.

    Args:
        model: compiled Keras model.
        train, validation: datasets with an `epoch` attribute (smears.pictures, smears.features),
            whose batches are arrays, tuples of them or dicts by name; validation may be None.
        run: smears.runs.Run, where checkpoint and history go.
        epochs: total number of epochs.
        class_weight: dict as for keras.Model.fit.
        callbacks: Keras callbacks, new ones for each call.
        title: name on the progress bar.
        shown: what the bar tells, a dict name -> key of an epoch's logs.

    Returns:
        List of dicts, one an epoch: loss, accuracy, val_* (or what the model's own training step
        reports), learning_rate, seconds (training part), validation_seconds.
    """
    checkpoint = Checkpoint(run, callbacks)
    history, stopped = checkpoint.restore(model)
    if not stopped and len(history) < epochs:
        if isinstance(getattr(model, "outputs", None), list):
            x, y, *_ = train[0]
            count = len(keras.tree.flatten(x)[0])
            nothing = keras.tree.map_structure(
                lambda output: np.zeros((count, *output.shape[1:])),
                model.compute_output_spec(model.inputs),
            )
            trace_once(model, y, nothing)
        model.fit(
            stream(train),
            validation_data=stream(validation),
            epochs=epochs,
            initial_epoch=len(history),
            class_weight=class_weight,
            # Order matters: the watch notes the seconds that the checkpoint then stores.
            callbacks=[
                SetEpoch(train),
                Watch(title, len(train), epochs, shown),
                *callbacks,
                checkpoint,
            ],
            shuffle=False,
            verbose=0,
        )
    elif checkpoint.best is not None:
        model.set_weights(checkpoint.best)
    run.write_history(checkpoint.history)
    return checkpoint.history


class Watch(keras.callbacks.Callback):
    """One progress bar for the whole training, and the seconds of each epoch in its logs."""

    def __init__(self, title, steps, epochs, shown=SHOWN):
        super().__init__()
        self.title, self.steps, self.epochs = title, steps, epochs
        self.bar, self.shown = None, shown

    def on_train_begin(self, logs=None):
        self.bar = tqdm(total=self.epochs * self.steps, desc=self.title, unit="step", leave=None)

    def on_epoch_begin(self, epoch, logs=None):
        self.bar.n = epoch * self.steps
        self.bar.refresh()
        self.began, self.validating = time.perf_counter(), 0.0

    def on_train_batch_end(self, batch, logs=None):
        self.bar.update()

    def on_test_begin(self, logs=None):
        self.test_began = time.perf_counter()

    def on_test_end(self, logs=None):
        self.validating += time.perf_counter() - self.test_began

    def on_epoch_end(self, epoch, logs=None):
        logs["seconds"] = time.perf_counter() - self.began - self.validating
        logs["validation_seconds"] = self.validating
        logs["learning_rate"] = float(
            keras.ops.convert_to_numpy(self.model.optimizer.learning_rate)
        )
        scores = {name: f"{logs[key]:.2f}" for name, key in self.shown.items() if key in logs}
        self.bar.set_postfix({"epoch": f"{epoch + 1}/{self.epochs}"} | scores)

    def on_train_end(self, logs=None):
        self.bar.total = self.bar.n
        self.bar.close()


class Checkpoint(keras.callbacks.Callback):
    """Keep after each epoch all that the next one depends on: `checkpoint/epoch-NNNN/`.

    Written beside and renamed, so a folder of that name is whole; older ones go after. Keras's
    BackupAndRestore does not keep the state of noise generators (AlphaDropout), the history, or
    the counters of other callbacks, so that training resumed with it ends elsewhere.
    """

    def __init__(self, run, callbacks):
        super().__init__()
        self.run, self.others = run, list(callbacks)
        self.folder = run.folder / "checkpoint"
        self.history, self.states, self.best = [], {}, None

    def restore(self, model):
        """Put the newest checkpoint into the model. Returns (history so far, stopped early)."""
        whole = sorted(self.folder.glob("epoch-????"))
        if not whole:
            return [], False
        model.optimizer.build(model.trainable_variables)
        try:
            state = json.loads((whole[-1] / "state.json").read_text())
            with np.load(whole[-1] / "arrays.npz", allow_pickle=False) as arrays:
                kept = [arrays[name] for name in sorted(arrays.files) if name.startswith("state")]
                best = [arrays[name] for name in sorted(arrays.files) if name.startswith("best")]
            for variable, value in zip(_state(model), kept, strict=True):
                variable.assign(value)
        except (OSError, ValueError, KeyError, zipfile.BadZipFile) as problem:
            raise InputError(
                f"the checkpoint {whole[-1]} cannot be read ({problem}). Delete the folder "
                f"{self.folder}: the same command starts that training again."
            ) from problem
        self.best = best or None
        self.history, self.states = state["history"], state["callbacks"]
        return self.history, state["stopped"]

    def on_train_begin(self, logs=None):
        # Runs after the others' own on_train_begin, which resets them.
        for other in self.others:
            for name, value in self.states.get(type(other).__name__, {}).items():
                setattr(other, name, value)
            if hasattr(other, "best_weights") and self.best is not None:
                other.best_weights = self.best

    def on_epoch_end(self, epoch, logs=None):
        self.history.append({name: float(value) for name, value in (logs or {}).items()})
        fresh = self.folder / "partial"
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(parents=True)
        # Keras's own `save_weights` takes as long for a small network as a short epoch.
        arrays = {f"state{n:04d}": v.numpy() for n, v in enumerate(_state(self.model))}
        for other in self.others:
            weights = getattr(other, "best_weights", None) or []
            arrays.update({f"best{n:04d}": np.asarray(w) for n, w in enumerate(weights)})
        np.savez(fresh / "arrays.npz", **arrays)
        states = {
            type(other).__name__: {
                name: float(getattr(other, name))
                for name in REMEMBERED
                if getattr(other, name, None) is not None
            }
            for other in self.others
        }
        state = {
            "history": self.history,
            "callbacks": states,
            "stopped": bool(self.model.stop_training),
        }
        (fresh / "state.json").write_text(json.dumps(state))
        old = list(self.folder.glob("epoch-????"))
        os.replace(fresh, self.folder / f"epoch-{epoch:04d}")
        for folder in old:
            shutil.rmtree(folder)
        self.run.write_history(self.history)


def _state(model):
    """Variables on which a training goes on: weights, states of noise generators, optimizer's."""
    return [*model.variables, *model.optimizer.variables]


def predict(model, pictures):
    """Probabilities (n, classes) float32 for a dataset in its own order, without a progress bar."""
    return np.concatenate(
        [np.asarray(model.predict_on_batch(pictures[i][0])) for i in range(len(pictures))]
    )
