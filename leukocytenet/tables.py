"""What each of LeukocyteNet's tables shows, made from runs, the catalogue or the network itself.

Every function takes smears.study.Results and returns (DataFrame of texts, caption lines); the
published columns come from paper.yaml, ours from what this code measured.
"""

from itertools import product

import numpy as np
import pandas as pd

from leukocytenet import recipe
from smears import colour, metrics
from smears.catalogue import counts
from smears.runs import classes_of
from smears.tables import (
    chance,
    colour_line,
    confusions,
    gains,
    intervals,
    mcnemar_against,
    mcnemar_line,
    ours_line,
    scored,
    several_scored,
    size,
    spread,
)

MINORITY = ("MDS", "Lymphoma")
HYBRID_ROW = "LeukocyteNet (VGG19+Swin)"  # Table 4's name of LeukocyteNet itself


def literature(results):
    """Table 1: the cited rows as published; LeukocyteNet's row also as measured here."""
    names = list(results.paper.table(1).index)
    rows = []
    for name in names:
        row = {"Work": name}
        for column, title in (
            ("model", "Model"), ("classes", "Data class"), ("dataset", "Dataset"),
            ("accuracy", "Accuracy published"), ("explainability", "Explainability"),
            ("reference", "Ref"),
        ):  # fmt: skip
            row[title] = results.published(name, column)
        rows.append({**row, "Accuracy ours (95% CI)": "–", "n test": "–", "data": "–"})
    predictions = results.predictions("LeukocyteNet")
    rows[-1] |= {
        "Accuracy ours (95% CI)": scored(predictions, "test", "accuracy"),
        "n test": size(predictions, "test"),
        "data": results.data,
    }
    lines = [*results.captions(), ours_line(results), colour_line(results)]
    lines.append("The other works are quoted as the paper quotes them; none was run here.")
    return pd.DataFrame(rows), lines


def acquisition(results):
    """Table 2: published counts beside the catalogue's, and what an epoch shows of each class."""
    from leukocytenet import augmentation

    frame, parts = results.catalogue, results.split[0]
    have = counts(frame)
    train = frame["label"][parts == "train"]
    positions, _ = augmentation.balance(train.tolist())
    shown = train.iloc[positions].value_counts()
    named = [] if results.own else [n for n in recipe.CLASSES if n in results.paper.table(2).index]
    rows = []
    for name in [*named, *(name for name in results.classes if name not in named)]:
        rows.append(
            {
                "Class": name,
                **results.beside("original", name, "original"),
                **results.beside("augmented", name, "augmented"),
                "original ours": str(have.get(name, 0)),
                "training ours": str((train == name).sum()),
                "training with repetitions ours": str(shown.get(name, 0)),
                "data": results.data,
            }
        )
    missing = [name for name in named if name not in have]
    lines = [
        results.material.split_line,
        "Repetitions are augmented anew in each epoch; only training pictures are repeated.",
    ]
    if len(results.material.splits) > 1:
        lines.append("Training: the pictures of fold 1.")
    if missing:
        lines.append(f"Classes of the paper that this data lacks: {', '.join(missing)}.")
    return pd.DataFrame(rows), lines


def architecture(results):
    """Table 3: output shape and parameters of every row, computed from the built network."""
    from smears import backend

    backend.start()
    from leukocytenet import model

    network = model.LeukocyteNet(weights=None)
    rows = []
    for label, shape, parameters in model.table3(network):
        rows.append(
            {
                "Layer": label,
                "shape published": results.published(label, "shape"),
                "shape ours": shape or "–",
                "parameters published": results.published(label, "parameters"),
                "parameters ours": f"{parameters:,}",
            }
        )
    free = sum(int(np.prod(weight.shape)) for weight in network.trainable_weights)
    rows.append(
        {
            "Layer": "Total Trainable Param",
            "shape published": "–",
            "shape ours": "–",
            "parameters published": results.published("Total Trainable Param", "parameters"),
            "parameters ours": f"{free:,}",
        }
    )
    return pd.DataFrame(rows), [
        "Computed from the network at 384 x 384, so without data or test pictures; † contradicted "
        "(D6)."
    ]


def complexity(results):
    """Table 7: parameters and FLOPs at the paper's size, and at the profile's."""
    from smears import backend

    backend.start()
    from leukocytenet import model
    from smears import flops

    def measured(size):
        network = model.LeukocyteNet((size, size, 3), weights=None)
        free = sum(int(np.prod(w.shape)) for w in network.trainable_weights)
        total = network.count_params()
        return {
            "Total Parameters": f"{total:,}",
            "Trainable Parameters": f"{free:,}",
            "Non-trainable Parameters": f"{total - free:,}",
            "FLOPs": f"{flops.flops(network) / 1e6:,.2f} M",
        }

    paper, own = measured(384), measured(results.profile.size)
    rows = [
        {
            "Metric": name,
            "published": results.published(name, "value"),
            "ours at 384 px": value,
            f"ours at {results.profile.size} px (profile {results.options.profile})": own[name],
        }
        for name, value in paper.items()
    ]
    return pd.DataFrame(rows), [
        "Computed from the network, so without data or test pictures. FLOPs: two operations a "
        "multiply-add, one picture, forward pass."
    ]


def per_class(results):
    """Table 6: precision, recall and F1 of each class over the test part."""
    predictions = results.predictions("LeukocyteNet")
    titles = {"precision": "Precision", "recall": "Recall", "f1": "F1"}
    cells = list(product(range(len(results.classes)), titles))
    found = several_scored(
        predictions, "test", [_of_class(*cell) for cell in cells],
        style=lambda triple: spread(triple, 2, 2),
    )  # fmt: skip
    ours = dict(zip(cells, found, strict=True))
    matrix = confusions(predictions[:1], "test")[0].sum(0) if predictions else None
    rows = []
    for number, name in enumerate(results.classes):
        row = {"Class": name}
        for column, title in titles.items():
            row |= results.beside(title, name, column)
            row[f"{title} ours (95% CI)"] = ours[number, column]
        row["n test"] = str(int(matrix[number].sum())) if predictions else "–"
        row["data"] = results.data
        rows.append(row)
    lines = [*results.captions(), ours_line(results), colour_line(results)]
    lines.append("Precision of a class that is never predicted counts as 0.")
    return pd.DataFrame(rows), lines


def _of_class(number, column):
    """Function of matrices (..., k, k): a score of one class."""
    return lambda matrix: metrics.of_class(matrix, number, column)


def ablation(results):
    """Table 4: accuracy, macro F1 and the recall of the two rarest diseases; external data."""
    rows, claim, gone = [], results.paper.claims["external_accuracy"], []
    minority = _minority_classes(results)
    others = [*results.study.rows, *colour.CLASSIFIERS]
    others.remove(HYBRID_ROW)
    against = mcnemar_against(results, HYBRID_ROW, others)
    more = gains(results, HYBRID_ROW, others)
    for label in [*results.study.rows, *colour.CLASSIFIERS]:
        predictions = results.predictions(label)
        row = {"Model variant": label}
        ours = several_scored(predictions, "test", ["accuracy", "f1_macro"])
        for column, title, text in zip(
            ("accuracy", "macro_f1"), ("Accuracy", "Macro F1"), ours, strict=True
        ):
            row |= results.beside(title, label, column)
            row[f"{title} ours (95% CI)"] = text
        row |= results.beside("Minority recall", label, "minority_recall")
        row["Minority recall ours"] = _minority(predictions, minority)
        row["Accuracy less LeukocyteNet's (95% CI)"] = more.get(label, "–")
        row["McNemar, LeukocyteNet : this row"] = against.get(label, "–")
        row["n test"] = size(predictions, "test")
        row["p (chance)"] = f"{chance(predictions):.1g}" if predictions else "–"
        row["data"] = results.data
        if results.options.external:
            external = results.external(label)
            if not results.own:
                row["External accuracy published"] = "–"
                if label == HYBRID_ROW:
                    row["External accuracy published"] = f"{claim.value}†"
            row["External accuracy ours (95% CI)"] = scored(external, "external", "accuracy")
            row["n external"] = size(external, "external")
            if len(external) < len(predictions):
                gone.append(f"{label} ({len(predictions) - len(external)} of {len(predictions)})")
        rows.append(row)
    lines = [*results.captions(), ours_line(results)]
    if results.options.external:
        lines.append(_external_line(results, claim))
        if gone:
            lines.append(
                f"Not tested on external pictures, for their runs keep no model.keras: "
                f"{', '.join(gone)}; train them anew to test them."
            )
    lines.append(mcnemar_line(results, HYBRID_ROW))
    two = f"{' and '.join(minority)}, the lower first" if minority else "none, no two are fewest"
    lines.append(
        f"Minority recall: {two}; mean over seeds and 95% interval (MDS and Lymphoma in the paper; "
        "elsewhere the two classes with the fewest pictures)."
    )
    return pd.DataFrame(rows), lines


def _external_line(results, claim):
    """What the external column was measured on, and what the published one was."""
    frame = results.material.external
    found = frame["label"].value_counts()
    text = ", ".join(f"{name} {found[name]}" for name in results.classes if name in found)
    line = f"External: {results.material.external_name}, never trained on ({text})"
    if frame.attrs["left_out"]:
        line += f"; {frame.attrs['left_out']} pictures of other classes left out"
    if frame.attrs["namesakes"]:
        line += (
            f"; {frame.attrs['namesakes']} names of people stand in --data, too, and count as "
            "different people"
        )
    if results.own:
        return f"{line}."
    return f"{line}. Published {claim.value}†: {claim.note} (section {claim.section})."


def _minority_classes(results):
    """The paper's two, or the two with the fewest pictures; [] where numbers do not tell two."""
    if set(MINORITY) <= set(results.classes):
        return list(MINORITY)
    have = counts(results.catalogue).sort_values(kind="stable")
    told = len(have) > 2 and have.iloc[1] < have.iloc[2]
    return have.index[:2].tolist() if told else []


def _minority(predictions, minority):
    """Recall of these two classes in percent, with their intervals, the lower first."""
    if not predictions or not minority:
        return "–" if predictions else "not run"
    classes = classes_of(predictions[0])
    recalls = [_of_class(classes.index(name), "recall") for name in minority]
    found = intervals(predictions, "test", recalls)
    return ", ".join(spread([100 * x for x in triple], 1, 1) for triple in sorted(found))


def durations(results):
    """Table 8: wall time of training and of validation, measured, not estimated."""
    runs = results.runs.get("LeukocyteNet", [])
    lacking = "not recorded" if runs else "not run"
    runs = [run for run in runs if not run.history.empty]
    rows = []
    for phase, key in (
        ("Total (Training + Validation)", "total"), ("Training (approx.)", "training"),
        ("Validation (approx.)", "validation"),
    ):  # fmt: skip
        published = {"published (min)": results.published(phase, "duration")}
        published = {} if results.own else published
        rows.append(
            {
                "Phase": phase,
                **published,
                "ours (min)": _range([_minutes(run)[key] for run in runs]) if runs else lacking,
                "n epochs": str(len(runs[0].history)) if runs else "–",
                "data": results.data,
            }
        )  # fmt: skip
    lines = results.captions()
    lines.append(
        "Ours: wall time of all epochs of one training, mean (least to most) over trainings, on "
        "the hardware above, without reading and decoding the pictures"
        + "; the paper's training time is an estimate that exceeds its own total"
        * (not results.own)
        + "."
    )
    return pd.DataFrame(rows), lines


def _range(minutes):
    """Mean of the trainings' minutes, with the least and the most where there are several."""
    text = f"{np.mean(minutes):.2f}"
    return text if len(minutes) < 2 else f"{text} ({min(minutes):.2f} to {max(minutes):.2f})"


def _minutes(run):
    history = run.logged("seconds", "validation_seconds")
    train, held = history["seconds"].sum() / 60, history["validation_seconds"].sum() / 60
    return {"total": train + held, "training": train, "validation": held}
