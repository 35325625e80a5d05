"""Tables beside pictures: with the columns of the source csv, or with others to be guessed."""

import csv
from collections import Counter

import pandas as pd

from smears.commandline import quoted
from smears.layouts.layout import Layout, command, some
from smears.sources import listing, manifest
from smears.sources.folder import PARTS
from smears.sources.listing import SourceError

LABELS = ("label", "labels", "class", "category", "diagnosis", "target", "type", "cell_type", "y")
SUBJECTS = ("subject", "subject_id", "patient", "patient_id", "person", "case", "case_id")
SPLITS = ("part", "split", "set", "subset", "partition")


def one(path):
    """A CSV file: as the source csv takes it, or with other columns."""
    try:
        manifest.read(path, None)
    except SourceError as problem:
        # Other columns, or paths of another machine; other faults are the list's own to mend.
        strange = "line 1:" in str(problem) or "is not a file" in str(problem)
        rows, unknown = _guessed(path) if strange else ([], [])
        if not rows:
            return Layout("a list that cannot be read", remedy=str(problem))
        known = sorted({key for row in rows for key in row} - {"path"})
        return Layout(
            f"pictures, and {path.name} with their {', '.join(known)}",
            remedy=f"write it in the columns and with the paths that are read here: "
            f"{command(path)}",
            rows=tuple(rows),
            lost=(
                f"{len(unknown)} of {len(rows) + len(unknown)} lines of {path.name} name no "
                f"picture, or several, and are left out: {some(unknown)}"
            ) * bool(unknown),
        )  # fmt: skip
    return Layout(f"a list: {path.name}", f"csv:{path}")


def several(folder, read):
    """Several lists beside pictures: often one a part of a split that is already made."""
    names = [path.name for path in read]
    whole = [path for path, layout in read.items() if layout.spec]
    together = " ".join(quoted(f"csv:{path}") for path in whole)
    return Layout(
        f"{len(names)} lists: {some(names)}",
        remedy=f"make one of them, {folder / 'all.csv'}, with a column part (train, validation, "
        "test) if each is a part, and move the others away"
        + (f"; or give those that belong together, to be split anew, each with --data: {together}"
           if len(whole) > 1 else "") + ".",
    )  # fmt: skip


def _places(folder, files):
    """Dict of what may name a picture, its path, name or stem, -> picture; none that means two."""
    keys = {file: {file.relative_to(folder).as_posix(), file.name, file.stem} for file in files}
    meant = Counter(key for own in keys.values() for key in own)
    return {key: file for file, own in keys.items() for key in own if meant[key] == 1}


def _place_of(text, known):
    """The picture that a cell of a table means, be it a path of another machine; None: none."""
    parts = [part for part in text.strip().replace("\\", "/").split("/") if part]
    ends = ("/".join(parts[first:]) for first in range(len(parts)))
    return next((known[end] for end in ends if end in known), None)


def _guessed(path):
    """(rows from a table of other columns, [] if no column names pictures or none labels; the
    names in it that mean no picture, or several)."""
    try:
        table = pd.read_csv(path, sep=None, engine="python", dtype=str, keep_default_na=False,
                            encoding="utf-8-sig")  # fmt: skip
        files = listing.pictures(path.parent, bad={})
    except (OSError, ValueError, csv.Error, pd.errors.ParserError, SourceError):
        return [], []
    known = _places(path.parent, files)
    heads = {str(name).strip().lower(): name for name in table.columns}
    hits = {
        name: table[name].map(lambda text: _place_of(text, known) is not None).mean()
        for name in table.columns
    }
    names = max(hits, key=hits.get, default=None)
    labels = next((heads[name] for name in LABELS if heads.get(name, names) != names), None)
    if not len(table) or hits[names] < 0.8 or labels is None:
        return [], []
    chosen = {"label": labels}
    others = {"subject": SUBJECTS, "part": SPLITS}
    for key in manifest.OPTIONAL:
        words = others.get(key, (key,))
        column = next((heads[word] for word in words if heads.get(word, names) != names), None)
        if column is not None:
            chosen[key] = column
    rows, unknown = [], []
    for _, entry in table.iterrows():
        file = _place_of(entry[names], known)
        if file is None:
            unknown.append(entry[names])
            continue
        row = {"path": file} | {key: entry[column].strip() for key, column in chosen.items()}
        if "part" in row:
            # Another word stays, for the list's reader to refuse: else its pictures would count
            # as in no part, and those held out could be trained on.
            row["part"] = PARTS.get(row["part"].lower(), row["part"])
        if row.get("mask"):
            row["mask"] = _place_of(row["mask"], known) or row["mask"]
        rows.append(row)
    return rows, unknown
