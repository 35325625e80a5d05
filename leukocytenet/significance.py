"""LeukocyteNet's Table 9: the paper's statistics over epochs, and what its claim needs (4-3)."""

import numpy as np
import pandas as pd

from smears import colour, statistics
from smears.tables import interval, mcnemar_against, mcnemar_line, scored, size, units

TURNS = "LeukocyteNet, flips and quarter turns"  # a row of Table 4 as well


def significance(results):
    """Table 9: the paper's epoch-wise statistics, then intervals over subjects and McNemar."""
    runs = results.runs.get("LeukocyteNet", [])
    own = results.predictions("LeukocyteNet")
    history = runs[0].logged("accuracy", "val_accuracy") if runs else pd.DataFrame()
    rows = [
        _row(results, name, _mean_over_epochs(history, key), len(history))
        for name, key in (
            ("Training Accuracy", "accuracy"),
            ("Validation Accuracy", "val_accuracy"),
        )
    ]
    rows.append(_row(results, "Paired t-test (Train vs. Val)", _paired(history), len(history)))
    for part in ("validation", "test"):
        over = units(own) + (" and seeds" if len(own) > 1 else "")
        name = f"{part.capitalize()} accuracy, interval over {over}, %"
        rows.append(_row(results, name, scored(own, part, "accuracy"), size(own, part)))
    for name in (TURNS, *colour.CLASSIFIERS):
        other = results.predictions(name)
        text = scored(other, "test", "accuracy")
        rows.append(_row(results, f"Test accuracy, {name}, %", text, size(other, "test")))
    rows += _mcnemar(results, "LeukocyteNet")
    if TURNS in results.runs:
        rows += _mcnemar(results, TURNS, f"{TURNS}: ")
    lines = results.captions()
    lines += [
        "n: epochs in the first three rows, which repeat the paper's computation and take the "
        "epochs of one run (here the first seed's) as independent samples (D16); pictures in the "
        "rows below, which are what a claim about new pictures needs.",
        mcnemar_line(results, "LeukocyteNet"),
    ]
    return pd.DataFrame(rows), lines


def _row(results, name, text, n):
    return {
        "Metric": name,
        **({} if results.own else {"published": results.published(name, "value")}),
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


def _mcnemar(results, reference, title=""):
    """McNemar's exact test against each baseline, the best one (on validation) marked."""
    others = [name for name in results.study.rows if name not in ("LeukocyteNet", TURNS)]
    texts = mcnemar_against(results, reference, others)
    ready = [name for name in others if texts[name] != "not run"]
    held = {
        name: interval(results.predictions(name), "validation", "accuracy")[0] for name in ready
    }
    rows = []
    for name in others:
        shared = set(results.seeds(reference)) & set(results.seeds(name))
        n = len(shared) * int(size(results.predictions(name), "test")) if name in ready else "–"
        best = " (best on validation)" if ready and name == max(held, key=held.get) else ""
        what = f"{title}McNemar, test, against {name}{best}"
        rows.append(_row(results, what, texts[name], n))
    return rows


def _small(p):
    """A p value to four places, as the paper prints it."""
    return f"p = {p:.4f}" if p >= 5e-5 else "p < 0.0001"
