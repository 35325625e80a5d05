"""Find the picture files of a folder, without what operating systems leave in it."""

import os

import pandas as pd

from smears import InputError
from smears.images import ENDINGS

STRAYS = {"__MACOSX", "Thumbs.db", "desktop.ini"}


class SourceError(InputError):
    """A data set that is not there or not as expected, with what to do about it."""


def pictures(folder, how_to_get="", endings=ENDINGS):
    """Paths of all pictures below a folder, sorted; hidden and stray files passed over.

    Args:
        folder: pathlib.Path. how_to_get: sentence for the error about an empty folder.
        endings: lower-case file endings that count.

    Raises:
        SourceError: not a folder, nothing there, a folder that may not be read, or a name that
            no text file could hold.
    """
    if not folder.is_dir():
        raise SourceError(f"{folder} is not a folder. {how_to_get}".strip())

    def refuse(problem):
        raise SourceError(f"{problem.filename} cannot be read: {problem.strerror}.") from problem

    found, seen = [], set()
    # Class folders may be links; a link back up would never end.
    for place, folders, files in os.walk(folder, onerror=refuse, followlinks=True):
        if os.path.realpath(place) in seen:
            folders.clear()
            continue
        seen.add(os.path.realpath(place))
        folders[:] = sorted(n for n in folders if n not in STRAYS and not n.startswith("."))
        found += [
            os.path.join(place, name) for name in sorted(files)
            if not name.startswith(".") and name not in STRAYS and name.lower().endswith(endings)
        ]  # fmt: skip
    if not found:
        raise SourceError(f"no pictures ({', '.join(endings)}) in {folder}. {how_to_get}".strip())
    for path in found:
        if not _is_utf8(path):
            raise SourceError(f"{path!r}: rename it; its name is not UTF-8 text.")
    return [folder.__class__(path) for path in found]


def _is_utf8(text):
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def frame(rows):
    """Catalogue rows from dicts with at least path, label and source; the rest "" if absent."""
    table = pd.DataFrame(rows)
    for column in ("subject", "part", "mask", "derived"):
        table[column] = table[column].fillna("") if column in table else ""
    table["path"] = table["path"].astype(str)
    return table
