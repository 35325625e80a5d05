"""A fitted CoTCoNet as a folder of data: nothing in it is run when it is read.

Files: settings.json, extractor.keras, hdlc.keras, arrays.npz (selection and scale); with a graph
nodes.npy (its training features); of a trained enhancement or segmenter mirnet/, leusam/, unet/ or
unet++/.
"""

import hashlib
import json

import numpy as np

from cotconet import segmentation
from cotconet.grafr import GraFR
from smears import InputError, model_files
from smears.arrays import write_stream
from smears.runs import write_whole

FORMAT = 2


def write(model, folder):
    """Write a fitted CoTCoNet; settings.json comes last.

    Args:
        model: CoTCoNet. folder: pathlib.Path.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for step in filter(callable, model.steps_):
        step.save(folder / "mirnet")
    if model.segment in segmentation.LEARNED:
        model.segmenter_.save(folder / model.segment)
    model.extractor_.save(folder / "extractor.keras", include_optimizer=False)
    model.hdlc_.save(folder / "hdlc.keras", include_optimizer=False)
    arrays = {"support": model.support_}
    if model.graph:
        nodes = model.grafr_.X_
        write_stream(folder / "nodes.npy", nodes.shape, np.float16, iter(nodes))
    else:
        arrays |= {"mean": model.mean_, "scale": model.scale_}
    np.savez(folder / "arrays.npz", **arrays)
    known = {
        "format": FORMAT, "arguments": {**model.get_params(), "cache": None},
        "facts": model.facts_, "side": model.side_,
        "classes": model.classes_.tolist(), "positive": str(model.positive_),
    }  # fmt: skip
    write_whole(folder / "settings.json", json.dumps(known, indent=1))


def settings(folder):
    """settings.json as a dict: arguments, facts, side, classes, positive.

    Raises:
        InputError: not a folder that `write` wrote, or one of another version.
    """
    try:
        known = json.loads((folder / "settings.json").read_text(encoding="utf-8"))
        found = known["format"]
    except (OSError, ValueError, KeyError, TypeError) as problem:
        raise InputError(
            f"{folder} is no saved CoTCoNet: it has no settings.json of one. Give a folder "
            "that `save` wrote, or a finished run's."
        ) from problem
    if found != FORMAT:
        raise InputError(
            f"{folder} was written by another version (format {found}, not {FORMAT}): train "
            "it again."
        )
    return known


def arguments(known):
    """Those with which the CoTCoNet was made, but `cache`. Args: known: of `settings`."""
    found = {name: value for name, value in known["arguments"].items() if name != "cache"}
    return found | {name: tuple(found[name]) for name in ("enhance", "features")}


def state(folder, known):
    """Attributes of the fitted CoTCoNet, name -> value. Args: known: of `settings`.

    Raises:
        InputError: the files are of different pipelines. What damaged ones raise is for
            `model_files.reading` to put into words.
    """
    given = arguments(known)
    classes, steps, segmenter = np.array(known["classes"]), given["enhance"], given["segment"]
    if "mirnet" in steps:
        from cotconet.mirnet import Enhancer

        trained = Enhancer.load(folder / "mirnet")
        steps = tuple(trained if name == "mirnet" else name for name in steps)
    if segmenter in segmentation.LEARNED:
        segmenter = segmentation.learned(segmenter).load(folder / segmenter)
    found = {
        "classes_": classes,
        "positive_": classes[classes.astype(str).tolist().index(known["positive"])],
        "facts_": known["facts"], "side_": known["side"], "steps_": steps,
        "segmenter_": segmenter, "extractor_": model_files.load(folder / "extractor.keras"),
        "hdlc_": model_files.load(folder / "hdlc.keras"),
    }  # fmt: skip
    with np.load(folder / "arrays.npz", allow_pickle=False) as arrays:
        found["support_"] = arrays["support"]
        if given["graph"]:
            nodes = np.load(folder / "nodes.npy", mmap_mode="r", allow_pickle=False)
            found["grafr_"] = GraFR(**given["grafr"] or {}).fit(nodes)
            mean = found["grafr_"].mean_
        else:
            mean = found["mean_"] = arrays["mean"]
            found["scale_"] = arrays["scale"]
    _check_sizes(folder, given["size"], mean, found)
    return found


def digest(folder):
    """16 hexadecimal digits that name the trained networks, for what is kept of predictions."""
    return hashlib.sha256((folder / "extractor.keras").read_bytes()).hexdigest()[:16]


def _check_sizes(folder, size, mean, parts):
    support, width = parts["support_"], parts["extractor_"].output_shape[-1]
    found = (size, len(support), len(mean), np.count_nonzero(support))
    wanted = (
        parts["extractor_"].input_shape[1], width, width, parts["hdlc_"].input_shape[-1]
    )  # fmt: skip
    if found != wanted:
        raise InputError(
            f"{folder} holds parts of different pipelines: size, features, nodes and features "
            f"kept are {found}, its networks want {wanted}."
        )
