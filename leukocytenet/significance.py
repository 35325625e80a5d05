"""LeukocyteNet's Table 9: the paper's statistics over epochs, and what its claim needs (4-3)."""

import numpy as np
import pandas as pd

from smears import statistics
from smears.runs import classes_of
from smears.tables import interval, scored, size


def significance(results):
    """Table 9: the paper's epoch-wise statistics, then intervals over subjects and McNemar."""
    runs = results.runs.get("LeukocyteNet", [])
    own = results.predictions("LeukocyteNet")
    history = runs[0].history if runs else pd.DataFrame()
    rows = [
        _row(results, name, _mean_over_epochs(history, key), len(history))
        for name, key in (
            ("Training Accuracy", "accuracy"),
            ("Validation Accuracy", "val_accuracy"),
        )
    ]
    rows.append(_row(results, "Paired t-test (Train vs. Val)", _paired(history), len(history)))
    for part in ("validation", "test"):
        name = f"{part.capitalize()} accuracy, interval over subjects, %"
        rows.append(_row(results, name, scored(own, part, "accuracy"), size(own, part)))
    rows += _mcnemar(results, own)
    lines = results.captions()
    lines += [
        "n: epochs in the first three rows, which repeat the paper's computation and take the "
        "epochs of one run (here the first seed's) as independent samples (D16); pictures in the "
        "rows below, which are what a claim about new pictures needs.",
        "McNemar's exact test: pictures that only LeukocyteNet got right : that only the other "
        "got right, p corrected for the number of baselines by Holm's method"
        + (
            ", pooled over seeds, which counts a picture once a seed and so makes p too small."
            if len(results.options.seeds) > 1
            else "."
        ),
    ]
    return pd.DataFrame(rows), lines


def _row(results, name, text, n):
    return {
        "Metric": name,
        "published": results.published(name, "value"),
        "ours": text,
        "n": str(n or "–"),
        "data": results.data,
    }


def _mean_over_epochs(history, key):
    if history.empty:
        return "not run"
    mean, half = statistics.t_interval(history[key].to_numpy())
    return f"{mean:.4f} ± {half:.4f}" if np.isfinite(half) else f"{mean:.4f}, one epoch"


def _paired(history):
    if history.empty:
        return "not run"
    gap = history["accuracy"] - history["val_accuracy"]
    if len(gap) < 2 or gap.std() == 0:
        return "undefined: needs epochs that differ"
    t, p = statistics.paired_t(history["accuracy"].to_numpy(), history["val_accuracy"].to_numpy())
    return f"t = {t:.4f}, {_small(p)}"


def _mcnemar(results, own):
    """McNemar's exact test against each baseline, the best one (on validation) marked."""
    others = [name for name in results.study.rows if name != "LeukocyteNet"]
    found = {name: results.predictions(name) for name in others}
    ready = [name for name in others if own and found[name]]
    pairs = {name: (_correct(own), _correct(found[name])) for name in ready}
    values = [statistics.mcnemar(*pairs[name]) for name in ready]
    corrected = dict(zip(ready, statistics.holm(values) if ready else [], strict=True))
    held = {name: interval(found[name], "validation", "accuracy")[0] for name in ready}
    rows = []
    for name in others:
        text, n = "not run", "–"
        if name in ready:
            a, b = pairs[name]
            text, n = f"{np.sum(a & ~b)} : {np.sum(~a & b)}, p = {corrected[name]:.2g}", len(a)
        best = " (best on validation)" if ready and name == max(held, key=held.get) else ""
        rows.append(_row(results, f"McNemar, test, against {name}{best}", text, n))
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


def _small(p):
    """A p value to four places, as the paper prints it."""
    return f"p = {p:.4f}" if p >= 5e-5 else "p < 0.0001"
