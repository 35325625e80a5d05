"""A recipe that invents predictions instead of training, so that tables are made in a moment."""

import sys
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import drawings
import numpy as np
import pandas as pd
import pytest

from leukocytenet import recipe
from smears import commandline, reports, tables
from smears.runs import KEYS
from smears.study import Results, Unavailable, main

CLASSES, PAPER_SPLIT, refuse = recipe.CLASSES, recipe.PAPER_SPLIT, recipe.refuse
learns_masks, published_counts = recipe.learns_masks, recipe.published_counts
networks = recipe.networks
ASSUMED = recipe.ASSUMED
PROFILES = {
    name: replace(
        profile, size=64, epochs=3, frozen_size=75,
        drawn={"subjects": 5, "images": 2, "size": 32},
    )
    for name, profile in recipe.PROFILES.items()
}  # fmt: skip

# How often a model is right; a model that is not here has no weights.
SKILL = {
    "Xception": 0.5, "Inception V3": 0.4, "MobileNet": 0.6, "VGG19": 0.6, "VGG19 Only": 0.7,
    "Swin Transformer Only": 0.3, "LeukocyteNet": 0.9,
}  # fmt: skip

trained = []


def settings(profile, **row):
    """As the recipe's own, with fewer epochs."""
    return {**recipe.settings(profile, **row), "epochs": PROFILES[profile].epochs}


def train(task, run):
    """Write a history and predictions that are right as often as `SKILL` says."""
    model, seed, epochs = (run.settings[key] for key in ("model", "seed", "epochs"))
    if model not in SKILL:
        raise Unavailable("no weights")
    trained.append((model, seed))
    rise = np.linspace(0.4, SKILL[model], epochs)
    run.write_history(
        [
            {
                "accuracy": rate, "loss": 2 - rate, "val_accuracy": rate - 0.05 + 0.01 * n,
                "val_loss": 2.1 - rate, "seconds": 30.0, "validation_seconds": 6.0,
            }
            for n, rate in enumerate(rise)
        ]
    )  # fmt: skip
    run.note(weights="ImageNet", parameters=1000, classes=list(task.classes))
    positions = task.positions("validation", "test")
    frame = task.catalogue.iloc[positions].assign(part=task.parts.iloc[positions])
    run.write_predictions(frame, task.classes, _scores(frame, task.classes, model, seed))
    (run.folder / "model.keras").write_text("a network")


def predict(run, frame, task):
    """Predictions of other pictures, which need the run's network as the real ones do."""
    assert (run.folder / "model.keras").exists()
    scores = _scores(frame, task.classes, run.settings["model"], run.settings["seed"])
    table = pd.DataFrame(scores, columns=task.classes)
    return pd.concat([frame[KEYS].reset_index(drop=True), table], axis=1)


def _scores(frame, classes, model, seed):
    rng = np.random.default_rng([seed, len(model)])
    scores = rng.dirichlet(np.ones(len(classes)), len(frame)) * 0.4
    right = rng.random(len(frame)) < SKILL[model]
    code = frame["label"].map({name: n for n, name in enumerate(classes)}).to_numpy()
    code = np.where(right, code, rng.integers(0, len(classes), len(frame)))
    scores[np.arange(len(frame)), code] += 0.6
    return scores


def put_drawings(out):
    """Put the pictures that the quick profile draws where a script with this --out finds them."""
    drawings.put(Path(out), PROFILES["quick"].drawn)


def results(study, out, *argv):
    """Trained smears.study.Results of a study, as a script would have them."""
    put_drawings(out)
    study = replace(study, recipe=sys.modules[__name__])
    options = commandline.parse([study], ["--profile", "quick", "--out", str(out), *argv])
    found = Results(study, options)
    found.train()
    return found


def script(study, out, *argv):
    """Run a study's script in this process."""
    put_drawings(out)
    study = replace(study, recipe=sys.modules[__name__])
    main(study, argv=["--profile", "quick", "--out", str(out), *argv])


@contextmanager
def plain_tables():
    """Tables of few resamples and without their PNG, for tests of what is run, kept and told."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tables, "RESAMPLES", 50)
        patch.setattr(reports, "picture", lambda *given: Path(given[-1]).touch())
        yield
