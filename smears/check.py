"""Look at somebody's own pictures before anything is trained: what is there, and what to do."""

import argparse
import csv
import io
import os
import sys
from pathlib import Path

import pandas as pd

from smears import (
    InputError,
    catalogue,
    commandline,
    copies,
    layouts,
    likeness,
    positive,
    reports,
    sources,
    splits,
)
from smears.ending import exits
from smears.runs import write_whole

MOST = 8  # names that are listed of each kind
SMALL = 64  # pixels: the least side that LeukocyteNet takes


def main(argv=None):
    """`python -m smears check FOLDER`: exit code 0 if usable as it is, 1 with a remedy, 2 wrong."""
    parser = argparse.ArgumentParser(
        prog="python -m smears check",
        description="Say what pictures a folder holds, whether they can be trained on as they "
        "lie there, what a split would look like, what is unlike the sets of the papers, and the "
        "commands to go on with. Nothing is changed; nothing is trained.",
        epilog="Exit code: 0 usable as it is, 1 with a remedy in the last line, 2 wrong arguments.",
    )
    parser.add_argument("folder", help="folder of pictures, or a CSV list of them")
    parser.add_argument(
        "--list", type=Path, metavar="FILE.csv",
        help="where the layout cannot be read as it is, write a list of the pictures that can",
    )  # fmt: skip
    commandline.add_places(parser, reads=False)
    options = parser.parse_args(argv)
    try:
        out = commandline.place(options.out, [f"folder:{options.folder}"])
        if options.list:
            if options.list.is_dir():
                raise InputError(f"--list {options.list}: a folder; give the file to write.")
            commandline.place(options.list.parent, option="--list, folder")
    except InputError as problem:
        parser.error(str(problem))
    with exits("Stopped."):
        try:
            lines, remedy = check(options.folder, out / "data", options.list)
        except InputError as problem:
            lines, remedy = [], str(problem)
        verdict = f"Not usable as it is: {remedy}" if remedy else "Usable as it is."
        print("\n".join([*lines, "", verdict]))
        return 1 if remedy else 0


def check(folder, cache, list_path=None):
    """Report on a folder of pictures.

    Args:
        folder: path. cache: folder for the scan, which a training of the same pictures uses.
        list_path: where to write a list, if the layout needs one; None: nowhere.

    Returns:
        (lines of the report, remedy: one line, "" if the folder is usable as it is).
    """
    layout = layouts.recognise(folder)
    lines = [f"Layout: {layout.what.rstrip('.')}."]
    if layout.passed_over:
        names = ", ".join(f"{n} {ending}" for ending, n in layout.passed_over.most_common(MOST))
        lines.append(f"Files that are no pictures, passed over: {names}.")
    if not layout.spec:
        if layout.rows:
            lines += _rows(layout.rows)
        written = layout.rows and list_path
        remedy = _write(layout.rows, list_path) if written else layout.remedy
        return lines, "; ".join(filter(None, [layout.lost, remedy]))
    try:
        frame = sources.load([layout.spec], cache, skip_bad=True)
    except catalogue.BadImages:
        sources.load([layout.spec], cache)  # which names every file and its reason
        raise
    lines[0] += f" Read as --data {commandline.quoted(layout.spec)}."
    lines += _contents(frame)
    left_out = frame.attrs["left_out"]
    remedies = []
    if left_out:
        lines.append(f"Bad files: {len(left_out)}, left out here.")
        lines += [f"  {path}: {reason}" for path, reason in left_out[:MOST]]
        lines += [f"  and {len(left_out) - MOST} more"] * (len(left_out) > MOST)
        remedies.append(
            f"mend or remove {len(left_out)} bad files, or leave them out: the commands above do"
        )
    made, remedy = _split(frame)
    lines += made
    if remedy:
        return lines, "; ".join([remedy, *remedies])
    table, sentences = likeness.compare(frame)
    lines += ["", *reports.markdown(table).splitlines(), *sentences]
    lines += ["", *_commands(layout.spec, frame)]
    return lines, "; ".join(remedies) + "." * bool(remedies)


def _rows(rows):
    """What a list would hold: classes and parts."""
    table = pd.DataFrame(rows)
    labels = table["label"].replace("", "(unknown)")
    if "part" in table and (table["part"] != "").any():
        counts = pd.crosstab(labels, table["part"].replace("", "(none)"))
        return ["", *reports.markdown(_named(counts)).splitlines()]
    counts = labels.value_counts()
    some = ", ".join(f"{name} {count}" for name, count in counts.head(MOST).items())
    return [f"Pictures: {len(table)}: {some}{' ...' * (len(counts) > MOST)}."]


def _named(counts):
    """A table of counts as texts, its classes in the first column."""
    return counts.astype(str).rename_axis("class").reset_index()


def _write(rows, path):
    """Write the list; what to do with it."""
    path = path.expanduser().absolute()
    optional = [key for key in ("subject", "part", "mask") if any(row.get(key) for row in rows)]
    keys = ["path", "label", *optional]
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(keys)
    for row in rows:
        places = {key: _place(row[key], path.parent) for key in ("path", "mask") if row.get(key)}
        table.writerow([{**row, **places}.get(key, "") for key in keys])
    write_whole(path, text.getvalue())
    blank = sum(not row["label"] for row in rows)
    fill = f"fill in the column label of {blank} lines in {path}, then" if blank else "go on with"
    return f'{fill}: python -m smears check "{path}"'


def _place(path, folder):
    """A picture as a list in the folder names it: in full where it lies on another drive."""
    try:
        return os.path.relpath(path, folder)
    except ValueError:
        return os.path.abspath(path)


def _contents(frame):
    """Classes, subjects, sizes, colour, copies."""
    known = frame[frame["subject"] != ""]
    subjects = known.groupby("label")["subject"].nunique()
    rows = []
    for label, own in frame.groupby("label"):
        row = {"class": label, "pictures": str(len(own))}
        row["subjects"] = str(subjects.get(label, 0)) if len(known) else "not known"
        row["size, pixels"] = likeness.sizes(own)
        row["mean R, G, B"] = ", ".join(f"{own[c].mean():.0f}" for c in ("red", "green", "blue"))
        rows.append(row)
    who = f"{known['subject'].nunique()} subjects" if len(known) else (
        "no known subjects: each picture counts by itself, so one person's may stand on both "
        "sides of a split; a CSV list can name subjects"
    )  # fmt: skip
    lines = [f"Pictures: {len(frame)}, classes: {len(rows)}, {who}."]
    if len(rows) == 2:
        lines.append(_positive([row["class"] for row in rows]))
    lines += ["", *reports.markdown(pd.DataFrame(rows)).splitlines(), ""]
    notes = [note for note in frame.attrs["notes"] if "--skip-bad" not in note]
    lines += [f"Note: {note}." for note in [*notes, *_odd(frame)]]
    pairs = copies.pairs(frame["thumbnail"])
    if len(pairs):
        lines.append(f"Look-alikes: {len(pairs)} pairs, which a split keeps on one side.")
        names = frame["path"]
        lines += [f"  {names[a]} ~ {names[b]}" for a, b in pairs[:MOST]]
        lines += [f"  and {len(pairs) - MOST} more"] * (len(pairs) > MOST)
        labels = frame["label"].to_numpy()
        apart = (labels[pairs[:, 0]] != labels[pairs[:, 1]]).sum()
        lines += [f"  {apart} of these pairs have different labels: look at them."] * bool(apart)
    else:
        lines.append("Look-alikes: none.")
    return lines


def _positive(classes):
    """Which of two classes CoTCoNet's tables take for the disease."""
    if found := positive.by_name(classes):
        return f"Positive class, whose recall is the sensitivity: {found}."
    return (
        "Positive class, whose recall is the sensitivity: the names do not tell; give CoTCoNet's "
        f"commands --positive {' or '.join(commandline.quoted(name) for name in classes)}."
    )


def _odd(frame):
    """Notes on what is taken as it is, and may not be meant."""
    alike = {}
    for label in sorted(set(frame["label"])):
        alike.setdefault(label.casefold().strip(), []).append(label)
    for names in alike.values():
        if len(names) > 1:
            yield f"{', '.join(names)} are different classes, though they differ in case alone"
    small = (frame[["width", "height"]].min(axis=1) < SMALL).sum()
    if small:
        yield (
            f"{small} of {len(frame)} pictures have less than {SMALL} pixels on a side and are "
            "enlarged"
        )


def _split(frame):
    """(lines on the split that a training would make, remedy or "")."""
    if frame["label"].nunique() < 2:
        return [], (
            f"one class only ({frame['label'].iloc[0]}): a classifier needs two; add pictures of "
            "another class."
        )
    try:
        parts = splits.split(frame)
    except InputError as problem:
        return [], str(problem)
    found = splits.audit(frame, parts)
    counts = pd.crosstab(frame["label"], parts)[
        [part for part in splits.PARTS if (parts == part).any()]
    ]
    lines = ["", found.line, "", *reports.markdown(_named(counts)).splitlines()]
    return lines, "; ".join(found.failures) + "." * bool(found.failures)


def _commands(spec, frame):
    """The commands to go on with."""
    data = f"--data {commandline.quoted(spec)}" + " --skip-bad" * bool(frame.attrs["left_out"])
    lines = [
        "Look:     python experiments/contact_sheet.py " + data,
        "Train:    python experiments/table5.py --paper leukocytenet --rows LeukocyteNet "
        "--profile quick " + data,
        "Predict:  python -m leukocytenet.predict --model out/runs/RUN PICTURES --explain gradcam",
        "  quick takes minutes and shows that all works; --profile laptop (hours on a CPU) or "
        "paper (a GPU) makes a result. Training ends with the predict line, RUN filled in.",
    ]
    if frame["label"].nunique() == 2:
        lines.insert(
            2, f"CoTCoNet: python experiments/table5.py --paper cotconet --profile quick {data}"
        )
    return lines


if __name__ == "__main__":
    sys.exit(main())
