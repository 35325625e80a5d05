"""Any folder of class folders: `<folder>/<class>/<picture>`; the class is the folder's name.

Folders inside the class folders, `<class>/<person>/<picture>`, are taken for people or source
pictures, so that none stands on two sides of a split.
"""

from smears.sources.listing import SourceError, frame, pictures

LEAST = 5  # inner folders of each class from which a split can keep them apart
HOW_TO_GET = "It must hold one folder a class, with that class's pictures in it."
KEPT = "folders inside the class folders are taken for people: none stands on two sides of a split"
TOO_FEW = (
    f"a class has fewer than {LEAST} folders inside, so each picture counts alone and pictures of "
    "one such folder may stand on both sides; a list with a column subject (csv) keeps people apart"
)


def read(folder, cache):
    """Rows of `folder/<class>/.../<picture>`; a source is a folder inside a class, or a picture.

    Folders count where every class has `LEAST` of them or more; `attrs["notes"]` tells.
    """
    places = {path: path.relative_to(folder) for path in pictures(folder, HOW_TO_GET)}
    inner = {}
    for path, place in places.items():
        if len(place.parts) < 2:
            raise SourceError(f"{path} lies outside any class folder. {HOW_TO_GET}")
        inner.setdefault(place.parts[0], set()).add(place.parent)
    deep = any(len(place.parts) > 2 for place in places.values())
    kept = deep and min(map(len, inner.values())) >= LEAST
    table = frame(
        [
            {
                "path": path, "label": place.parts[0],
                "source": f"folder:{(place.parent if kept else place).as_posix()}",
            }
            for path, place in places.items()
        ]
    )  # fmt: skip
    if deep:
        table.attrs["notes"] = [KEPT if kept else TOO_FEW]
    return table
