"""PBC: eight kinds of normal peripheral blood cells (Acevedo et al. 2020), `<class>/<name>.jpg`."""

from smears.sources.listing import SourceError, frame, pictures

HOW_TO_GET = (
    "Acevedo et al., A dataset of microscopic peripheral blood cell images, Data in Brief 30 "
    "(2020) 105474, CC BY 4.0, Mendeley Data doi 10.17632/snkd93bnjr.1: unpack it and give the "
    "folder with basophil, eosinophil, ..., e.g. --data pbc:PBC_dataset_normal_DIB."
)
CLASSES = (
    "basophil", "eosinophil", "erythroblast", "ig", "lymphocyte", "monocyte", "neutrophil",
    "platelet",
)  # fmt: skip
# A binary task without disease; platelets are no white cells, nor what they come from.
MATURITY = dict.fromkeys(("erythroblast", "ig"), "immature") | dict.fromkeys(
    ("basophil", "eosinophil", "lymphocyte", "monocyte", "neutrophil"), "mature"
)


def read(folder, cache, *, bad=None, binary=False):
    """Rows of `<folder>/<class>/<PREFIX>_<number>.jpg`; the set names no subjects.

    Every picture is its own source. The name's prefix (BNE, MMY, ...) tells finer kinds, which
    the labels here do not.

    Args:
        binary: label the cells by `MATURITY` and leave platelets out, with a note.

    Raises:
        SourceError: no folder of the set's class names.
    """
    rows = []
    for path in pictures(folder, HOW_TO_GET, bad=bad):
        label = path.parent.name.lower()
        if label in CLASSES:
            rows.append(
                {"path": path, "label": label, "source": f"pbc:{label}/{path.stem}"}
            )  # fmt: skip
    if not rows:
        raise SourceError(f"{folder} has none of the folders {', '.join(CLASSES)}. {HOW_TO_GET}")
    if not binary:
        return frame(rows)
    kept = [row | {"label": MATURITY[row["label"]]} for row in rows if row["label"] in MATURITY]
    if not kept:
        raise SourceError(f"{folder} has only platelets, which are left out. {HOW_TO_GET}")
    table = frame(kept)
    if len(kept) < len(rows):
        table.attrs["notes"] = [f"pbc-immature: {len(rows) - len(kept)} platelets left out"]
    return table
