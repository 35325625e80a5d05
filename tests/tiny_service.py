"""A tiny network behind the service: 8 pixels, three classes, answers within a millisecond."""

import subprocess
import sys

import keras
import numpy as np
import pandas as pd

from smears.classifier import Classifier
from smears.explain import Explanation

CLASSES = ("AML", "CML", "Healthy")
SIZE = 8


def network():
    """Flat Keras model from (n, 8, 8, 3) to three probabilities, with random weights."""
    keras.utils.set_random_seed(0)
    pixels = keras.Input((SIZE, SIZE, 3))
    x = keras.layers.Conv2D(8, 3, activation="relu", name="conv")(pixels)
    x = keras.layers.GlobalAveragePooling2D()(x)
    return keras.Model(pixels, keras.layers.Dense(3, activation="softmax")(x))


def classifier():
    """That network with a temperature of 2."""
    return Classifier(network(), CLASSES, SIZE, "tf", temperature=2.0)


def brightness(classifier, pictures, target=None):
    """An explanation whose map is known: how bright the picture is."""
    scores = classifier.scores(pictures)
    chosen = scores.argmax(1) if target is None else [target] * len(pictures)
    return [
        Explanation(picture.mean(2).astype(np.float32) / 255, int(number), "Light", {"side": 8})
        for picture, number in zip(pictures, chosen, strict=True)
    ]


METHODS = {"gradcam": brightness, "saliency": brightness, "lime": brightness}


def command(folder, **settings):
    """Start `python -m leukocytenet.service` on a run: (subprocess.Popen, what it said till ready).

    Args:
        folder: of the run. **settings: of Popen.
    """
    process = subprocess.Popen(
        [sys.executable, "-m", "leukocytenet.service", "--port", "0", "--model", str(folder)],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **settings,
    )  # fmt: skip
    said = ""
    for line in process.stdout:
        said += line
        if "Serving" in line:
            break
    return process, said


def run(folder):
    """A finished run as a training leaves it, of 36 drawn pictures and a random network of 32 px.

    Args:
        folder: where runs, pictures and the store go.

    Returns:
        (smears.runs.Run, catalogue of all pictures with their `part`).
    """
    from leukocytenet import fitting
    from smears import catalogue, drawing, images, pictures, training
    from smears.material import Task
    from smears.runs import Run

    rows = []
    for number in range(36):
        label = CLASSES[number % 3]
        path = folder / "pictures" / label / f"{number:02}.png"
        images.save(drawing.draw(label, number, number // 3, 64)[0], path)
        row = {"path": str(path), "label": label, "subject": f"s{number}", "source": "drawn"}
        rows.append(row | {"data": "drawn", "part": "", "mask": "", "derived": ""})
    frame = catalogue.build(pd.DataFrame(rows), folder / "cache")
    parts = pd.Series(["train", "train", "validation", "test"] * 9, frame.index)
    task = Task(frame, parts, list(CLASSES), folder / "cache", {}, False)
    keras.utils.set_random_seed(1)
    pixels = keras.Input((32, 32, 3), name="pixels")
    x = keras.layers.Conv2D(12, 5, strides=2, activation="relu", name="first")(pixels)
    x = keras.layers.BatchNormalization(name="norm")(x)
    x = keras.layers.Conv2D(12, 3, activation="relu", name="last")(x)
    x = keras.layers.GlobalAveragePooling2D(name="pooling")(x)
    found = keras.Model(pixels, keras.layers.Dense(3, activation="softmax", name="out")(x))
    settings = {"model": "Tiny", "size": 32, "batch_size": 16, "seed": 0, "epochs": 1}
    made = Run(folder / "runs", "tiny", settings)
    store = pictures.store(frame, 32, task.cache)
    shown = fitting._pictures(task, store, "tf", fitting.JUDGED, settings)
    fitting._finish(task, made, found, store, "tf", training.predict(found, shown))
    return made, frame.assign(part=parts)
