"""SN-AM: bone marrow fields of B-lineage ALL and of multiple myeloma, `ALL_1.bmp`, `MM_1.bmp`."""

import re

from smears.sources.listing import SourceError, frame, pictures

HOW_TO_GET = (
    "Gupta and Gupta, SN-AM Dataset: White Blood Cancer Dataset of B-ALL and MM for Stain "
    "Normalization, The Cancer Imaging Archive, 2019, CC BY 3.0, doi 10.7937/tcia.2019.of2w8lxr: "
    "unpack it and give the folder that holds ALL_1.bmp, ..., MM_1.bmp, ..., or one above, e.g. "
    "--data snam:SN-AM."
)
NAME = re.compile(r"(ALL|MM)_(\d+)", re.IGNORECASE)
# Masks, and the pictures that all others were normalised to.
OTHERS = re.compile("mask|reference", re.IGNORECASE)
LABELS = {"ALL": "B-ALL", "MM": "MM"}
NO_NORMAL = (
    "snam: the set shows B-ALL and multiple myeloma (MM), both cancers, and no normal class: the "
    "30 pictures that CoTCoNet's paper counts as normal must be MM"
)


def read(folder, cache, *, bad=None):
    """Rows of `ALL_<number>.bmp` and `MM_<number>.bmp`, wherever below the folder they lie.

    Masks (`ALL_1_mask.bmp`, or a folder of that name) and reference images are left out, with a
    note. The set names no subjects: every picture is its own source.

    Raises:
        SourceError: a picture of another name, two of one name, or none at all.
    """
    found, left = {}, 0
    for path in pictures(folder, HOW_TO_GET, bad=bad):
        if OTHERS.search(path.relative_to(folder).as_posix()):
            left += 1
            continue
        name = NAME.fullmatch(path.stem)
        if name is None:
            raise SourceError(f"{path} is not named like ALL_1.bmp or MM_1.bmp. {HOW_TO_GET}")
        kind = name[1].upper()
        source = f"snam:{kind}_{int(name[2])}"
        if source in found:
            raise SourceError(f"{path} and {found[source]['path']}: two pictures of one name.")
        found[source] = {"path": path, "label": LABELS[kind], "source": source}
    if not found:
        raise SourceError(f"{folder} has only masks and reference images. {HOW_TO_GET}")
    table = frame(list(found.values()))
    table.attrs["notes"] = [NO_NORMAL]
    if left:
        table.attrs["notes"].append(f"snam: {left} masks and reference images left out")
    return table
