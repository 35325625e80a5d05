"""What each of CoTCoNet's tables shows, made from runs and the catalogue.

Every function takes smears.study.Results and returns (DataFrame of texts, caption lines); the
published columns come from paper.yaml, ours from what this code measured.
"""

from functools import partial

import numpy as np
import pandas as pd

from cotconet import recipe
from cotconet.rivals.profiles import METHODS
from smears import colour, metrics
from smears.tables import chance, fraction, mcnemar_against, mcnemar_line, ours_line, scored, size

# Published column -> (title, score of metrics.binary).
SCORES = {
    "accuracy": ("Accuracy", "accuracy"),
    "precision": ("Precision", "precision"),
    "recall": ("Recall", "recall"),
    "f1": ("F1", "f1"),
}
OURS = "CoTCoNet"
EXCHANGED = (
    "The published precision and recall are exchanged in most rows of Tables 2 and 7 (only so are "
    "they whole counts of 849 images): read the published precision beside our recall."
)


def comparison(results):
    """Tables 2, 4, 5 and 6: the six methods, CoTCoNet and colour alone.

    The rows are the paper's own and further ones of the study; those that the study has are
    measured, the others are quoted.
    """
    labels = list(results.paper.table(results.study.table).index)
    labels += [label for label in results.study.rows if label not in labels]
    made, lines = _binary(results, [*labels, *colour.CLASSIFIERS], "Method")
    return made, [*lines, *_boxes(results), *_against(results, made)]


def ablation(results):
    """Table 7: what each step contributes; every row of the paper, ours where it is measured."""
    labels = list(results.paper.table(7).index)
    made, lines = _binary(results, [*labels, *colour.CLASSIFIERS], "Variant")
    made.insert(len(made.columns) - 2, "features kept", [_kept(results, row) for row in labels]
                + ["–"] * len(colour.CLASSIFIERS))  # fmt: skip
    lines.append(
        '"GMod + SMod" and "w/o graph, w/o selection" are one configuration, so ours is one run'
        + "; the two published values show how far its runs lie apart" * (not results.own)
        + "."
    )
    return made, [*lines, *_against(results, made, {"GMod + SMod": "w/o graph, w/o selection"})]


def _against(results, made, same=None):
    """Put each row's test against CoTCoNet into a table; its caption lines.

    Args:
        made: the table; its first column has the labels. same: label -> that of the same runs.
    """
    if results.options.split == "paper":
        return [
            "No test of differences: the paper's protocol gives methods test pictures of their own "
            "making."
        ]
    labels, same = made.iloc[:, 0], same or {}
    others = [label for label in labels if label != OURS and label not in same]
    found = {OURS: "–", **mcnemar_against(results, OURS, others)}
    column = [found[same.get(label, label)] for label in labels]
    made.insert(len(made.columns) - 2, f"against {OURS}", column)
    return [mcnemar_line(results, OURS)]


def _boxes(results):
    """A line on how well a detector's boxes lie on those made from masks."""
    lines, stated = [], {method.label: method.boxes for method in METHODS.values()}
    for label, runs in results.runs.items():
        found = [run.facts["map_test"] for run in runs if "map_test" in run.facts]
        if found:
            lines.append(
                f"{label}: mAP at an IoU of 0.5 of its boxes, test pictures: {np.mean(found):.3f}; "
                f"true boxes are those of masks (C37). Its source states {stated[label]}."
            )
    return lines


def _binary(results, labels, first):
    positive = results.positive
    index = results.classes.index(positive)
    other = results.classes[1 - index]
    rows = []
    for label in labels:
        predictions = results.predictions(label)
        row = {first: label}
        for column, (title, score) in SCORES.items():
            row |= results.beside(title, label, column)
            row[f"{title} ours (95% CI)"] = _score(predictions, score, index)
        row[f"Recall of {other} ours (95% CI)"] = _score(predictions, "specificity", index)
        row["minutes"], row["GB"] = _cost(results, label)
        row["n test"] = size(predictions, "test")
        row["p (chance)"] = f"{chance(predictions):.1g}" if predictions else "–"
        row["data"] = results.data if predictions else "–"
        rows.append(row)
    lines = [*results.captions(), f"Positive class: {positive}."]
    lines[-1] += f" {EXCHANGED}" * (not results.own)
    lines.append(
        "Minutes and GB: mean time of a training with its predictions, and the most memory that "
        "the process held meanwhile; stages that an earlier row or start left behind take no time."
    )
    lines += _synthetic(results) + _unrecorded(results) + _outdated(results)
    lines += _outdated_methods(results)
    lines.append(ours_line(results))
    return pd.DataFrame(rows), lines


def _score(predictions, score, positive):
    return scored(predictions, "test", partial(binary_score, score, positive), fraction)


def binary_score(score, positive, matrix):
    """A score of `smears.metrics.binary` of matrices (..., 2, 2)."""
    return metrics.binary(matrix, positive)[score]


def _cost(results, label):
    """(minutes, GB) of a row's runs as texts, "–" where they were not noted."""
    facts = [run.facts for run in results.runs.get(label, [])]
    seconds = [known["wall_seconds"] for known in facts if "wall_seconds" in known]
    memory = [known["peak_memory_mb"] for known in facts if known.get("peak_memory_mb")]
    return (
        f"{np.mean(seconds) / 60:.1f}" if seconds else "–",
        f"{max(memory) / 1024:.1f}" if memory else "–",
    )


def _kept(results, label):
    runs = results.runs.get(label, [])
    if not runs:
        return "–"
    kept = np.mean([run.facts["kept"] for run in runs])
    return f"{kept:,.0f} of {runs[0].facts['features']:,}"


def _outdated(results):
    """A line for each row with trainings of which this code would compute a stage otherwise."""
    lines = []
    for label, runs in results.runs.items():
        found = {}
        for run in runs:
            for stage, version in run.facts.get("versions", {}).items():
                if version != recipe.VERSIONS.get(stage):
                    found.setdefault(run.folder.name, []).append(stage)
        if found:
            stages = ", ".join(dict.fromkeys(stage for names in found.values() for stage in names))
            lines.append(
                f"{label}: {len(found)} of {len(runs)} trainings were made by another version of "
                f"this code, whose {stages} computed something else. To train anew, remove from "
                f"the folder runs: {', '.join(found)}."
            )
    return lines


def _outdated_methods(results):
    """A line for each compared method with trainings of another version, or of an unknown one.

    A method that never changed has one version, noted or not.
    """
    lines = []
    for label, runs in results.runs.items():
        own = [run for run in runs if "method" in run.settings]
        now = {run.folder: METHODS[run.settings["method"]].version for run in own}
        noted = {run.folder: run.facts.get("method_version") for run in own}
        others = [at.name for at in now if noted[at] not in (None, now[at])]
        unknown = [at.name for at in now if noted[at] is None and now[at] > 1]
        again = "To train anew, remove from the folder runs:"
        if others:
            lines.append(
                f"{label}: {len(others)} of {len(runs)} trainings were made by another version of "
                f"the method's code, which computed something else. {again} {', '.join(others)}."
            )
        if unknown:
            lines.append(
                f"{label}: {len(unknown)} of {len(runs)} trainings are from before the method's "
                "version was recorded: whether this code would compute them alike is not known of "
                f"them. {again} {', '.join(unknown)}."
            )
    return lines


def _unrecorded(results):
    """A line on trainings from before versions and LeuGAN's variety were written down, if any."""
    found = {run.folder: run for runs in results.runs.values() for run in runs}.values()
    runs = [run for run in found if "kept" in run.facts]
    old = [run for run in runs if "versions" not in run.facts]
    if not old:
        return []
    return [
        f"{len(old)} of {len(runs)} trainings of CoTCoNet and its variants are from before the "
        "stages' versions and the variety of LeuGAN's pictures were recorded: whether this code "
        "would compute each stage alike, and whether LeuGAN collapsed, is not known of them."
    ]


def _synthetic(results):
    """A line on how many pictures were synthesised, and on those in the test part."""
    # Two rows may be one configuration, whose trainings are one.
    runs = {run.folder: run for runs in results.runs.values() for run in runs}.values()
    lines = []
    made = sorted({run.facts["synthesised"] for run in runs})
    if any(made):
        lines.append(
            "Synthetic pictures, or changed copies, in training: "
            + " to ".join(map(str, dict.fromkeys((made[0], made[-1]))))
            + "; none in validation or test."
        )  # fmt: skip
    varieties = [v for run in runs if (v := run.facts.get("synthetic_variety")) is not None]
    if collapsed := [v for v in varieties if v < recipe.COLLAPSED]:
        lines.append(
            f"LeuGAN collapsed in {len(collapsed)} of {len(varieties)} trainings: its pictures "
            f"vary {min(collapsed):.2f} times as much as the cells that it learnt from, or little "
            "more. Those rows are taught with nearly one picture over and over."
        )
    copied = {
        label: max(run.facts.get("copies_test", 0) for run in found)
        for label, found in results.runs.items()
    }
    lines += [
        f"{label}: oversampled before the split, as its published figures imply: {count} of its "
        "test pictures are copies, most of pictures that it was trained on."
        for label, count in copied.items()
        if count
    ]
    tested = max((run.facts["synthetic_test"] for run in runs), default=0)
    if tested:
        lines[0] = lines[0].replace("; none in validation or test.", ".")
        lines.append(
            f"The paper's protocol: LeuGAN learned from every picture of the smaller class, and up "
            f"to {tested} synthetic pictures are in the test part: the score is partly that of "
            "telling them from real ones."
        )
    return lines
