"""ASH Image Bank: pictures that the user collected into folders of five diseases."""

import re

from smears.sources.listing import SourceError, frame, pictures

HOW_TO_GET = (
    "The American Society of Hematology's image bank (https://imagebank.hematology.org) may not "
    "be passed on, and the paper does not list the pictures it chose: search it for each disease "
    "and save them into folders Lymphoma, MDS, CLL, CML and AML; give the folder above these."
)
# What a folder's name may hold, in words, each from the beginning of a word.
CLASSES = {
    "Lymphoma": r"lymphoma",
    "MDS": r"mds\b|myelodysplas",
    "CLL": r"cll\b|chronic ?lympho",
    "CML": r"cml\b|chronic ?myel",
    "AML": r"aml\b|acute ?myel",
}


def read(folder, cache, *, bad=None, mark=""):
    """Rows of `<folder>/<disease>/.../<picture>`; each picture is its own source.

    The disease is read tolerantly: `AML`, `acute_myeloid_leukemia`, `AML (256)`.

    Args:
        mark: what the names of sources begin with, so that other folders' differ.

    Raises:
        SourceError: a folder that names none of the five diseases, or several.
    """
    rows = []
    for path in pictures(folder, HOW_TO_GET, bad=bad):
        place = path.relative_to(folder)
        if len(place.parts) < 2:
            raise SourceError(f"{path} lies outside any class folder. {HOW_TO_GET}")
        label = _disease(place.parts[0], folder)
        rows.append({"path": path, "label": label, "source": f"ash:{mark}{place.as_posix()}"})
    return frame(rows)


def _disease(name, folder):
    words = " ".join(re.findall("[a-z]+", name.lower()))
    found = [label for label, words_of in CLASSES.items() if re.search(rf"\b({words_of})", words)]
    if len(found) != 1:
        what = f"names {' and '.join(found)}" if found else "names no disease of the set"
        raise SourceError(
            f"{folder / name} {what}: call it one of {', '.join(CLASSES)}, or move it away. "
            f"{HOW_TO_GET}"
        )
    return found[0]
