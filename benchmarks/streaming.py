"""What the form costs in which `fit` is given its batches, on TensorFlow.

LeukocyteNet is trained on augmented noise, once on the datasets themselves, of which Keras makes a
stream from a generator, once on `smears.training.stream`. Each training is a process of its own,
for TensorFlow changes malloc for the rest of one; the two take turns. "Waited" is what an epoch
takes beyond its steps: mostly the end of the stream before it.
"""

import argparse
import json
import resource
import subprocess
import sys
import time

import numpy as np

from smears import backend

BATCH, STEPS, EPOCHS = 16, 8, 3
WAYS = ("Keras's stream", "ours")


def measured(size, ours):
    """Dict: seconds a step, seconds waited an epoch, share of system time, faults a step."""
    import keras

    from leukocytenet import augmentation, model
    from smears import parallel, pictures, training

    backend.seed(0)
    store = np.random.default_rng(0).integers(0, 256, (BATCH * STEPS, size, size, 3), np.uint8)
    rows = np.arange(len(store))
    train = pictures.Pictures(
        store, rows, rows % 10, classes=10, batch_size=BATCH, shuffle=True,
        augmenter=augmentation.augmenter(),
    )  # fmt: skip
    network = model.LeukocyteNet((size, size, 3), weights=None)
    network.compile(parallel.adam(2e-4, 1.0, 1), "categorical_crossentropy")
    marks = []

    class Marks(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            used = resource.getrusage(resource.RUSAGE_SELF)
            marks.append([time.perf_counter(), used.ru_utime, used.ru_stime, used.ru_minflt])

        def on_train_batch_begin(self, batch, logs=None):
            if not batch:
                marks[-1].append(time.perf_counter())

        def on_train_end(self, logs=None):
            self.on_epoch_begin(None)

    network.fit(
        training.stream(train) if ours else train, epochs=EPOCHS, shuffle=False, verbose=0,
        callbacks=[pictures.SetEpoch(train), Marks()],
    )  # fmt: skip
    # The graph is traced in the first epoch.
    first, last = np.array(marks[1][:4]), np.array(marks[-1][:4])
    wall, user, system, faults = last - first
    waited = sum(mark[4] - mark[0] for mark in marks[1:-1])
    epochs = EPOCHS - 1
    return {
        "step": (wall - waited) / epochs / STEPS, "waited": waited / epochs,
        "system": system / (user + system), "faults": faults / epochs / STEPS,
    }  # fmt: skip


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--size", type=int, default=64, help="in pixels (default: 64)")
    parser.add_argument("--rounds", type=int, default=3, help="trainings of each (default: 3)")
    parser.add_argument("--way", choices=WAYS, help="one training, printed as JSON")
    options = parser.parse_args()
    if options.way:
        backend.start()
        print(json.dumps(measured(options.size, options.way == "ours")))
        return
    found = {way: [] for way in WAYS}
    for _ in range(options.rounds):
        for way in WAYS:
            command = [sys.executable, __file__, "--size", str(options.size), "--way", way]
            said = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
            found[way].append(json.loads(said.splitlines()[-1]))
    steps = {}
    for way, several in found.items():
        middle = {name: np.median([one[name] for one in several]) for name in several[0]}
        steps[way] = middle["step"]
        print(
            f"{way}: {middle['step']:.2f} s a step, {middle['system']:.0%} of the processor's time "
            f"in the system, {middle['faults']:,.0f} page faults a step; "
            f"waited {middle['waited']:.1f} s an epoch"
        )
    print(f"{options.size} px, steps alone: ratio {steps['ours'] / steps[WAYS[0]]:.2f}")


if __name__ == "__main__":
    main()
