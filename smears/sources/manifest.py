"""A CSV file that lists pictures: columns path, label and, if known, subject, source, ..."""

import csv
import os

from smears.sources.listing import NOT_TEXT, SourceError, frame, printable

HOW_TO_GET = (
    "A comma-separated UTF-8 file with a header line and the columns path and label, and, if "
    "known, subject, source (image from which it is cut), part (train, validation or test), "
    "mask (path of a mask picture) and derived (how it was made from others, empty for genuine "
    "ones: such pictures belong in training alone); relative paths start at the CSV's folder."
)
REQUIRED = ("path", "label")
OPTIONAL = ("subject", "source", "part", "mask", "derived")
# How programs write that they have no value.
MISSING = ("nan", "NaN", "NAN", "None", "NA", "N/A", "<NA>", "#N/A", "NULL", "null")
PARTS = ("", "train", "validation", "test")
MOST = 10


def read(folder, cache, *, mark=""):
    """Rows of a CSV file (`folder` is its path); each picture without a source is its own.

    Args:
        mark: what the names of such sources begin with, so that other folders' differ. Subjects
            and sources that the list names stay as they are: two lists may name the same people.

    Raises:
        SourceError: the first `MOST` faults, each with its line and column.
    """
    if folder.is_dir():
        raise SourceError(f"{folder} is a folder: give the CSV file in it. {HOW_TO_GET}")
    if str(folder) != printable(folder):
        raise SourceError(f"{printable(folder)}: {NOT_TEXT}")
    try:
        with open(folder, newline="", encoding="utf-8-sig") as file:
            table = csv.DictReader(file, restval="")
            _check_header(folder, table.fieldnames or [])
            rows, faults = [], []
            for entry in table:
                where = f"line {table.line_num}, "
                if None in entry:
                    faults.append(where + f"{len(entry[None])} fields too many: quote commas")
                    continue
                entry = {name: text.strip() for name, text in entry.items()}
                for name in ("subject", "source", "derived"):
                    if entry.get(name) in MISSING:
                        entry[name] = ""
                for name in ("path", "mask"):
                    if entry.get(name) and not _is_file(folder.parent / entry[name]):
                        entry[name] = entry[name].replace("\\", "/")  # as Windows writes them
                faults += [where + fault for fault in _faults(entry, folder)]
                rows.append(_row(entry, folder, mark))
    except (OSError, UnicodeDecodeError, csv.Error) as problem:
        raise SourceError(f"{folder} cannot be read: {problem}. {HOW_TO_GET}") from problem
    if faults:
        more = [f"and {len(faults) - MOST} more"] * (len(faults) > MOST)
        raise SourceError("\n  ".join([f"{folder}:", *faults[:MOST], *more]))
    if not rows:
        raise SourceError(f"{folder} has a header but no pictures. {HOW_TO_GET}")
    return frame(rows)


def _check_header(path, names):
    missing = [name for name in REQUIRED if name not in names]
    # A misspelt "subject" that is passed over would let a split tear people apart.
    unknown = [name for name in names if name not in REQUIRED + OPTIONAL]
    if missing or unknown or len(set(names)) < len(names):
        raise SourceError(
            f"{path}, line 1: has the columns {', '.join(map(repr, names))}"
            + (f"; lacks {', '.join(missing)}" if missing else "")
            + (f"; rename or remove {', '.join(map(repr, unknown))}" if unknown else "")
            + f". {HOW_TO_GET}"
        )


def _faults(entry, path):
    for name in REQUIRED:
        if not entry[name]:
            yield f"column {name}: empty"
    if entry["label"] in MISSING:
        yield (
            f"column label: {entry['label']!r} is how programs write a missing value: fill it in, "
            "give the class another name, or remove the line"
        )
    for name in ("path", "mask"):
        if entry.get(name) and not _is_file(path.parent / entry[name]):
            yield f"column {name}: {path.parent / entry[name]} is not a file, or may not be read"
    if entry.get("part", "") not in PARTS:
        yield f"column part: {entry['part']!r} is none of train, validation, test, or empty"


def _is_file(path):
    # Not pathlib's, which raises where a folder may not be entered or a name is too long.
    return os.path.isfile(path)


def _row(entry, path, mark):
    owner = {name: f"csv:{entry[name]}" for name in ("subject", "source") if entry.get(name)}
    return {
        "path": path.parent / entry["path"], "label": entry["label"],
        "source": f"csv:{mark}{entry['path']}", "part": entry.get("part", ""),
        "mask": str(path.parent / entry["mask"]) if entry.get("mask") else "",
        "derived": entry.get("derived", ""),
    } | owner  # fmt: skip
