"""What each of LeukocyteNet's tables shows, made from runs, the catalogue or the network itself.

Every function takes smears.study.Results and returns (DataFrame of texts, caption lines); the
published columns come from paper.yaml, ours from what this code measured.
"""

import numpy as np
import pandas as pd

from leukocytenet import recipe
from smears import colour, statistics
from smears.catalogue import counts
from smears.runs import classes_of
from smears.tables import chance, confusions, interval, percent

MINORITY = ("MDS", "Lymphoma")


def literature(results):
    """Table 1: the cited rows as published; LeukocyteNet's row also as measured here."""
    names = list(results.paper.table(1).index)
    rows = []
    for name in names:
        row = {"Work": name}
        for column, title in (
            ("model", "Model"), ("classes", "Data class"), ("dataset", "Dataset"), ("accuracy", "Accuracy published"),
            ("explainability", "Explainability"), ("reference", "Ref"),
        ):  # fmt: skip
            row[title] = results.published(name, column)
        row["Accuracy ours (95% CI)"] = "–"
        rows.append(row)
    predictions = results.predictions("LeukocyteNet")
    rows[-1]["Accuracy ours (95% CI)"] = (
        percent(interval(predictions, "test", "accuracy")) if predictions else "not run"
    )
    return pd.DataFrame(rows), results.captions()


def acquisition(results):
    """Table 2: published counts beside the catalogue's, and what an epoch shows of each class."""
    from leukocytenet import augmentation

    frame, parts = results.catalogue, results.split[0]
    have = counts(frame)
    train = frame["label"][parts == "train"]
    positions, _ = augmentation.balance(train.tolist())
    shown = train.iloc[positions].value_counts()
    published = [name for name in recipe.CLASSES if name in results.paper.table(2).index]
    rows = []
    for name in [*published, *(name for name in results.classes if name not in published)]:
        rows.append(
            {
                "Class": name,
                "original published": results.published(name, "original"),
                "augmented published": results.published(name, "augmented"),
                "original ours": str(have.get(name, 0)),
                "training ours": str((train == name).sum()),
                "training with repetitions ours": str(shown.get(name, 0)),
                "data": results.data,
            }
        )
    missing = [name for name in recipe.CLASSES if name not in have]
    lines = [
        results.split[1].line,
        "Repetitions are augmented anew in each epoch; only training pictures are repeated.",
    ]
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
                "shape ours": shape,
                "parameters published": results.published(label, "parameters"),
                "parameters ours": f"{parameters:,}",
            }
        )
    return pd.DataFrame(rows), ["Computed from the network at 384 x 384; † contradicted (D6)."]


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
    return pd.DataFrame(rows), ["FLOPs: two operations a multiply-add, one picture, forward pass."]


def per_class(results):
    """Table 6: precision, recall and F1 of each class over the test part."""
    predictions = results.predictions("LeukocyteNet")
    if not predictions:
        return pd.DataFrame({"Class": results.classes}), results.captions()
    classes = classes_of(predictions[0])
    stack = confusions(predictions, "test")
    rows = []
    for number, name in enumerate(classes):
        row = {"Class": name}
        for column in ("precision", "recall", "f1"):

            def statistic(matrix, column=column, number=number):
                return _of_class(matrix, number)[column]

            low, high = statistics.bootstrap_by_subject(stack, statistic, resamples=2000, seed=0)
            value = float(np.nanmean(statistic(stack.sum(1))))
            row[f"{column} published"] = results.published(name, column)
            row[f"{column} ours (95% CI)"] = f"{value:.2f} ({low:.2f}–{high:.2f})"
        row["n test"] = str(int(stack[0].sum(0)[number].sum()))
        row["data"] = results.data
        rows.append(row)
    return pd.DataFrame(rows), results.captions()


def _of_class(matrix, number):
    """Precision, recall and F1 of one class from confusion matrices (..., k, k)."""
    hit = matrix[..., number, number].astype(float)
    said, true = matrix[..., :, number].sum(-1), matrix[..., number, :].sum(-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return {"precision": hit / said, "recall": hit / true, "f1": 2 * hit / (said + true)}


def ablation(results):
    """Table 4: accuracy, macro F1 and the recall of the two rarest diseases; external data."""
    rows = []
    for label in [*results.study.rows, *colour.CLASSIFIERS]:
        predictions = results.predictions(label)
        row = {"Model variant": label}
        for column, title, metric in (
            ("accuracy", "Accuracy", "accuracy"), ("macro_f1", "Macro F1", "f1_macro"),
        ):  # fmt: skip
            row[f"{title} published"] = results.published(label, column)
            row[f"{title} ours (95% CI)"] = (
                percent(interval(predictions, "test", metric)) if predictions else "not run"
            )
        row["Minority recall published"] = results.published(label, "minority_recall")
        row["Minority recall ours"] = _minority(predictions)
        if results.options.external:
            external = results.external(label)
            row[f"Accuracy on {results.external_data} (95% CI)"] = (
                percent(interval(external, "external", "accuracy")) if external else "–"
            )
        row["n test"] = str((predictions[0]["part"] == "test").sum()) if predictions else "–"
        row["p (chance)"] = f"{chance(predictions):.1g}" if predictions else "–"
        row["data"] = results.data
        rows.append(row)
    lines = results.captions()
    lines.append(
        "Minority recall: the lower and the higher of MDS and Lymphoma, mean over seeds; for other "
        "class sets, of the two classes with the fewest pictures."
    )
    return pd.DataFrame(rows), lines


def _minority(predictions):
    """Recall of the two minority classes as "low – high", in percent."""
    if not predictions:
        return "not run"
    classes = classes_of(predictions[0])
    matrix = confusions(predictions, "test").sum((0, 1))
    if set(MINORITY) <= set(classes):
        chosen = [classes.index(name) for name in MINORITY]
    else:
        chosen = np.argsort(matrix.sum(1), kind="stable")[:2]
    recalls = sorted(100 * matrix[c, c] / matrix[c].sum() for c in chosen)
    return " – ".join(f"{recall:.1f}" for recall in recalls)


def durations(results):
    """Table 8: wall time of training and of validation, measured, not estimated."""
    runs = results.runs.get("LeukocyteNet", [])
    rows = []
    for phase, key in (
        ("Total (Training + Validation)", "total"), ("Training (approx.)", "training"),
        ("Validation (approx.)", "validation"),
    ):  # fmt: skip
        rows.append(
            {
                "Phase": phase,
                "published (min)": results.published(phase, "duration"),
                "ours (min)": f"{np.mean([_minutes(run)[key] for run in runs]):.2f}"
                if runs else "not run",
                "data": results.data,
            }
        )  # fmt: skip
    lines = results.captions()
    lines.append(
        "Ours: wall time of all epochs of one training, mean over seeds, on the hardware above; "
        "the paper's training time is an estimate that exceeds its own total."
    )
    return pd.DataFrame(rows), lines


def _minutes(run):
    history = run.history
    train, held = history["seconds"].sum() / 60, history["validation_seconds"].sum() / 60
    return {"total": train + held, "training": train, "validation": held}


def significance(results):
    """Table 9: the paper's epoch-wise statistics, then intervals over subjects and McNemar."""
    runs = results.runs.get("LeukocyteNet", [])
    rows = []
    if runs:
        history = runs[0].history
        for name, key in (
            ("Training Accuracy", "accuracy"),
            ("Validation Accuracy", "val_accuracy"),
        ):
            mean, half = statistics.t_interval(history[key].to_numpy())
            rows.append(_row(results, name, f"{mean:.4f} ± {half:.4f}"))
        if len(history) > 1:
            t, p = statistics.paired_t(
                history["accuracy"].to_numpy(), history["val_accuracy"].to_numpy()
            )
            name = "Paired t-test (Train vs. Val)"
            rows.append(_row(results, name, f"t = {t:.4f}, p = {p:.4f}"))
        own = results.predictions("LeukocyteNet")
        for part in ("validation", "test"):
            text = percent(interval(own, part, "accuracy"))
            rows.append(_row(results, f"{part.capitalize()} accuracy over subjects, %", text))
        rows += _mcnemar(results, own)
    lines = results.captions()
    lines.append(
        "The first three rows repeat the paper's computation, which takes the epochs of one run "
        "as independent samples (D16); the rows below are what a claim about new pictures needs."
    )
    return pd.DataFrame(rows), lines


def _row(results, name, text):
    return {
        "Metric": name,
        "published": results.published(name, "value"),
        "ours": text,
        "data": results.data,
    }


def _mcnemar(results, own):
    """McNemar's exact test against each baseline, pooled over seeds, Holm-corrected."""
    names = [
        name for name in results.study.rows if name != "LeukocyteNet" and results.runs.get(name)
    ]
    if not names:
        return []
    pairs = [(_correct(own), _correct(results.predictions(name))) for name in names]
    values = [statistics.mcnemar(first, second) for first, second in pairs]
    rows = []
    for name, (a, b), p in zip(names, pairs, statistics.holm(values), strict=True):
        text = f"{np.sum(a & ~b)} : {np.sum(~a & b)} pictures, p = {p:.2g} (Holm)"
        rows.append(_row(results, f"McNemar, test, against {name}", text))
    return rows


def _correct(predictions):
    """Bool array over test pictures of all seeds: was the most probable class the right one."""
    found = []
    for table in predictions:
        held = table[table["part"] == "test"]
        classes = np.array(classes_of(table))
        said = classes[held[classes].to_numpy().argmax(1)]
        found.append(said == held["label"].to_numpy())
    return np.concatenate(found)
