"""Taleqani hospital: smears of benign and three kinds of malignant ALL, 89 unnamed patients."""

import re

from smears.sources.listing import SourceError, frame, pictures

HOW_TO_GET = (
    "Aria et al., Acute Lymphoblastic Leukemia (ALL) image dataset, 2021, Kaggle "
    "mehradaria/leukemia: unpack it and give the folder that holds Original/ and Segmented/, or "
    "one with the folders Benign, Early, Pre and Pro, e.g. --data taleqani:Original."
)
# Table 2 of the LeukocyteNet paper names the classes so.
LABELS = {
    "benign": "ALL-Benign", "early": "ALL-Early Pre-B", "pre": "ALL-Pre-B", "pro": "ALL-Pro-B",
}  # fmt: skip
# A binary task: benign ones are hematogones, which a leukemia's cells are mistaken for.
MALIGNANCY = {
    label: "benign" if name == "benign" else "malignant" for name, label in LABELS.items()
}
FOLDER = re.compile(r"\b(early|benign|pre|pro)\b")
FILE = re.compile(r"wbc-(?:malignant-)?(benign|early|pre|pro)-\d+")


def read(folder, cache, *, bad=None, binary=False):
    """Rows of `[Original/|Segmented/][<class>/]WBC-Benign-001.jpg`; the set names no patients.

    The class is the file's, or else its folder's (`Pre`, `[Malignant] early Pre-B`,
    `early_pre_b`). Segmented pictures are made from the originals, so they are read only where no
    other ones are.

    Args:
        binary: label the pictures by `MALIGNANCY`.

    Raises:
        SourceError: a picture of no class, or of one in its name and another in its folder.
    """
    found = pictures(folder, HOW_TO_GET, bad=bad)
    chosen = [path for path in found if "original" in _folders(path, folder)]
    chosen = chosen or [path for path in found if "segmented" not in _folders(path, folder)]
    chosen = chosen or found
    rows = []
    for path in chosen:
        label = _label(path)
        row = {"path": path, "label": label, "source": f"taleqani:{label}/{path.stem}"}
        rows.append(row | ({"label": MALIGNANCY[label]} if binary else {}))
    table = frame(rows)
    if len(found) > len(chosen):
        table.attrs["notes"] = [
            f"taleqani: {len(found) - len(chosen)} segmented or other versions of the pictures "
            "left out"
        ]
    return table


def _folders(path, folder):
    return [part.lower() for part in path.relative_to(folder).parts[:-1]]


def _label(path):
    name = FILE.fullmatch(path.stem.lower())
    # "early" stands first in the words of "early Pre-B", which search finds first.
    # To a regular expression "_" is a letter, so that no word would end at it.
    place = FOLDER.search(path.parent.name.lower().replace("_", " "))
    kinds = {match[1] for match in (name, place) if match}
    if not kinds:
        raise SourceError(
            f"{path} is in none of the folders Benign, Early, Pre, Pro: remove it. {HOW_TO_GET}"
        )
    if len(kinds) > 1:
        raise SourceError(f"{path}: its name and its folder tell different classes. Mend one.")
    return LABELS[kinds.pop()]
