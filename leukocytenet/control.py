"""A task whose right explanation is known: drawn cells that the nucleus alone tells apart.

The two classes differ in the chromatin's contrast and in nothing else (`drawn.SETS["nucleus"]`):
drawn from the same seeds they are the same picture but for the nucleus. A network that tells them
apart must look there, and an explainer that points elsewhere is wrong about it.
"""

import keras
from keras import layers

from smears import backend, catalogue, pictures, sources, splits, training
from smears.material import Task
from smears.runs import Run

CLASSES = ("smooth", "clumped")
DRAWN = {"classes": "nucleus", "subjects": 60, "images": 3, "size": 64}
SETTINGS = {"model": "Small network", "size": 64, "epochs": 20, "batch_size": 16, "rate": 2e-3}


def network(size):
    """Four convolutions, the last one's map of an eighth of each side averaged, softmax."""
    inputs = x = keras.Input((size, size, 3), name="pixels")
    for number, filters in enumerate((16, 32, 64), 1):
        x = layers.Conv2D(filters, 3, padding="same", activation="relu", name=f"conv{number}")(x)
        x = layers.MaxPooling2D(2)(x)
    x = layers.Conv2D(64, 3, padding="same", activation="relu", name="conv4")(x)
    x = layers.GlobalAveragePooling2D()(x)
    outputs = layers.Dense(len(CLASSES), activation="softmax", name="probabilities")(x)
    return keras.Model(inputs, outputs, name="small")


def trained(out, seed=0, drawn=DRAWN, epochs=SETTINGS["epochs"]):
    """Train it where that has not been done.

    Args:
        out: folder for data, splits, cache and runs. seed: of the training.
        drawn: arguments of `smears.drawn.read`. epochs: of the training.

    Returns:
        (smears.runs.Run, catalogue, parts, the split's Audit).
    """
    frame = sources.load(["drawn"], out / "data", drawn=drawn)
    fingerprint = catalogue.fingerprint(frame)
    ((parts, audit, split),) = splits.stored(frame, fingerprint, out / "splits")
    settings = SETTINGS | {
        "epochs": epochs, "size": drawn["size"], "seed": seed, "data": fingerprint, "split": split,
    }  # fmt: skip
    run = Run(out / "runs", f"{settings['model']} seed {seed}", settings)
    with run.alone():
        if not run.finished:
            _train(run, Task(frame, parts, list(CLASSES), out / "cache", {}, False))
    return run, frame, parts, audit


def _train(run, task):
    s = run.settings
    run.begin()
    backend.seed(s["seed"])
    store = pictures.store(task.catalogue, s["size"], task.cache)

    def part(*names, shuffle=False):
        positions = task.positions(*names)
        return pictures.Pictures(
            store, positions, task.labels(positions), classes=len(CLASSES),
            batch_size=s["batch_size"], preprocess="tf", shuffle=shuffle, seed=s["seed"],
        )  # fmt: skip

    model = network(s["size"])
    model.compile(
        keras.optimizers.Adam(s["rate"]), "categorical_crossentropy", metrics=["accuracy"]
    )
    training.fit(
        model, part("train", shuffle=True), part("validation"), run, s["epochs"], title=s["model"]
    )
    run.keep(model)
    run.note(preprocess="tf", classes=list(CLASSES), weights="random")
    positions = task.positions("validation", "test")
    frame = task.catalogue.iloc[positions].assign(part=task.parts.iloc[positions])
    run.write_predictions(frame, CLASSES, training.predict(model, part("validation", "test")))
