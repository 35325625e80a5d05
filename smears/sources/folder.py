"""Any folder of class folders: `<folder>/<class>/<picture>`; the class is the folder's name."""

from smears.sources.listing import SourceError, frame, pictures

HOW_TO_GET = "It must hold one folder a class, with that class's pictures in it."


def read(folder, cache):
    """Rows of `folder/<class>/.../<picture>`; no subjects are known, each picture is a source."""
    rows = []
    for path in pictures(folder, HOW_TO_GET):
        place = path.relative_to(folder)
        if len(place.parts) < 2:
            raise SourceError(f"{path} lies outside any class folder. {HOW_TO_GET}")
        rows.append({"path": path, "label": place.parts[0], "source": f"folder:{place.as_posix()}"})
    return frame(rows)
