"""What a folder is taken for, and the phrases that all kinds of layouts share."""

from collections import Counter
from dataclasses import dataclass

ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.xz", ".rar", ".7z")
SPREADSHEETS = (".xlsx", ".xls", ".ods")
PICTURE_FOLDERS = {"image", "images"}


@dataclass(frozen=True)
class Layout:
    """What a folder is taken for.

    Args:
        what: one phrase that names the layout.
        spec: "NAME:PATH" as --data takes it; "" where it cannot be read as it is.
        remedy: one line: what to do where it cannot.
        rows: for a list that can stand in for the folder: dicts with path and label ("" where
            unknown), and, if known, subject, part and mask.
        passed_over: Counter of the endings of files that are no pictures.
        lost: one phrase on the lines of a table that are not among the rows, "" if all are.
    """

    what: str
    spec: str = ""
    remedy: str = ""
    rows: tuple = ()
    passed_over: Counter = None
    lost: str = ""


def ending_of(path):
    """ ".tar.gz" of a packed archive, else what follows the last dot, in lower case."""
    name = path.name.lower()
    return next((end for end in ARCHIVES if name.endswith(end)), path.suffix.lower())


def some(names):
    """The first four names of a list in one phrase."""
    return ", ".join(names[:4]) + " ..." * (len(names) > 4)


def row_of(path, label, **more):
    """One of `Layout.rows`."""
    return {"path": path, "label": label, **more}


def sheet(folder):
    """What to do with a spreadsheet that lies beside the pictures, which may hold their labels."""
    found = sorted(p.name for p in folder.iterdir() if ending_of(p) in SPREADSHEETS)
    return f"save {found[0]} as CSV beside it, if it holds their labels; or else " if found else ""


def command(folder):
    """The command that writes the list of a folder's pictures."""
    return f'python -m smears check "{folder}" --list list.csv'
