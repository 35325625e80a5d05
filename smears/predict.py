"""Somebody's pictures to answers: a CSV file, overlays, and one HTML page to look at."""

import os
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path

import pandas as pd
from tqdm import tqdm

from smears import images, inspection, predict_page
from smears.sources import listing
from smears.sources.listing import SourceError

EXPLAINERS = ("gradcam", "saliency", "lime")
CHUNK = 16  # pictures in memory at a time
LONGEST = 150  # bytes of a picture's name in its overlay's: with the rest, systems take up to 255


@dataclass
class Answer:
    """What became of one file.

    Args:
        path: of the file. problem: why there is no answer, "" if there is one.
        calibrated, own: dict class -> probability. warnings: list of sentences on the picture.
        picture, overlay: uint8 (h, w, 3) RGB small pictures for the page; None where there is none
            and behind the last one that it shows.
        overlay_path: of the overlay at the picture's own size, or None.
        note: what the explainer has to say.
    """

    path: Path
    problem: str = ""
    calibrated: dict = field(default_factory=dict)
    own: dict = field(default_factory=dict)
    warnings: list = field(default_factory=list)
    picture: object = None
    overlay: object = None
    overlay_path: Path | None = None
    note: str = ""

    @property
    def predicted(self):
        """The most probable class; "" without an answer."""
        return max(self.calibrated, key=self.calibrated.get, default="")


def find(paths):
    """The files that paths name: files as they are, folders with all pictures below them.

    Args:
        paths: list of paths.

    Returns:
        List of (path, problem), in the order given, each file once.
    """
    found = {}
    for given in paths:
        # os.path: pathlib raises on homes of nobody, and where a folder may not be entered.
        path, bad = Path(os.path.expanduser(given)), {}
        name = Path(listing.printable(path))
        if os.path.isdir(path):
            try:
                found |= dict.fromkeys(listing.pictures(path, bad=bad), "")
                found |= {Path(one): reason for one, reason in bad.items()}
            except SourceError as problem:
                found[name] = listing.printable(problem)
        elif name != path:
            found[name] = listing.NOT_TEXT
        else:
            found[path] = "" if os.path.exists(path) else "no such file"
    return list(found.items())


def answer(classifier, paths, folder, explainer=None, side=224):
    """Predict, and explain if asked for.

    Args:
        classifier: smears.classifier.Classifier, or what is used as one
            (`smears.predict_command.main`). paths: as for `find`.
        folder: for the overlays. explainer: one of `EXPLAINERS`, or None.
        side: of the small pictures for the page, in pixels.

    Returns:
        List of Answer, one a file, bad ones among them.
    """
    answers = [Answer(path, problem) for path, problem in find(paths)]
    known = classifier.about.get("facts", {}).get("training_pictures")
    waiting = [(number, one) for number, one in enumerate(answers, 1) if not one.problem]
    room = predict_page.MOST
    with tqdm(total=len(waiting), desc="Predicting", unit="picture", leave=None) as bar:
        for start in range(0, len(waiting), CHUNK):
            chunk = waiting[start : start + CHUNK]
            good = [
                (number, one, picture)
                for number, one in chunk
                if (picture := _decoded(one)) is not None
            ]
            if good:
                _score(classifier, good, known, side)
            if good and explainer:
                _explain(classifier, good, folder, explainer, side)
            for _, one, _ in good[room:]:
                one.picture = one.overlay = None
            room = max(room - len(good), 0)
            bar.update(len(chunk))
    return answers


def clear(folder):
    """Delete the overlays of an earlier call, and nothing else."""
    for path in Path(folder).glob("[0-9]" * 4 + "*_*.png"):
        if path.stem.endswith(EXPLAINERS):
            path.unlink()


def _decoded(one):
    try:
        return images.decode(one.path)
    except images.BadImage as problem:
        one.problem = str(problem)
    except OSError as problem:
        one.problem = f"cannot be read ({problem.strerror or problem})"
    return None


def _score(classifier, good, known, side):
    own = classifier.scores([picture for *_, picture in good])
    calibrated = classifier.calibrated(own)
    for (_, one, picture), mine, fitted in zip(good, own, calibrated, strict=True):
        one.own = dict(zip(classifier.classes, mine.tolist(), strict=True))
        one.calibrated = dict(zip(classifier.classes, fitted.tolist(), strict=True))
        measured = inspection.measure(picture, classifier.inspected)
        one.warnings = inspection.warnings(
            measured, classifier.inspected, known, squared=hasattr(classifier, "size")
        )
        one.picture = images.reduced(picture, side)


def _explain(classifier, good, folder, explainer, side):
    from smears.explain.lime import regions_picture
    from smears.explain.overlay import overlay

    module = import_module(f"smears.explain.{explainer}")
    pictures = [picture for *_, picture in good]
    wanted = [classifier.classes.index(one.predicted) for _, one, _ in good]
    for (number, one, picture), found in zip(
        good, module.explain(classifier, pictures, wanted), strict=True
    ):
        draw = overlay if found.weights is None else regions_picture
        laid = draw(picture, found)
        stem = one.path.stem.encode()[:LONGEST].decode(errors="ignore")
        # The number makes names unique, also those that are cut.
        one.overlay_path = folder / f"{number:04d}_{stem}_{explainer}.png"
        images.save(laid, one.overlay_path)
        one.overlay, one.note = images.reduced(laid, side), found.note


def table(answers, classes):
    """DataFrame, a row a file: file, predicted, probability, warnings, problem, overlay, then a
    calibrated and an own probability a class."""
    rows = []
    for one in answers:
        row = {
            "file": str(one.path), "predicted": one.predicted,
            "probability": one.calibrated.get(one.predicted), "warnings": " ".join(one.warnings),
            "problem": one.problem, "overlay": one.overlay_path.name if one.overlay_path else "",
        }  # fmt: skip
        row |= {f"calibrated {name}": one.calibrated.get(name) for name in classes}
        row |= {f"own {name}": one.own.get(name) for name in classes}
        rows.append(row)
    return pd.DataFrame(rows)
