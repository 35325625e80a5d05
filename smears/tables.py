"""Tables made from predictions: published beside ours, with intervals over subjects and seeds."""

import numpy as np
import pandas as pd

from smears import colour, metrics, statistics
from smears.catalogue import unit_of
from smears.runs import classes_of

RESAMPLES = 2000


def confusions(predictions, part):
    """Confusion matrices by subject, for bootstraps.

    Args:
        predictions: list of predictions tables of one row, one a seed, same pictures in each.
        part: "validation", "test" or "external".

    Returns:
        Integer array (seeds, subjects, classes, classes); rows of a matrix are true classes.
    """
    stacks = []
    for table in predictions:
        held = table[table["part"] == part]
        stacks.append(statistics.grouped_confusions(held, classes_of(table), unit_of(held)))
    return np.stack(stacks)


def interval(predictions, part, metric):
    """(mean over seeds, low, high) of a score, 95% bootstrap.

    Args:
        predictions, part: as for `confusions`.
        metric: name of `metrics.from_confusion`, or a function of matrices (..., k, k).
    """
    return intervals(predictions, part, [metric])[0]


def intervals(predictions, part, several):
    """List of `interval` of several metrics, in the time of little more than one."""
    stack = confusions(predictions, part)
    scores = [_score(metric) for metric in several]
    bounds = statistics.bootstrap_by_subject(stack, scores, resamples=RESAMPLES, seed=0)
    return [
        (float(np.mean(score(stack.sum(1)))), *pair)
        for score, pair in zip(scores, bounds, strict=True)
    ]


def difference(first, second, part, metric):
    """(mean over seeds of one row less that of another, low, high) on pictures of their own.

    Args:
        first, second: predictions of the two rows, whose pictures and seeds may differ.
        part, metric: as for `interval`.
    """
    stacks = [confusions(predictions, part) for predictions in (first, second)]
    return statistics.difference_apart(*stacks, _score(metric), resamples=RESAMPLES)


def without(predictions, beginning):
    """A predictions table without the pictures whose names begin so."""
    names = predictions["path"].str.rpartition("/")[2]
    return predictions[~names.str.startswith(beginning)]


def _score(metric):
    """Function of matrices (..., k, k) of a metric's name."""
    return metric if callable(metric) else lambda matrix: metrics.from_confusion(matrix)[metric]


def percent(triple):
    """A value with its interval as people print it: "71.50 (64.0–78.2)"; see `spread`."""
    return spread([100 * x for x in triple], 2, 1)


def fraction(triple):
    """A value with its interval as some papers print it: "0.7150 (0.640–0.782)"; see `spread`."""
    return spread(triple, 4, 3)


def spread(triple, places, of_bounds, link="–", unit=""):
    """A value with its interval, both rounded; "(–)" in its place where all resamples agree.

    They do where nothing was wrong, or a class has one subject: they know no spread then.

    Args:
        triple: (value, low, high). places, of_bounds: decimals. link: between the bounds.
        unit: behind the value.
    """
    value, low, high = triple
    bounds = f"{low:.{of_bounds}f}{link}{high:.{of_bounds}f}" if low < high else "–"
    return f"{value:.{places}f}{unit} ({bounds})"


def chance(predictions, part="test"):
    """Largest p over seeds of the exact binomial test that accuracy is at most chance.

    Chance is the share of the largest class of that part, the best a constant answer can do.
    """
    worst = 0.0
    for table in predictions:
        matrix = confusions([table], part)[0].sum(0)
        share = matrix.sum(1).max() / matrix.sum()
        worst = max(worst, statistics.above_chance(np.trace(matrix), matrix.sum(), share))
    return worst


def scored(predictions, part, metric, style=percent):
    """A score with its interval, in `percent` or as `fraction`, or "not run"."""
    return several_scored(predictions, part, [metric], style)[0]


def units(predictions):
    """What intervals are drawn over: "subjects", or "source images" where none is known.

    Args:
        predictions: list of DataFrames (smears.runs), one a run.
    """
    known = not predictions or any((table["subject"] != "").any() for table in predictions)
    return "subjects" if known else "source images"


def several_scored(predictions, part, several, style=percent):
    """List of `scored` of several metrics, in the time of little more than one."""
    if not predictions:
        return ["not run"] * len(several)
    return [style(triple) for triple in intervals(predictions, part, several)]


def size(predictions, part):
    """Number of pictures of a part, as text; "–" where nothing was run."""
    return str((predictions[0]["part"] == part).sum()) if predictions else "–"


def correct(predictions):
    """Bool array over test pictures of all seeds: was the most probable class the right one."""
    found = []
    for table in predictions:
        held = table[table["part"] == "test"]
        classes = np.array(classes_of(table))
        said = classes[held[classes].to_numpy().argmax(1)]
        found.append(said == held["label"].to_numpy())
    return np.concatenate(found)


def mcnemar_against(results, reference, labels):
    """McNemar's exact test of one row against each of others, over the test pictures of all seeds.

    Args:
        results: smears.study.Results. reference: label of the row. labels: of the others.

    Returns:
        Dict label -> text "only the reference right : only this row right, p = ...", p by subject
        (`statistics.mcnemar`) and corrected for the number of rows by Holm's method; "not run"
        where either was not, or no seed is common to both.
    """
    counts, values = {}, {}
    for label in labels:
        pair = _paired(results, reference, label)
        if pair:
            first, second = (correct(row) for row in pair)
            counts[label] = f"{np.sum(first & ~second)} : {np.sum(~first & second)}"
            stacks = [confusions(row, "test") for row in pair]
            values[label] = statistics.mcnemar(statistics.right_apart(*stacks))
    corrected = statistics.holm(list(values.values())) if values else []
    texts = dict.fromkeys(labels, "not run")
    return texts | {
        label: f"{apart}, p = {p:.2g}"
        for (label, apart), p in zip(counts.items(), corrected, strict=True)
    }


def gains(results, reference, labels):
    """Test accuracy of each of some rows less that of one, in points, over the seeds of both.

    Args: as `mcnemar_against`.

    Returns:
        Dict label -> "+2.49 (+0.9 to +4.1)", bootstrap over subjects and seeds, the same for both;
        "not run" where either was not, or no seed is common to both.
    """
    texts = dict.fromkeys(labels, "not run")
    for label in labels:
        pair = _paired(results, reference, label)
        if pair:
            own, other = (confusions(row, "test") for row in pair)
            found = statistics.difference_by_subject(
                other, own, _score("accuracy"), resamples=RESAMPLES
            )
            gain, low, high = (100 * value for value in found)
            texts[label] = f"{gain:+.2f} ({low:+.1f} to {high:+.1f})"
    return texts


def _paired(results, reference, label):
    """Predictions of two rows, a pair of lists, a table each seed that both have; or None.

    A row without seeds (colour) is the same for each seed of the reference.
    """
    own = dict(zip(results.seeds(reference), results.predictions(reference), strict=True))
    if label in colour.CLASSIFIERS:
        other = dict.fromkeys(own, results.predictions(label)[0])
    else:
        other = dict(zip(results.seeds(label), results.predictions(label), strict=True))
    shared = [seed for seed in own if seed in other]
    return ([own[seed] for seed in shared], [other[seed] for seed in shared]) if shared else None


def mcnemar_line(results, reference):
    """The caption line of a column or rows made by `mcnemar_against`."""
    return (
        f"McNemar's exact test, test pictures: those that only {reference} got right : those that "
        "only the other got right"
        + (", over all seeds that both have" if results.several_seeds else "")
        + "; p takes subjects (source images where unknown), not pictures, as independent, and is "
        "corrected for the number of rows by Holm's method."
    )


def colour_line(results):
    """A caption line for tables without rows of colour: how far six colour numbers come."""
    found = []
    for label in colour.CLASSIFIERS:
        accuracy = scored(results.predictions(label), "test", "accuracy")
        found.append(f"{accuracy} by {label.partition('(')[2].rstrip(')')}")
    return f"Colour statistics only, same split, test accuracy in %: {'; '.join(found)}."


def interval_line(results):
    """The caption line on what our numbers and their intervals are."""
    return (
        "Ours: mean over seeds; 95% interval from a bootstrap over subjects"
        + (" and seeds" if results.several_seeds else "")
        + " (source images where subjects are unknown; – where all resamples agree)."
    )


def ours_line(results):
    """`interval_line`, what it cannot tell, and what "p (chance)" is."""
    rows = map(results.predictions, [*results.study.rows, *colour.CLASSIFIERS])
    some = next(filter(None, rows))[0]
    tested = unit_of(some[some["part"] == "test"]).nunique()
    lowest = 100 * 0.025 ** (1 / tested)  # exact binomial, two-sided
    return (
        f"{interval_line(results)[:-2]}, which is no certainty: {tested} of {tested} right fit any "
        f"share from {lowest:.1f}% up); p: exact binomial test against always answering the most "
        "frequent class, in which pictures count as independent, so that it is too small where "
        "people give several."
    )


def accuracy_table(results, columns, first="Model"):
    """A table of accuracies: published (`Results.beside`) | ours, the colour-only rows beneath.

    Args:
        results: smears.study.Results, trained.
        columns: published column -> (title, part, metric), in the order of the paper's table.
        first: title of the first column.

    Returns:
        (DataFrame of texts, caption lines).
    """
    rows, by_part = [], {}
    for column, (_, part, metric) in columns.items():
        by_part.setdefault(part, {})[column] = metric
    for label in [*results.study.rows, *colour.CLASSIFIERS]:
        predictions = results.predictions(label)
        ours = {}
        for part, own in by_part.items():
            found = several_scored(predictions, part, list(own.values()))
            ours |= dict(zip(own, found, strict=True))
        row = {first: label}
        for column, (title, _, _) in columns.items():
            row |= results.beside(title, label, column)
            row[f"{title} ours (95% CI)"] = ours[column]
        row["n test"] = size(predictions, "test")
        row["p (chance)"] = f"{chance(predictions):.1g}" if predictions else "–"
        row["data"] = results.data
        rows.append(row)
    lines = results.captions()
    lines.append(ours_line(results))
    return pd.DataFrame(rows), lines
