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
from smears.sources import manifest

MOST = 8  # names that are listed of each kind
SMALL = 64  # pixels: the least side that LeukocyteNet takes
PEOPLE = 3  # of a class: fewer in validation or test are too few
SHARE = 0.1  # of a part, likewise; of more than five classes half of an even share
FOLDS = (3, 4, 5, "official")  # tried in this order


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
            lines, remedy = check(options.folder, out, options.list)
        except InputError as problem:
            lines, remedy = [], str(problem)
        verdict = f"Not usable as it is: {remedy}" if remedy else "Usable as it is."
        print("\n".join([*lines, "", verdict]))
        return 1 if remedy else 0


def check(folder, out, list_path=None):
    """Report on a folder of pictures.

    Args:
        folder: path. out: folder of the commands, and of the scan, which a training uses again.
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
        frame = sources.load([layout.spec], out / "data", skip_bad=True)
    except catalogue.BadImages:
        sources.load([layout.spec], out / "data")  # which names every file and its reason
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
            f"mend or remove {len(left_out)} bad file{'s' * (len(left_out) > 1)}, or leave them "
            "out: the commands above do"
        )
    made, remedy, few = _split(frame)
    lines += made
    if remedy:
        return lines, "; ".join([remedy, *remedies])
    count = ""
    if few:
        note, count, remedy = _few(frame, few)
        lines += ["", note]
        remedies.append(remedy)
    table, sentences = likeness.compare(frame)
    lines += ["", *reports.markdown(table).splitlines(), *sentences]
    lines += ["", *_commands(layout.spec, frame, out, count)]
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
    path = Path(os.path.expanduser(path)).absolute()
    optional = [key for key in manifest.OPTIONAL if any(row.get(key) for row in rows)]
    keys = ["path", "label", *optional]
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(keys)
    for row in rows:
        places = {key: _place(row[key], path.parent) for key in ("path", "mask") if row.get(key)}
        table.writerow([{**row, **places}.get(key, "") for key in keys])
    if path.exists() and path.read_text(encoding="utf-8", errors="replace") != text.getvalue():
        raise InputError(f"{path} is there already, and may be filled in: give another --list.")
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
        several = "s" * (len(pairs) > 1)
        lines.append(f"Look-alikes: {len(pairs)} pair{several}, which a split keeps on one side.")
        names = frame["path"]
        lines += [f"  {names[a]} ~ {names[b]}" for a, b in pairs[:MOST]]
        lines += [f"  and {len(pairs) - MOST} more"] * (len(pairs) > MOST)
        labels = frame["label"].to_numpy()
        apart = (labels[pairs[:, 0]] != labels[pairs[:, 1]]).sum()
        have, them = ("has", "it") if apart == 1 else ("have", "them")
        told = f"  {apart} of these pairs {have} different labels: look at {them}."
        lines += [told] * bool(apart)
    else:
        lines.append("Look-alikes: none.")
    return lines


def _positive(classes):
    """Which of two classes CoTCoNet's tables take for the disease."""
    if found := positive.by_name(classes):
        return f"Positive class, whose recall is the sensitivity: {found}."
    return (
        "Positive class, whose recall is the sensitivity: the names do not tell; give CoTCoNet's "
        f"commands {_either(classes)}."
    )


def _either(classes):
    """E.g. "--positive blast (or small)"."""
    first, second = map(commandline.quoted, classes)
    return f"--positive {first} (or {second})"


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
    """(lines on the split that a training would make, remedy or "", what is too few or "")."""
    if frame["label"].nunique() < 2:
        remedy = (
            f"one class only ({frame['label'].iloc[0]}): a classifier needs two; add pictures of "
            "another class."
        )
        return [], remedy, ""
    try:
        parts = splits.split(frame)
    except InputError as problem:
        return [], str(problem), ""
    found = splits.audit(frame, parts)
    table, few = _held(frame, parts)
    lines = ["", found.line, "", *reports.markdown(table).splitlines()]
    return lines, "; ".join(found.failures) + "." * bool(found.failures), few


def _held(frame, parts):
    """What each part has of each class.

    Returns:
        (DataFrame of texts, e.g. "150 (1 person)", a row a class; in words, what validation and
        test have too few of, "" for nothing).
    """
    classes = sorted(set(frame["label"]))
    least = min(SHARE, 0.5 / len(classes))
    rows, few = {label: {"class": label} for label in classes}, []
    for part in splits.PARTS:
        held = frame[(parts == part).to_numpy()]
        if held.empty:
            continue
        small = []
        for label in classes:
            own = held[held["label"] == label]
            people = own["subject"].nunique()
            known = people and (own["subject"] != "").all()
            who = f" ({people} {'person' if people == 1 else 'people'})" if known else ""
            rows[label][part] = f"{len(own)}{who}"
            if (known and people < PEOPLE) or len(own) < least * len(held):
                small.append(f"{label} {rows[label][part]}")
        if small and part != "train":
            more = f" and {len(small) - MOST} more classes" * (len(small) > MOST)
            few.append(f"{part} has {', '.join(small[:MOST])}{more} of {len(held)} pictures")
    return pd.DataFrame(list(rows.values())), "; ".join(few)


def _few(frame, few):
    """(note on a split with too few people or pictures of a class, --folds or "", remedy)."""
    note = (
        f"Note: too few people or pictures of a class for one split: {few}. Scores would rest on "
        "these few, and another split would give others."
    )
    count = next((count for count in FOLDS if _whole(frame, count)), "")
    if not count:
        remedy = "add people or pictures of the classes that the note names, or leave these out"
        return f"{note} Nor do folds reach every class: {remedy}.", count, remedy
    note += f" Cross-validate, so that each picture is tested once: --folds {count}"
    if count != "official" and _whole(frame, "official"):
        note += ", or --folds official, the data set's own"
    if frame["part"].isin(splits.PARTS).any():
        note += "; the parts that the data names are given up for these"
    return f"{note}.", count, f"cross-validate, --folds {count}, as the commands above do"


def _whole(frame, count):
    """Whether so many folds can be made and each passes the audit, as a training asks."""
    try:
        made = splits.folds(frame, count)
    except InputError:
        return False
    return not any(splits.audit(frame, parts, count=count).failures for parts in made)


def _commands(spec, frame, out, count):
    """The commands to go on with; `out` and the `count` of folds in them unless usual."""
    usual = out == commandline.ROOT / "out"
    data = f"--data {commandline.quoted(spec)}" + " --skip-bad" * bool(frame.attrs["left_out"])
    if not usual:
        data = f"--out {commandline.quoted(str(out))} {data}"
    fit = f"--profile quick {f'--folds {count} ' * bool(count)}{data}"
    use = f"--model {'out/runs/RUN' if usual else commandline.quoted(str(out / 'runs' / 'RUN'))}"
    if not usual:
        use += f" --out {commandline.quoted(str(out / 'predictions'))}"
    lines = [
        f"Look:     python experiments/contact_sheet.py {data}",
        f"Train:    python experiments/table5.py --paper leukocytenet --rows LeukocyteNet {fit}",
        f"Predict:  python -m leukocytenet.predict {use} PICTURES --explain gradcam",
    ]
    classes = sorted(set(frame["label"]))
    if len(classes) == 2:
        told = positive.by_name(classes)
        which = "" if told else f" --positive {commandline.quoted(classes[0])}"
        lines.append(f"CoTCoNet: python experiments/table5.py --paper cotconet {fit}{which}")
        lines += [f"  {_either(classes)}: the disease."] * (not told)
        lines.append(f"Predict:  python -m cotconet.predict {use} PICTURES --explain lime")
    return [
        *lines,
        "  quick takes minutes and shows that all works; --profile laptop (hours on a CPU) or "
        "paper (a GPU) makes a result. Training ends with the predict line, RUN filled in.",
    ]


if __name__ == "__main__":
    sys.exit(main())
