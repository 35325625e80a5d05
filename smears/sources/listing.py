"""Find the picture files of a folder, without what operating systems leave in it."""

import os

import pandas as pd

from smears import InputError
from smears.images import ENDINGS

STRAYS = {"__MACOSX", "Thumbs.db", "desktop.ini"}

NOT_TEXT = "its name is not UTF-8 text: rename it"


class SourceError(InputError):
    """A data set that is not there or not as expected, with what to do about it."""


def pictures(folder, how_to_get="", endings=ENDINGS, bad=None):
    """Paths of all pictures below a folder, sorted; hidden and stray files passed over.

    Args:
        folder: pathlib.Path. how_to_get: sentence for the error about an empty folder.
        endings: lower-case file endings that count.
        bad: dict that takes path -> reason of folders that may not be read and of pictures with
            names that no text file could hold, which are then passed over; None: they are errors.

    Raises:
        SourceError: not a folder, nothing there, or what would have gone into `bad`.
    """
    if not folder.is_dir():
        raise SourceError(f"{folder} is not a folder. {how_to_get}".strip())
    wrong, found, seen = {}, [], set()

    def unread(problem):
        wrong[printable(problem.filename)] = f"cannot be read ({problem.strerror})"

    # Class folders may be links; a link back up would never end.
    for place, folders, files in os.walk(folder, onerror=unread, followlinks=True):
        if os.path.realpath(place) in seen:
            folders.clear()
            continue
        seen.add(os.path.realpath(place))
        folders[:] = sorted(n for n in folders if n not in STRAYS and not n.startswith("."))
        for name in sorted(files):
            path = os.path.join(place, name)
            if name.startswith(".") or name in STRAYS or not name.lower().endswith(endings):
                continue
            if path == printable(path):
                found.append(path)
            else:
                wrong[printable(path)] = NOT_TEXT
    told = "".join(f"\n  {path}: {reason}" for path, reason in wrong.items())
    if wrong and bad is None:
        raise SourceError(
            f"{folder}:{told}\nMend or remove them, or leave them out with --skip-bad."
        )
    if bad is not None:
        bad.update(wrong)
    if not found:
        what = f"no pictures ({', '.join(endings)}) in {folder}. {how_to_get}".strip()
        raise SourceError(what + told)
    return [folder.__class__(path) for path in found]


def printable(path):
    """A path as text that can be printed and written: bytes that are no UTF-8 come as \\udcff."""
    return str(path).encode(errors="backslashreplace").decode()


def frame(rows):
    """Catalogue rows from dicts with at least path, label and source; the rest "" if absent."""
    table = pd.DataFrame(rows)
    for column in ("subject", "part", "mask", "derived"):
        table[column] = table[column].fillna("") if column in table else ""
    table["path"] = table["path"].astype(str)
    return table
