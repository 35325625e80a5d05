"""ALL-IDB1 (fields) and ALL-IDB2 (single cells): the label in the name, `Im001_1.jpg`, `.tif`."""

import re

from smears.sources.listing import SourceError, frame, pictures

HOW_TO_GET = (
    "Donida Labati, Piuri and Scotti, ALL-IDB, IEEE ICIP 2011: the University of Milan gives it "
    "out on request (https://scotti.di.unimi.it/all). Give the unpacked folder that holds im/ "
    "(ALL-IDB1) or img/ (ALL-IDB2), e.g. --data allidb1:ALL_IDB1; the name allidb1-healthy or "
    "allidb2-healthy takes the healthy pictures alone, as LeukocyteNet's paper does."
)
NAME = re.compile(r"(Im\d{3})_([01])", re.IGNORECASE)
LABELS = {"0": "Healthy", "1": "ALL"}
FOLDERS = {1: "im", 2: "img"}


def read(folder, cache, *, bad=None, number=1, only=None):
    """Rows of `im/Im001_1.jpg` (ALL-IDB1) or `img/Im095_1.tif` (ALL-IDB2).

    In ALL-IDB1, 1 means that the field shows a blast; in ALL-IDB2, that the cell in the middle is
    one. In both, 0 comes from healthy people and 1 from patients. The sets name neither, so every
    picture is its own source. ALL-IDB2's cells are cut from ALL-IDB1's fields, but no list says
    which from which: never train on the one and test on the other.

    Args:
        number: 1 or 2, which of the two sets it must be; their names overlap.
        only: "Healthy" or "ALL" for pictures of that label alone.

    Raises:
        SourceError: the other set's folder, or a picture whose name is not of this form.
    """
    rows = []
    for path in pictures(folder, HOW_TO_GET, bad=bad):
        other = FOLDERS[3 - number]
        if path.parent.name.lower() == other:
            raise SourceError(
                f"{path.parent}: the folder {other}/ is ALL-IDB{3 - number}'s, not "
                f"ALL-IDB{number}'s. Use the name allidb{3 - number}."
            )
        match = NAME.fullmatch(path.stem)
        if not match:
            raise SourceError(f"{path} is not named like Im001_1.jpg. {HOW_TO_GET}")
        label = LABELS[match[2]]
        if only in (None, label):
            rows.append({"path": path, "label": label, "source": f"allidb{number}:{match[1]}"})
    if not rows:
        raise SourceError(f"{folder} has no {only} pictures (Im..._0 is healthy). {HOW_TO_GET}")
    return frame(rows)
