"""How good explanations are, every method on each network: one table with intervals."""

import json

import numpy as np
import pandas as pd

from smears import statistics
from smears.catalogue import unit_of
from smears.explain import faithfulness, robustness, scoring
from smears.runs import write_whole

# Column of the scores -> its title; ↑ higher is better, ↓ lower is better.
MEASURES = {
    "pointing nucleus": "Pointing game, nucleus ↑", "mass nucleus": "Relevance in nucleus ↑",
    "mass cell": "Relevance in cell ↑", "rank nucleus": "Rank accuracy, nucleus ↑",
    "iou cell": "IoU, cell ↑", "dice cell": "Dice, cell ↑", "deletion": "Deletion ↓",
    "insertion": "Insertion ↑", "sensitivity": "Max-sensitivity ↓",
    "stability": "Stability over seeds ↑", "ranks": "Random weights: |rank correlation| ↓",
    "ssim": "Random weights: SSIM ↓",
}  # fmt: skip

SCORES = "scores: mean, low, high (95%)"  # in explanations.json


def interval(tables, measure):
    """(mean, low, high) over pictures, or None where none was measured; 95% by subject and seed.

    Args:
        tables: list of the scores of one method, one a training, on the same pictures.
    """
    values = np.stack([table[measure].to_numpy(float) for table in tables])
    known = np.isfinite(values).all(0)
    if not known.any():
        return None
    return statistics.mean_by_subject(values[:, known], unit_of(tables[0])[known])


def sanity_check(tables):
    """The check with random weights (`sanity.passes`) in a word.

    Args:
        tables: as `interval`.

    Returns:
        "passes", "fails", "flat after" (all maps become flat, which shows too little) or "–"
        (not measured, or all maps are flat to begin with).
    """
    from smears.explain import sanity

    ranks = np.concatenate([table["ranks"].to_numpy(float) for table in tables])
    ranks = ranks[np.isfinite(ranks)]
    if not len(ranks):
        return "–"
    if not ranks.any():
        return "flat after"
    return "passes" if sanity.passes(ranks) else "fails"


def note(run, tables, data):
    """Write explanations.json into a run: scores with intervals on this data, beside other data's
    and beside those of methods that were not measured this time.

    Args:
        run: smears.runs.Run. tables: dict label -> scores of one method. data: name of the data.
    """
    known = run.explanations
    methods = {}
    for label, table in tables.items():
        found = {measure: interval([table], measure) for measure in MEASURES}
        methods[label] = {
            measure: [round(value, 4) for value in triple]
            for measure, triple in found.items()
            if triple
        } | {
            "check with random weights": sanity_check([table]),
            "pictures": len(table), "subjects": int(unit_of(table).nunique()),
        }  # fmt: skip
    known[data] = {
        "explained": "the most probable class",
        SCORES: known.get(data, {}).get(SCORES, {}) | methods,
    }
    write_whole(run.folder / "explanations.json", json.dumps(known, indent=1))


def table(models, data, methods):
    """The table.

    Args:
        models: dict name -> list of what `scores` gave, one a training. data: name of the data.
        methods: labels of the methods that were asked for.

    Returns:
        DataFrame of texts, a row for each method of each model; "–" where the method does not suit
        the model.
    """
    rows, columns = [], [*MEASURES.values(), "Sanity check", "Flat maps", "n"]
    for name, trainings in models.items():
        for label in methods:
            row = {"Model": name, "Method": label}
            if label not in trainings[0]:
                rows.append({**row, **dict.fromkeys(columns, "–"), "data": data})
                continue
            tables = [training[label] for training in trainings]
            for measure, title in MEASURES.items():
                row[title] = _text(interval(tables, measure))
            row["Sanity check"] = sanity_check(tables)
            row["Flat maps"] = str(int(sum(table["flat"].astype(bool).sum() for table in tables)))
            rows.append({**row, "n": str(len(tables[0])), "data": data})
    return pd.DataFrame(rows)


def lines(models, few):
    """Caption lines that say what was measured, how, and which way is better."""
    from smears.explain import sanity

    some = next(iter(next(iter(models.values()))[0].values()))
    right = "; ".join(f"{name} {_right(trainings)}" for name, trainings in models.items())
    few = min(few, len(some))
    several = {name: len(trainings) for name, trainings in models.items() if len(trainings) > 1}
    counts = ", ".join(f"{count} of {name}" for name, count in several.items())
    return [
        f"{len(some)} pictures of {unit_of(some).nunique()} subjects (where unknown, source "
        "images); the most probable class is explained, right or not; – where a "
        "method needs a network or a layer that a model has not, or all maps asked are flat. Share "
        "named correctly: "
        f"{right}.",
        *([f"Trainings: {counts}; flat maps are counted over all of them."] if several else []),
        "↑: higher is better; ↓: lower is better. Mean over pictures; 95% interval from a "
        f"bootstrap over subjects{' and trainings' * bool(several)}. Random map, centred Gaussian "
        "and edge detector know nothing of the network: what they reach needs no trained network.",
        "Pointing game (Zhang et al. 2018): the maximum lies in a nucleus. Relevance in nucleus, "
        "in cell: share of the map's sum (relevance mass accuracy, Arras et al. 2022). Rank "
        "accuracy: share of the highest pixels, as many as the nuclei have, that lies in them; the "
        "same as Dice at the threshold that gives the nuclei's own area. IoU, Dice: where the map "
        "has at least half of its maximum, against the cells (nucleus and cytoplasm). A flat map "
        "counts as the guess that it is.",
        f"Deletion, insertion (Petsiuk et al. 2018): area below the class's probability in "
        f"{faithfulness.STEPS} steps, towards the picture's mean colour, from the picture blurred "
        "by a tenth of its side. They depend on how sure a network is: compare them within one.",
        f"On the first {few} pictures: max-sensitivity (Yeh et al. 2019), the largest change of a "
        f"map in shares of its norm among {scoring.SAMPLES} copies with noise of up to "
        f"{robustness.RADIUS} grey levels; stability, the mean rank correlation of maps of "
        f"{scoring.SEEDS} seeds of the method (– where it draws nothing by chance); random weights "
        "(Adebayo et al. 2018), maps of the network before and after all its layers were started "
        "anew, its scores rescaled so that they differ between pictures by about 1. Rank "
        f"correlations without sign, {sanity.LIMIT} or more in the mean fails: the map "
        "shows the picture, not what was learnt. Flat maps are left out of all three; one that "
        "becomes flat counts as 0; flat after: all become so, which tells no more than that the "
        "random network's answer hangs on nothing.",
        *_unstable(models),
    ]


def _unstable(models):
    """The line that counts LIME's maps that say that they are not stable; none without LIME."""
    from smears.explain import lime

    counts = []
    for name, trainings in models.items():
        notes = [note for known in trainings if "LIME" in known for note in known["LIME"]["note"]]
        if notes:
            counts.append(f"{name} {sum(lime.UNSTABLE in note for note in notes)} of {len(notes)}")
    if not counts:
        return []
    return [
        f"Maps of LIME that say that their {lime.TOP} strongest superpixels are not stable (two "
        f"halves of all its samples give others): {', '.join(counts)}."
    ]


def _right(trainings):
    """Share of the pictures whose class was said, or why there is none."""
    tables = [next(iter(training.values())) for training in trainings]
    if not any(set(table["said"]) & set(table["label"]) for table in tables):
        return "– (says none of their classes)"
    return f"{np.mean([(table['said'] == table['label']).mean() for table in tables]):.0%}"


def _text(triple):
    return "{:.3f} ({:.2f}–{:.2f})".format(*triple) if triple else "–"
