"""Any folder of class folders: `<folder>/<class>/<picture>`; the class is the folder's name.

Folders inside the class folders, `<class>/<person>/[<slide>/]<picture>`, are taken for people,
folders of one name for one person whatever their class, so that none stands on two sides of a
split. Folders named by a date, `<class>/<date>/<person>/<picture>`, are passed over on the way to
the person; without a person the date keeps what was taken together on one side.
"""

import re

from smears.sources.listing import STRAYS, SourceError, frame, pictures, printable

LEAST = 5  # people of each class from which a split can keep them apart
# Folders that hold no class: those of a split that is made already -> their part, and masks.
PARTS = {
    "train": "train", "training": "train", "val": "validation", "valid": "validation",
    "validation": "validation", "dev": "validation", "test": "test", "testing": "test",
    "holdout": "test", "hold-out": "test",
}  # fmt: skip
MASK_FOLDERS = {"mask", "masks", "segmentation", "segmentations", "groundtruth", "ground_truth"}
# Ends of the names of masks that lie beside their pictures.
MASKS = ("_mask", "-mask", "_masks", "_seg", "_segmentation", "_gt")
# 2024-02-11, 20240211, 11.02.2024 and the like.
DAY = r"(0?[1-9]|[12]\d|3[01])"  # or month: some write it first
DATE = re.compile(
    rf"(19|20)\d\d(?P<gap>[-_. ]?)(0[1-9]|1[0-2])(?P=gap)(0[1-9]|[12]\d|3[01])"
    rf"|{DAY}(?P<sign>[-_. ]){DAY}(?P=sign)(19|20)\d\d"
)
HOW_TO_GET = "It must hold one folder a class, with that class's pictures in it."
KEPT = "folders inside the class folders are taken for people: none stands on two sides of a split"
SHARED = (
    "{} of these names stand in several class folders and count as one person each: if they are "
    "different people, more is kept together than need be"
)
ALONE = "{} pictures lie in no such folder and count alone"
TOO_FEW = (
    f"a class has fewer than {LEAST} folders inside, so each picture counts alone and pictures of "
    "one such folder may stand on both sides; a list with a column subject (csv) keeps people apart"
)


def read(folder, cache, *, bad=None, mark=""):
    """Rows of `folder/<class>/[<person>/...]<picture>`.

    The person is the subject and the picture's own folder its source where every class has
    `LEAST` people or more; `attrs["notes"]` tells, and names class folders that are empty. Else
    each picture is a source of its own.

    Args:
        mark: what the names of subjects and sources begin with, so that other folders' differ.

    Raises:
        SourceError: a picture outside any class folder, folders that hold parts or masks, or masks
            beside their pictures.
    """
    places = {path: path.relative_to(folder) for path in pictures(folder, HOW_TO_GET, bad=bad)}
    people = {}
    for path, place in places.items():
        if len(place.parts) < 2:
            raise SourceError(f"{path} lies outside any class folder. {HOW_TO_GET}")
        people.setdefault(place.parts[0], set()).update(person(place))
    _refuse_what_is_no_class(folder, places.values())
    empty = sorted(place.name for place in folder.iterdir() if _is_class(place, people))
    deep = any(people.values())
    kept = min(map(len, people.values())) >= LEAST
    table = frame([_row(path, place, kept, mark) for path, place in places.items()])
    notes = [
        f"no picture in the class folder {printable(name)}, so it is no class here"
        for name in empty
    ]
    if deep:
        notes.append(_note(people, places.values()) if kept else TOO_FEW)
    table.attrs["notes"] = notes
    return table


def person(place):
    """Of `<class>/[...]<picture>`: [first folder in the class folder, dates after others] or []."""
    inside = place.parts[1:-1]
    return [name for name in inside if not DATE.fullmatch(name)][:1] or list(inside[:1])


def _is_class(place, known):
    """Whether this could be a class folder that is none of the known ones, for want of pictures."""
    return (
        place.is_dir()
        and place.name not in {*known, *STRAYS}
        and not place.name.startswith((".", "_"))
    )


def _refuse_what_is_no_class(folder, places):
    tops = {place.parts[0] for place in places}
    masks = {n for place in places for n in place.parts[:-1] if n.lower() in MASK_FOLDERS}
    names = {(place.parent, place.stem.lower()) for place in places}
    beside = [
        place for place in places
        if bare(place) != place.stem.lower() and (place.parent, bare(place)) in names
    ]  # fmt: skip
    if beside:
        what = f"{len(beside)} files such as {folder / beside[0]} are masks of pictures beside them"
    elif masks:
        what = f"folders {', '.join(sorted(masks))} in {folder} hold masks, not pictures"
    elif all(name.lower() in PARTS for name in tops):
        what = f"folders {', '.join(sorted(tops))} in {folder} are parts of a split, not classes"
    else:
        return
    raise SourceError(
        f"{what}: write a list of the pictures, python -m smears check "
        f'"{folder}" --list list.csv, and give --data csv:list.csv.'
    )


def bare(path):
    """A picture's name in lower case without its ending and without what marks a mask."""
    stem = path.stem.lower()
    return next((stem[: -len(end)] for end in MASKS if stem.endswith(end)), stem)


def _row(path, place, kept, mark):
    name = "".join(person(place)) if kept else ""
    return {
        "path": path, "label": place.parts[0],
        "subject": f"folder:{mark}{name}" if name else "",
        "source": f"folder:{mark}{(place.parent if name else place).as_posix()}",
    }  # fmt: skip


def _note(people, places):
    """What is kept apart, and what of that rests on names alone."""
    names = [name for own in people.values() for name in own]
    shared = len({name for name in names if names.count(name) > 1})
    alone = sum(len(place.parts) == 2 for place in places)
    more = [SHARED.format(shared)] * (shared > 0) + [ALONE.format(alone)] * (alone > 0)
    return "; ".join([KEPT, *more])
