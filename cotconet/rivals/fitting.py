"""Train one of the compared methods: catalogue rows to a run with predictions."""

from dataclasses import fields

import numpy as np
import pandas as pd

from cotconet import rivals
from cotconet.fitting import FIELDS, shares
from cotconet.preparation import Files
from cotconet.rivals.classifier import oversampled
from smears import inspection
from smears import weights as weight_files
from smears.splits import PARTS
from smears.study import Unavailable


def train(task, run):
    """Fit the row's method on the training part, write validation and test predictions.

    With the paper's own protocol, a method that oversamples did so before the split, as its
    published number implies: copies of one picture then stand in all three parts.
    """
    s = run.settings
    kind = rivals.method(s["method"])
    known = {field.name for field in fields(kind)}
    arguments = {name: value for name, value in s.items() if name in known}
    arguments["positive"] = task.positive
    if "cells" in known:
        arguments["cells"] = "all" if FIELDS & set(task.catalogue["data"]) else "main"
    file = weight_files.find(task.weights, s["trunk"], s["model"])
    pretrained = {field.name: field.default for field in fields(kind)}["weights"]
    model = kind(
        **arguments, weights=file or pretrained, cache=task.cache / "rivals",
        random_state=s["seed"],
    )  # fmt: skip
    part = {name: task.catalogue.iloc[task.positions(name)] for name in PARTS}
    copies = _copies(task) if task.paper_split and kind.before_split else {}
    for name, rows in copies.items():
        part[name] = pd.concat([part[name], rows])
    try:
        _fit(model, part)
    except rivals.Unsuited as reason:
        raise Unavailable(str(reason)) from reason
    except weight_files.NotAvailable as reason:
        if not task.fallback:
            raise Unavailable("no weights") from reason
        _fit(model.set_params(weights=None), part)
        model.facts_["weights"] = (
            "random, because the ImageNet weights could not be downloaded: this row says nothing "
            "about transfer"
        )
    order = [model.classes_.tolist().index(name) for name in task.classes]
    frames = [part[name].assign(part=name) for name in ("validation", "test")]
    scores = [model.predict_proba(Files(frame)) for frame in frames]
    model.save(run.folder / "model")
    run.write_history(model.history_.to_dict("records"))
    known = {"synthesised": 0, "synthetic_test": 0, "copies_test": len(copies.get("test", ()))}
    known["method_version"] = kind.version
    known["training_pictures"] = inspection.common(Files(part["train"]), s["size"])
    known |= model.judged(Files(frames[1]), frames[1]["label"].to_numpy())
    run.note(**{**known, **model.facts_}, classes=list(task.classes))
    run.write_predictions(
        pd.concat(frames, ignore_index=True), task.classes, np.concatenate(scores)[:, order]
    )


def _fit(model, part):
    train, held = part["train"], part["validation"]
    model.fit(
        Files(train), train["label"].to_numpy(),
        validation=(Files(held), held["label"].to_numpy()),
    )  # fmt: skip


def _copies(task):
    """Catalogue rows of the smaller class drawn again to parity, and shared out over the parts.

    The same of every seed, like the split: trainings of several seeds are tested on one test part.
    """
    frame = task.catalogue
    codes = (frame["label"] == task.classes[1]).to_numpy().astype(int)
    drawn = frame.iloc[oversampled(codes, 0)[len(frame) :]]
    return {name: drawn.iloc[rows] for name, rows in shares(len(drawn), 0).items()}
