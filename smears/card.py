"""MODEL_CARD.md of a finished run: what it learned from, how well, and what it is not for."""

import argparse
import json
import sys
from importlib import import_module

import numpy as np

from smears import InputError, calibration, checklists, metrics, reports, sources, splits, tables
from smears.ending import exits
from smears.runs import Run, classes_of, write_whole

NAME = "MODEL_CARD.md"
SCORES = {
    "Accuracy": "accuracy", "Balanced accuracy": "balanced_accuracy",
    "Precision, macro": "precision_macro", "Recall, macro": "recall_macro",
    "F1, macro": "f1_macro", "Matthews correlation": "mcc",
}  # fmt: skip
UNKNOWN = "not recorded"
OWN = {"folder": "the user's own class folders", "csv": "the user's own list of pictures"}


def main(argv=None):
    """`python -m smears card RUN...`: write the cards of finished runs anew; 2 on wrong folders."""
    parser = argparse.ArgumentParser(
        prog="python -m smears card",
        description="Write MODEL_CARD.md into the folders of finished runs, as a training does at "
        "its end. Do so after explanations or another data set have been measured.",
    )
    parser.add_argument("runs", nargs="+", metavar="RUN", help="folder of a run, out/runs/...")
    options = parser.parse_args(argv)
    code = 0
    with exits("Stopped."):
        for folder in options.runs:
            try:
                print(f"Written: {write(Run.read(folder))}")
            except InputError as problem:
                print(problem, file=sys.stderr)
                code = 2
    return code


def describe(frame, parts, audit, **more):
    """What a card tells of the data, JSON-able, for a run's facts.

    Args:
        frame: catalogue. parts: Series of its parts. audit: smears.splits.Audit of them.
        **more: profile, by (unit of the split), fold, folds, assumed, ...
    """
    known = frame["subject"] != ""
    return {
        "sets": sorted(set(frame["data"])),
        "pictures": len(frame),
        "subjects": int(frame["subject"][known].nunique()),
        "counts": {
            label: {part: int((parts[own.index] == part).sum()) for part in splits.PARTS}
            for label, own in frame.groupby("label")
        },
        "sizes": [int(frame[["width", "height"]].min().min()),
                  int(frame[["width", "height"]].max().max())],
        "left_out": len(frame.attrs.get("left_out", [])),
        # In cross-validation parts are made anew, whatever the data gives.
        "given": int(frame["part"].isin(splits.PARTS).sum()) * (more.get("folds", 1) == 1),
        "audit": audit.line,
        **more,
    }  # fmt: skip


def write(run):
    """Write the card of a finished smears.runs.Run; returns its path.

    Numbers are computed from the run's predictions by the functions that make the tables, so that
    they cannot differ from them; what the run did not record is said to be so.

    Raises:
        InputError: the run has no predictions yet, or its settings.json is another's.
    """
    if not run.finished:
        raise InputError(
            f"{run.folder} has no predictions.csv: train it to its end first. Networks that draw "
            "masks, such as LeuSAM's alone, predict no classes and have no card."
        )
    lacking = [name for name in ("model", "seed", "size") if name not in run.settings]
    if lacking:
        raise InputError(
            f"{run.folder / 'settings.json'} lacks {', '.join(lacking)}, which every training of a "
            "table notes: bring it back from a copy, or train that row again."
        )
    path = run.folder / NAME
    write_whole(path, text(run))
    return path


def summary(run):
    """What must stand beside an answer of this run's model: dict of title -> one line."""
    answers = _known(run)["answers"]
    predictions = run.predictions
    return {
        "Model": answers["model"],
        "Learned from": answers["sources"],
        "Split": answers["split"],
        "Test": answers["internal"] + f"; chance {_chance(predictions)}",
        "Calibration": answers["calibration"],
        "Limits": answers["limits"],
    }


def text(run):
    """The card of a finished run, Markdown."""
    return "\n".join(_lines(run)) + "\n"


def _known(run):
    """All that the card tells: dict of data, limits, explained, scores, external, answers."""
    predictions, data = run.predictions, run.facts.get("described", {})
    found = run.facts.get("calibration") or calibration.of(predictions)
    limits = _limits(run, data, predictions)
    (explained, scores), external = _explanations(run), _external(run)
    measured = any("sensitivity" in line for line in scores)
    answers = _answers(run, data, predictions, found, limits, explained, external) | {
        "robustness": "not tested on changed pictures"
        + ("; that of the explanations is told below (sensitivity)" if measured else "")
    }
    return {
        "data": data, "limits": limits, "explained": explained, "scores": scores,
        "external": external, "answers": answers,
    }  # fmt: skip


def _lines(run):
    predictions, known = run.predictions, _known(run)
    data, answers = known["data"], known["answers"]
    settings = "\n".join(f"- {key}: `{json.dumps(v)}`" for key, v in run.settings.items())
    return [
        f"# {run.settings['model']}, seed {run.settings['seed']}",
        "",
        "Research use only. Not a medical device: no answer of this model may bear on a diagnosis.",
        "",
        "## What it is",
        "",
        f"- Model: {answers['model']}",
        f"- Answers with: {answers['output']}",
        f"- Start of the weights: {answers['start']}",
        f"- Run: `{run.folder.name}`; code {run.environment.get('commit') or UNKNOWN}; "
        f"{answers['software']}; {answers['machine']}",
        "",
        "## Data and split",
        "",
        f"- Sources: {answers['sources']}",
        f"- {answers['split']}",
        f"- Left out: {answers['left_out'] or UNKNOWN}",
        "",
        *_counts(data, predictions),
        "",
        "## How well it does",
        "",
        *_scores(predictions),
        "",
        "Mean and 95% interval, % (–: all resamples agree), by a bootstrap over "
        + tables.units([predictions])
        + ("." if _units_known(predictions) else ", for no subject is known."),
        f"Chance, always answering the test part's most frequent class, is {_chance(predictions)}.",
        "",
        *_by_class(predictions),
        "",
        f"- Calibration: {answers['calibration']}",
        f"- Explanations: {known['explained']}",
        f"- Another data set: {known['external']}",
        *known["scores"],
        "",
        "## For what, and for what not",
        "",
        "- Meant for: research and teaching on methods that classify pictures of blood cells.",
        "- Not meant for: diagnosis, screening or any decision about a person; pictures unlike "
        "those above in stain, magnification, camera or kind (cells, fields); other classes.",
        *(f"- {limit}" for limit in known["limits"]),
        "",
        "## What is assumed",
        "",
        *_assumed(data),
        "",
        "## Settings",
        "",
        settings,
        "",
        "## Reporting guidelines",
        "",
        "Items of CLAIM 2024, REFORMS and TRIPOD+AI that a run can answer, or must leave open.",
        "",
        *checklists.table(answers),
    ]


def _units_known(predictions):
    return (predictions["subject"] != "").any()


def _share(predictions, part):
    """(number of pictures, share of the largest class) of a part."""
    own = predictions[predictions["part"] == part]
    return len(own), own["label"].value_counts(normalize=True).max() if len(own) else float("nan")


def _chance(predictions):
    count, share = _share(predictions, "test")
    return f"{100 * share:.1f}%" if count else "not defined"


def _scores(predictions):
    """The overall scores of the test and validation part, as tables print them."""
    columns = {}
    for part in ("test", "validation"):
        count, _ = _share(predictions, part)
        found = tables.intervals([predictions], part, list(SCORES.values())) if count else []
        columns[part] = [
            str(count),
            *map(tables.percent, found),
            *["–"] * (not count) * len(SCORES),
        ]
    rows = ["| | test | validation |", "| --- | --- | --- |"]
    for title, *cells in zip(("Pictures", *SCORES), *columns.values(), strict=True):
        rows.append(f"| {title} | {' | '.join(cells)} |")
    return rows


def _by_class(predictions):
    """Precision, recall and number of each class on the test part."""
    rows = ["| Class | Precision | Recall | test pictures |", "| --- | --- | --- | --- |"]
    test = predictions[predictions["part"] == "test"]
    names = classes_of(predictions)
    several = [
        lambda matrix, number=number, score=score: metrics.of_class(matrix, number, score)
        for number in range(len(names)) for score in ("precision", "recall")
    ]  # fmt: skip
    found = tables.intervals([predictions], "test", several) if len(test) else []
    for number, name in enumerate(names):
        count = int((test["label"] == name).sum())
        cells = [tables.percent(one) for one in found[2 * number : 2 * number + 2]]
        rows.append(
            f"| {reports.cell(name)} | {' | '.join(cells if count else ['–', '–'])} | {count} |"
        )
    return rows


def _counts(data, predictions):
    """Pictures of each class and part."""
    counts = data.get("counts")
    if counts is None:
        parts = predictions.groupby("label")["part"].value_counts().unstack(fill_value=0)
        counts = {
            name: {"train": UNKNOWN, **{part: int(row.get(part, 0)) for part in splits.PARTS[1:]}}
            for name, row in parts.iterrows()
        }
    rows = ["| Class | " + " | ".join(splits.PARTS) + " |", "| --- | --- | --- | --- |"]
    rows += [
        f"| {reports.cell(name)} | " + " | ".join(str(row[part]) for part in splits.PARTS) + " |"
        for name, row in counts.items()
    ]
    return rows


def _assumed(data):
    topics = data.get("assumed")
    if not topics:
        return ["DEVIATIONS.md lists it, by number."]
    rows = [f"- {topic}: {numbers}" for topic, numbers in topics.items()]
    return [
        "What the paper leaves open or contradicts, by the numbers of DEVIATIONS.md:",
        "",
        *rows,
    ]


def _limits(run, data, predictions):
    """What must be known before a number of this card is repeated."""
    found = []
    if data.get("sets") == ["drawn"]:
        found.append("Trained on drawn smears: it says nothing about blood or disease.")
    if data.get("profile") == "quick":
        found.append("Quick profile: sizes and epochs are cut, so that its numbers are no result.")
    if data.get("by") == "image" or run.settings.get("paper_split"):
        found.append("Split by image: pictures of one person may stand on both sides.")
    elif data.get("by") == "source":
        found.append("Split by source image: pictures of one person may stand on both sides.")
    elif not _units_known(predictions):
        found.append("No subject is known: pictures of one person may stand on both sides.")
    found.append("One training with one seed: another seed gives other numbers.")
    if data.get("folds", 1) > 1:
        found.append(f"One fold of {data['folds']}: the table that joins the folds counts.")
    if "random" in run.facts.get("weights", ""):
        found.append(f"Weights: {run.facts['weights']}.")
    count = _share(predictions, "validation")[0]
    if 0 < count < 100:
        found.append(f"Calibrated on {count} validation pictures: trust no single percent.")
    smallest = predictions[predictions["part"] == "test"]["label"].value_counts()
    if len(smallest) and smallest.min() < 30:
        found.append(
            f"Test pictures of {smallest.idxmin()}: {smallest.min()} only; its numbers are rough."
        )
    return found


def warning(run, method):
    """What must be told beside a method's maps of this run: that they failed the check with random
    weights, and on which data; "" where they did not, or were not measured.

    Args:
        run: smears.runs.Run. method: as the run's explanations.json has it, e.g. "Grad-CAM".
    """
    failed = [
        data
        for data, measured in run.explanations.items()
        if _methods(measured).get(method, {}).get("check with random weights") == "fails"
    ]
    if not failed:
        return ""
    return (
        f"{method} fails the check with random weights on {' and '.join(failed)}: a network that "
        "has learned nothing gives much the same maps. They show the picture more than what this "
        "one learned."
    )


def _methods(found):
    """Dict: method -> its scores, of one data set's entry in explanations.json."""
    return next(value for value in found.values() if isinstance(value, dict))


def _explanations(run):
    """(one phrase, Markdown lines) on the scores in the run's explanations.json."""
    measured = run.explanations
    if not measured:
        return "not measured; `python experiments/explanations.py --help` says how", []
    phrases, lines = [], []
    for data, found in measured.items():
        counts = sorted({scores["pictures"] for scores in _methods(found).values()})
        phrases.append(f"{' or '.join(map(str, counts))} pictures of {data}")
        lines += ["", f"Explanations of {found['explained']} on {phrases[-1]}, "
                  "mean and 95% interval:", ""]  # fmt: skip
        for method, scores in _methods(found).items():
            told = [f"{name} {_triple(value)}" for name, value in scores.items()]
            lines.append(f"- {method}: {', '.join(told)}")
    return "measured on " + " and ".join(phrases), lines


def _triple(value):
    """E.g. "0.930 (0.901–0.955)"; what is no triple as it is."""
    if not isinstance(value, list):
        return str(value)
    return f"{value[0]:.3f} ({value[1]:.3f}–{value[2]:.3f})"


def _external(run):
    """Accuracy on the pictures of --external, each time that it was asked for."""
    from smears.runs import read_predictions

    found = []
    for path in sorted(run.folder.glob("external-*.csv")):
        table = read_predictions(path)
        found.append(
            f"accuracy {tables.scored([table], 'external', 'accuracy')}% of {len(table)} pictures"
        )
    return "; ".join(found) or "not tested on any (`table4.py --external NAME:PATH` does so)."


def _source(name):
    """A data set and who published it, from its reader."""
    if name in OWN:
        return OWN[name]
    line = import_module(sources.SOURCES[name]).__doc__.splitlines()[0]
    return f"{name} ({line.rstrip('.')})"


def _answers(run, data, predictions, found, limits, explained, external):
    """One phrase for each item that the run can answer."""
    s, facts, packages = run.settings, run.facts, run.environment.get("packages", {})
    count, _ = _share(predictions, "test")
    names = classes_of(predictions)
    counts = data.get("counts", {})
    scaling = facts.get("preprocess")
    calibrated = "not measured: no validation pictures"
    if found.get("validation"):
        calibrated = (
            f"expected calibration error on the test part {found['error_before']:.3f}, after "
            f"temperature scaling {found['error_after']:.3f} (temperature "
            f"{found['temperature']:.2f}, fitted on {found['validation']} validation pictures)"
        )
    epochs = f", {len(run.history)} epochs run" if len(run.history) else ""
    return {
        "sources": "; ".join(map(_source, data["sets"])) if data else UNKNOWN,
        "left_out": f"{data['left_out']} unreadable or contradictory pictures" if data else "",
        "subset": "all readable pictures that the reader of the source gives" if data else "",
        "missing": f"{data['left_out']} pictures left out; no value was filled in" if data else "",
        "outcome": "class of the picture: " + ", ".join(
            f"{name} {sum(counts[name].values())}" if name in counts else name for name in names
        ),
        "preprocessing": f"decoded to 8-bit RGB, resized to {s['size']} x {s['size']} pixels, "
        f"scaled as {scaling or 'the settings say'}",
        "sample": f"{data['pictures']} pictures, all that there were; no calculation" if data
        else "",
        "split": data.get("audit") or f"split {s.get('split', UNKNOWN)}; its counts are {UNKNOWN}.",
        "disjoint": _disjoint(run, data, predictions),
        "model": f"{s['model']}, {_number(facts.get('parameters'))} parameters, input "
        f"{s['size']} x {s['size']} x 3",
        "start": facts.get("weights", UNKNOWN),
        "training": f"settings below{epochs}, seed {s['seed']}",
        "selection": "as the settings say; the test part was not looked at",
        "ensemble": "none: one network, one seed",
        "imbalance": ", ".join(
            f"{key}: {json.dumps(s[key])}" for key in ("augment", "class_weight", "synthesise")
            if key in s
        ),
        "output": f"a probability for each of {len(names)} classes ({', '.join(names)}); the "
        "largest is the answer, no threshold",
        "metrics": ", ".join(SCORES) + "; precision and recall of each class",
        "uncertainty": "95% bootstrap intervals over "
        + tables.units([predictions]),
        "calibration": calibrated,
        "internal": f"accuracy {_accuracy(predictions)} of {count} pictures",
        "external": external,
        "difference": "not measured: the data says which part a picture is in, and one part may be "
        "of other people, times or places" if data.get("given") else "none but by chance: test and "
        "training pictures are of the same sources",
        "explanations": explained,
        "failures": f"predictions.csv names every picture; {_errors(predictions)} of {count} test "
        "pictures are wrong",
        "baselines": "the rows beside it in its table; two of colour statistics alone",
        "software": f"Python {run.environment.get('python', '?')}, "
        + ", ".join(f"{k} {packages[k]}" for k in ("keras", run.environment.get("backend", ""))
                    if k in packages),
        "machine": run.hardware or UNKNOWN,
        "code": f"commit {run.environment.get('commit') or UNKNOWN}; README; settings.json of "
        "this run",
        "available": "the sources' own terms hold for the pictures; weights are "
        + ("in this folder" if _has_weights(run.folder) else "no longer in this folder"),
        "population": "the pictures of the sources above, and no people beyond them" if data
        else "",
        "limits": " ".join(limits),
        "poor": "pictures that are blurred, small or unlike the training data are warned of when "
        "predicting; for people who know the limits above",
    }  # fmt: skip


def _has_weights(folder):
    """Whether the trained network still lies in a run's folder; results may be kept without it."""
    return any(next(folder.rglob(name), None) for name in ("*.keras", "*.weights.h5"))


def _disjoint(run, data, predictions):
    if run.settings.get("paper_split") or data.get("by") == "image":
        return "picture: subjects and look-alikes may stand on both sides, as in the papers"
    level = data.get("by", "subject") if _units_known(predictions) else "source image"
    return f"{level}; identical and look-alike pictures are kept on one side"


def _number(value):
    return f"{value:,}" if isinstance(value, int) else "unknown number of"


def _accuracy(predictions):
    if not _share(predictions, "test")[0]:
        return "not measured"
    return tables.scored([predictions], "test", "accuracy") + "%"


def _errors(predictions):
    test = predictions[predictions["part"] == "test"]
    said = test[classes_of(predictions)].to_numpy().argmax(1) if len(test) else np.zeros(0, int)
    return int((np.array(classes_of(predictions))[said] != test["label"].to_numpy()).sum())
