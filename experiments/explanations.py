"""Are the explanations right? Every method on LeukocyteNet and VGG19, against masks of the cells.

With --model on any run. CoTCoNet's has no gradient to follow: LIME alone explains it.

Neither paper measures its explanations.
"""

from dataclasses import replace
from pathlib import Path

from table5 import COMPARISON

from leukocytenet import recipe
from smears import InputError, card, commandline, reports, splits
from smears.ending import exits
from smears.explain import scoring, table
from smears.explain.scoring import REFERENCES, Method
from smears.material import Material
from smears.runs import Run, names
from smears.study import Results

METHODS = {
    "Grad-CAM": Method("gradcam"),
    "Grad-CAM, centred score": Method("gradcam", {"centred": True}),
    "Grad-CAM, Swin branch": Method("gradcam", {"layer": "swin_tokens"}),
    "Saliency": Method("saliency"),
    "SmoothGrad": Method("saliency", {"samples": 25}, seeded=True),
    "LIME": Method("lime", seeded=True),
    **REFERENCES,
}
# A look within minutes.
QUICK = {
    "SmoothGrad": Method("saliency", {"samples": 8}, seeded=True),
    "LIME": Method("lime", {"samples": 128, "most": 128}, seeded=True),
}
EXPLAINED = replace(
    COMPARISON,
    rows={"LeukocyteNet": {}, "VGG19": {"model": "VGG19"}},
)
PUBLISHED = (
    "Published for leukemia: 73.97% of the important pixels lie in the nucleus, Grad-CAM on "
    "GoogleNet, ALL-IDB2 (Velázquez-Arreola et al. 2024, Computación y Sistemas 28(1)); other "
    "pictures, and another way to choose the important pixels."
)


def main():
    """Train what is missing, measure, print and write the table; note the scores in the runs."""
    options = commandline.parse(
        [EXPLAINED],
        what="a table of how right explanations are: methods by networks, against masks of the "
        "cells (drawn, zheng, or csv with the column mask), with intervals",
        extra="Explains the test part by the networks of Table 5, or other pictures by given runs.",
        more=_arguments,
        examples=[
            "--data zheng:/data/segmentation_WBC --profile laptop",
            "--model out/runs/NAME --data zheng:/data/segmentation_WBC --methods LIME",
            "--task nucleus",
        ],
    )
    with exits():
        from smears import backend

        backend.start()
        runs, frame, data, lines = _material(options)
        shown = scoring.chosen(frame, options.pictures)
        chosen = METHODS | (QUICK if options.profile == "quick" else {})
        methods = {label: chosen[label] for label in options.methods}
        few = max(1, options.pictures // 4)
        models = {
            name: [_scores(run, shown, methods, few, name, data) for run in several]
            for name, several in runs.items()
        }
        found = table.table(models, data, methods)
        lines = [*table.lines(models, few), PUBLISHED, *lines]
        title = "Are the explanations right? (in neither paper)"
        paths = reports.write(found, title, lines, options.out / "tables", _stem(options))
        reports.show(found, title, lines, paths)


def _arguments(parser):
    parser.add_argument(
        "--model", action="append", metavar="RUN", type=Path,
        help="explain by the network in this run's folder instead (out/runs/...), whatever it was "
        "trained on; a run of CoTCoNet too, which LIME alone can explain; repeatable. On the "
        "run's own data its test part is shown, else all pictures but those it was trained on",
    )  # fmt: skip
    parser.add_argument(
        "--task", choices=("nucleus",),
        help="nucleus: a small network, trained in minutes on drawn cells that the nucleus alone "
        "tells apart, so that the right explanation is known",
    )  # fmt: skip
    parser.add_argument(
        "--methods", nargs="+", metavar="METHOD", choices=list(METHODS), default=list(METHODS),
        help="only these, of: " + ", ".join(f'"{label}"' for label in METHODS),
    )  # fmt: skip
    parser.add_argument(
        "--pictures", type=commandline.positive, default=20, metavar="N",
        help="at most so many, of each class by turns; on a quarter of them what explains again "
        "and again: small changes, seeds, random weights. Default: 20",
    )  # fmt: skip


def _material(options):
    """(dict name -> list of runs, catalogue rows, name of the data, caption lines)."""
    if options.task:
        if options.model or options.data != ["drawn"]:
            raise InputError(
                f"--task {options.task} has pictures and a network of its own: leave "
                "--data and --model out."
            )
        from leukocytenet import control

        found = [control.trained(options.out, seed) for seed in options.seeds]
        _, frame, parts, audit = found[0]
        line = (
            "Two classes of drawn cells that chromatin alone tells apart; all else is drawn alike, "
            "off the middle. A network that tells them apart looks at the nucleus. It says nothing "
            "about blood."
        )
        runs = {"Small network": [run for run, *_ in found]}
        return runs, frame[(parts == "test").to_numpy()], "drawn, nucleus alone", [line, audit.line]
    if options.folds:
        raise InputError("--folds: explanations are measured on one split; leave it out.")
    if options.model:
        return _given(options)
    results = Results(EXPLAINED, options)
    print("\n".join(results.material.opening))
    results.train()
    if not results.runs:
        raise InputError("; ".join(f"{row}: {why}" for row, why in results.missing.items()))
    frame = results.catalogue[(results.split[0] == "test").to_numpy()]
    return results.runs, frame, results.data, [*results.captions(), results.verdict()]


def _given(options):
    """As `_material`, for --model: the test part of a run's own data, else what is new to it."""
    material = Material(options, recipe)
    runs = {run.folder.resolve(): run for run in map(Run.read, options.model)}
    called = [folder.name for folder in runs]
    if len(set(called)) < len(runs):  # the same training under several --out
        called = names(runs)
    runs = dict(zip(called, runs.values(), strict=True))
    own = {run.settings.get("data") == material.fingerprint for run in runs.values()}
    if own == {True, False}:
        raise InputError("--model: some of these runs were trained on --data, others not.")
    frame = material.catalogue
    if own == {False}:
        frame, line = _unseen(frame, runs)
    else:
        tested, line = _own_test(material, runs)
        frame = frame[tested]
    return {name: [run] for name, run in runs.items()}, frame, material.name, [line]


def _own_test(material, runs):
    """(bool (n,), which pictures are the test part of the split that all runs share; a line)."""
    wanted = {run.settings["split"] for run in runs.values()}
    if len(wanted) > 1:
        raise InputError(
            "--model: these runs were trained on different splits or folds of --data: give those "
            "of one at a time."
        )
    parts, audit, split = material.split
    if wanted == {split}:
        return (parts == "test").to_numpy(), audit.line
    found = [table for table in map(_kept, runs.values()) if table is not None]
    if not found:
        raise InputError(
            "--model: trained on another split of --data, which is not kept (out/splits); give "
            "--split as then."
        )
    tested = material.catalogue["sha256"].isin(found[0]["sha256"][found[0]["part"] == "test"])
    return tested.to_numpy(), "Pictures: the test part of the split, or fold, of the run itself."


def _kept(run):
    """The stored split that a run was trained on, or None."""
    folder = run.folder.resolve().parent.parent / "splits"
    return splits.known(folder, run.settings.get("data"), run.settings.get("split"))


def _unseen(frame, runs):
    """(the pictures that no run was trained or validated on, as far as its split tells; a line)."""
    seen, lacking = set(), []
    for name, run in runs.items():
        kept = _kept(run)
        if kept is None:
            lacking.append(name)
        else:
            seen |= set(kept["sha256"][kept["part"] != "test"])
    shared = frame["sha256"].isin(seen)
    if shared.all():
        raise InputError(
            "--model: these networks were trained or validated on every picture of --data; give "
            "others, or all of the --data of then, of which the test part is shown."
        )
    them, lines = "the others" if lacking else "these networks", []
    if shared.any():
        lines = [
            f"None of {them} was trained on the pictures shown: {shared.sum()} of {len(frame)}, on "
            "which one was trained or validated, are left out."
        ]
    elif len(lacking) < len(runs):
        lines = [f"None of {them} was trained on this data."]
    if lacking:
        lines.append(
            f"Not trained on exactly this data: {', '.join(lacking)}; pictures that it shares with "
            "their training were not looked for, since their split is not kept (out/splits)."
        )
    return frame[~shared.to_numpy()], " ".join(lines)


def _scores(run, frame, methods, few, name, data):
    """The scores of one run, noted in its explanations.json and its card as well."""
    found = scoring.scores(run, lambda: _answering(run), frame, methods, few, name)
    if not found:
        raise InputError(f"--methods: none of these can explain {run.folder}; LIME can.")
    table.note(run, found, data)
    card.write(run)
    return found


def _answering(run):
    """What answers for a run: CoTCoNet's pipeline or a rival's, else a network."""
    if (run.folder / "model").is_dir():
        from cotconet.predict import Pipeline

        return Pipeline(run)
    from leukocytenet import model  # noqa: F401, so that its layers can be read from a file
    from smears.classifier import Classifier

    return Classifier.load(run.folder)


def _stem(options):
    if options.task:
        return f"explanations_{options.task}-task"
    return f"explanations_{commandline.stem(options)}" + "_given-models" * bool(options.model)


if __name__ == "__main__":
    main()
