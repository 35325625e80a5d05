"""C-NMC 2019: single cells of ALL patients and healthy people, the person in the file's name."""

import csv
import re

from smears.sources.listing import SourceError, frame, pictures

HOW_TO_GET = (
    "Gupta and Gupta, ALL Challenge dataset of ISBI 2019 (C-NMC 2019), The Cancer Imaging "
    "Archive, CC BY 3.0, doi 10.7937/tcia.2019.dc64i46r: unpack it and give the folder that holds "
    "fold_0, fold_1 and fold_2, or the one above C-NMC_training_data, e.g. --data "
    "cnmc:C-NMC_Leukemia."
)
# UID_<subject>_<image>_<cell>_<label>; one healthy subject is written in lower case, h3.
NAME = re.compile(r"UID_(H?\d+)_(\d+)_(\d+)_(all|hem)", re.IGNORECASE)
FOLD = re.compile(r"fold_\d+")
LABELS = {"all": "ALL", "hem": "normal"}
PRELIMINARY = "C-NMC_test_prelim_phase_data_labels.csv"
COLUMNS = ["Patient_ID", "new_names", "labels"]


def read(folder, cache, *, bad=None):
    """Rows of `fold_<n>/{all,hem}/UID_<subject>_<image>_<cell>_<label>.bmp` (or .png, .webp).

    The three folds are the official training part; no subject number is in two of them, though
    some pictures are. Where the preliminary test set lies beside them (`1.bmp`, ... and
    `C-NMC_test_prelim_phase_data_labels.csv`), its cells get part "test" and the folds "train";
    else a cell's part is its official fold, "fold_0" to "fold_2" (`smears.splits.folds`), which
    `smears.splits.split` passes over. The final test set has no public labels and is left out,
    with a note.

    Raises:
        SourceError: a picture that fits none of this, or labels that contradict each other.
    """
    rows, unnamed, final = [], [], 0
    for path in pictures(folder, HOW_TO_GET, bad=bad):
        if any("final" in part.lower() for part in path.relative_to(folder).parts[:-1]):
            final += 1
        elif NAME.fullmatch(path.stem):
            place = path.parent.name.lower()
            rows.append(_row(path, path.stem, place if place in LABELS else None))
        else:
            unnamed.append(path)
    notes = [f"cnmc: {final} pictures of the final test set left out: no public labels"] * (
        final > 0
    )
    lists = sorted(folder.rglob(PRELIMINARY))
    if unnamed and not lists:
        raise SourceError(
            f"{unnamed[0]} is not named like UID_1_1_1_all.bmp, and there is no {PRELIMINARY} "
            f"that would tell its label. {HOW_TO_GET}"
        )
    if lists:
        test, absent = _preliminary(lists[0], unnamed)
        rows = [row | {"part": "train"} for row in rows] + test
        if absent:
            notes.append(f"cnmc: {absent} pictures of {PRELIMINARY} are not there")
    if not rows:
        raise SourceError(f"no picture with a label in {folder}. {HOW_TO_GET}")
    table = frame(rows)
    table.attrs["notes"] = notes
    return table


def _row(path, name, label):
    """A row from a name UID_...; `label` is what else tells it: "all", "hem" or None."""
    subject, image, _, kind = NAME.fullmatch(name).groups()
    if label not in (None, kind.lower()):
        raise SourceError(f"{path}: named {kind}, but its folder or list says {label}. Mend one.")
    subject = subject.upper()
    folds = [part.lower() for part in path.parts if FOLD.fullmatch(part.lower())]
    return {
        "path": path, "label": LABELS[kind.lower()], "subject": f"cnmc:{subject}",
        "source": f"cnmc:{subject}_{image}", "part": folds[-1] if folds else "",
    }  # fmt: skip


def _preliminary(path, found):
    """(rows of part "test", number of listed pictures that are not there)."""
    files = {}
    for picture in found:
        if picture.stem in files:
            raise SourceError(f"{picture} and {files[picture.stem]}: two files of one name.")
        files[picture.stem] = picture
    rows, absent = [], 0
    with open(path, newline="", encoding="utf-8-sig") as file:
        table = csv.DictReader(file)
        if table.fieldnames is None or not set(COLUMNS) <= set(table.fieldnames):
            raise SourceError(f"{path} must have the columns {', '.join(COLUMNS)}.")
        for entry in table:
            name = (entry["Patient_ID"] or "").rpartition(".")[0]
            label = {"1": "all", "0": "hem"}.get(entry["labels"])
            if not NAME.fullmatch(name) or label is None or not entry["new_names"]:
                raise SourceError(
                    f"{path}, line {table.line_num}: must be like UID_57_29_1_all.bmp,1.bmp,1 "
                    "with label 1 (ALL) or 0 (normal)."
                )
            picture = files.pop(entry["new_names"].rpartition(".")[0], None)
            if picture is None:
                absent += 1
            else:
                rows.append(_row(picture, name, label) | {"part": "test"})
    if files:
        raise SourceError(f"{path} does not name {', '.join(map(str, list(files.values())[:5]))}.")
    return rows, absent
