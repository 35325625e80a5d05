"""Train one row of CoTCoNet's tables: catalogue rows to a run with predictions."""

import numpy as np
import pandas as pd

from cotconet import recipe
from cotconet.pipeline import CoTCoNet
from cotconet.preparation import Files
from smears import inspection
from smears import weights as weight_files

# Sets whose pictures are whole fields with several cells.
FIELDS = {"allidb1", "allidb1-healthy", "snam", "taleqani-malignant"}
# Names of what is trained, for captions.
SEGMENTERS = {"leusam": "LeuSAM", "unet": "U-Net", "unet++": "UNet++"}
EXTRACTORS = {"gmod": "GMod", "smod": "SMod", "vgg16": "VGG-16"}


def train(task, run):
    """Fit CoTCoNet on the training part, write validation and test predictions.

    With the paper's own protocol LeuGAN learns from every picture of the smaller class, and what
    it makes stands in all three parts, as the published numbers imply (C29); early stopping looks
    at real validation pictures alone.
    """
    model, part, made, label = _fit(task, run)
    frames, scores = [], []
    for name in ("validation", "test"):
        frames.append(part[name].assign(part=name))
        scores.append(model.predict_proba(Files(part[name])))
        if len(made[name]):
            frames.append(_synthetic_rows(len(made[name]), name, label, task.catalogue))
            scores.append(model.predict_proba(made[name], prepared=True))
    order = [model.classes_.tolist().index(name) for name in task.classes]
    # Weights of one's own by what they hold: what is kept tells nothing of this machine's folders.
    for stage in ("leusam", "extractor"):
        setattr(model, stage, weight_files.by_content(getattr(model, stage) or {}))
    model.save(run.folder / "model")
    run.write_history(model.history_.to_dict("records"))
    run.note(
        **model.facts_ | {"weights": _weights(model)}, classes=list(task.classes),
        synthetic_test=len(made["test"]),
        training_pictures=inspection.common(Files(part["train"]), run.settings["size"]),
    )  # fmt: skip
    run.write_predictions(
        pd.concat(frames, ignore_index=True), task.classes, np.concatenate(scores)[:, order]
    )


def search_space(task, run, only_kept=False):
    """CoTCoNet's `search_space_` of a row; kept stages are not rerun.

    Raises:
        InputError: with `only_kept`, where a stage is not kept any more.
    """
    return _fit(task, run, only_kept)[0].search_space_


def _fit(task, run, only_kept=False):
    """(fitted CoTCoNet, catalogue rows by part, synthetic cells by part, their label)."""
    s = run.settings
    frame = task.catalogue
    names = {*recipe.METHOD, *recipe.STAGES, "size", "unet", "mirnet"}
    arguments = {key: value for key, value in s.items() if key in names}
    arguments |= {"enhance": tuple(s["enhance"]), "features": tuple(s["features"])}
    if FIELDS & set(frame["data"]):
        # One box prompt is one cell's; a field's cells are found by colour (assumed, C31).
        arguments |= {"cells": "all"}
        arguments["segment"] = "otsu-watershed" if s["segment"] == "leusam" else s["segment"]
    for name, path in weight_files.files(task.weights, recipe.networks(s)).items():
        stage = "leusam" if name == "SAM" else "extractor"
        arguments[stage] = {**arguments[stage], "weights": str(path)}
    model = CoTCoNet(
        **arguments, positive=task.positive, cache=task.cache / "cotconet",
        random_state=s["seed"],
    )  # fmt: skip
    model.only_kept = only_kept
    part = {name: frame.iloc[task.positions(name)] for name in ("train", "validation", "test")}
    made, label = {name: np.zeros(0) for name in part}, None
    if task.paper_split and s["synthesise"]:
        label, cells, side = model.synthesised(Files(frame), frame["label"].to_numpy())
        made = {name: cells[rows] for name, rows in shares(len(cells), s["seed"]).items()}
    model.fit(
        Files(part["train"]), part["train"]["label"].to_numpy(),
        groups=_apart(part),
        validation=(Files(part["validation"]), part["validation"]["label"].to_numpy()),
        synthetic=(label, made["train"], side) if task.paper_split and s["synthesise"] else None,
    )  # fmt: skip
    return model, part, made, label


def _apart(part):
    """Names (n,) of what no training picture shares with a held-out one; None if all may.

    What the split keeps apart is kept apart in the graph and in the search as well: subjects,
    else, with --split source, source images. A test picture whose subject the training part knows
    is rebuilt from that subject's pictures (5.4), so training pictures are, too.
    """
    for unit in ("subject", "source"):
        held = {name for side in ("validation", "test") for name in part[side][unit]}
        if not (held & set(part["train"][unit])) - {""}:
            return part["train"][unit].to_numpy()
    return None


def shares(count, seed):
    """Numbers below `count` by part: a tenth to test, a tenth to validate, the rest to train."""
    order = np.random.default_rng(seed).permutation(count)
    tenth = count // 10
    return {
        "test": order[:tenth],
        "validation": order[tenth : 2 * tenth],
        "train": order[2 * tenth :],
    }


def _synthetic_rows(count, part, label, frame):
    """Catalogue rows of synthetic pictures, which have no file."""
    folder = frame["path"].iloc[0].rpartition("/")[0]
    names = [f"{recipe.SYNTHETIC}{part}-{number:05d}" for number in range(count)]
    paths = [f"{folder}/{name}" for name in names]
    return pd.DataFrame(
        {"path": paths, "subject": "", "source": names, "part": part, "label": label}
    )


def _weights(model):
    """What a fitted pipeline started from, for captions: names what it has, and nothing else."""
    facts, known, fresh = model.facts_, [], []
    if "mirnet" in model.enhance:
        fresh.append("MIRNet-v2")
    if getattr(model.segmenter_, "frozen", False):
        weights = weight_files.by_content(model.leusam or {}).get("weights")
        known.append(f"LeuSAM: {'SA-1B' if weights in (None, 'auto', 'sa1b') else weights}")
    elif model.segment in SEGMENTERS:
        fresh.append(SEGMENTERS[model.segment])
    if model.synthesise == "leugan" and facts["synthesised"]:
        fresh.append("LeuGAN")
    if facts["weights"] == "random":
        fresh += [EXTRACTORS[name] for name in model.features]
    else:
        known.insert(0, f"extractor: {facts['weights']}")
        fresh += ["SMod"] if "smod" in model.features else []
    fresh.append("HDLC")
    line = ", ".join(fresh[:-1]) + f" and {fresh[-1]}" if fresh[1:] else fresh[0]
    if not known:
        return f"random: {line} are trained from scratch"
    return "; ".join([*known, f"{line} trained from scratch"])
