"""Layouts of pictures of no published set: folders of classes, of people, of parts."""

from pathlib import Path

from smears.layouts import lists, masks
from smears.layouts.layout import PICTURE_FOLDERS, Layout, command, ending_of, row_of, sheet, some
from smears.sources.folder import DATE, LEAST, PARTS, person

NOTES = (".csv", ".json", ".txt", ".xls", ".xlsx", ".xml")  # where people write labels down


def guessed(folder, found, recognised):
    """The Layout of pictures of no published set.

    Args:
        folder: pathlib.Path. found: paths of its pictures.
        recognised: function of a folder -> Layout, for one that is alone in this one.
    """
    places = [path.relative_to(folder).parts for path in found]
    loose = [path for path, place in zip(found, places, strict=True) if len(place) == 1]
    tops = sorted({place[0] for place in places if len(place) > 1})
    tables = [] if len(tops) > 1 else sorted(p for p in folder.iterdir() if ending_of(p) == ".csv")
    outlines = [path for path in found if masks.is_mask(path, folder)]
    if outlines:
        return masks.mixed(folder, found, outlines)
    if len(tops) > 1 and all(name.lower() in PARTS for name in tops) and not loose:
        return _parts(folder, found)
    read = {table: layout for table in tables if (layout := lists.one(table)).spec or layout.rows}
    if len(read) > 1:
        return lists.several(folder, read)
    for layout in read.values():
        return layout
    if not tops:
        return Layout(
            "pictures without labels", remedy=f"{sheet(folder)}sort them into a folder a class, "
            f"or write their list to fill in: {command(folder)}",
            rows=tuple(row_of(p, "") for p in found),
        )  # fmt: skip
    if loose:
        return Layout(
            "class folders, and pictures beside them",
            remedy=f"move {len(loose)} pictures that lie in no class folder into one, or away: "
            f"{', '.join(path.name for path in loose[:3])}{' ...' * (len(loose) > 3)}.",
        )
    if len(tops) == 1:
        return _wrapped(folder, found, tops[0], recognised)
    inner = [{place[1] for place in places if place[0] == top and len(place) > 2} for top in tops]
    dates = all(DATE.fullmatch(name) for names in inner for name in names)
    same = not dates and all(len(names) > 1 and names == inner[0] for names in inner)
    if same and min(map(len, places)) > 2:
        return _two_levels(folder, found, tops, sorted(inner[0]))
    what = "class folders" + (", with folders in them" if any(inner) else "")
    return Layout(what, f"folder:{folder}")


def _two_levels(folder, found, tops, inner):
    """The same folders in each folder: classes of several people, or people of several classes."""
    places = [path.relative_to(folder).parts for path in found]
    if all(name.lower() in PARTS for name in inner):
        rows = [
            row_of(path, place[0], part=PARTS[place[1].lower()])
            for path, place in zip(found, places, strict=True)
        ]
        return Layout(
            f"class folders with a split that is already made: {', '.join(inner)}",
            remedy=f"write its list, which keeps the parts: {command(folder)}", rows=tuple(rows),
        )  # fmt: skip
    outside, inside = _numbered(tops), _numbered(inner)
    if inside and not outside:
        return _people_inside(folder, found, tops, inner)
    # So many are people; fewer may be hospitals or days.
    people = len(tops) >= LEAST
    what = f"class folders ({some(inner)}) in each of {len(tops)} folders"
    remedy = (
        "write their list, in which the inner folder is the class"
        f"{' and the outer one the person' * people}: {command(folder)}"
    )
    if inside or not outside:
        what += f"; or else folders of people in each of the class folders ({some(tops)})"
        remedy += f"; or, if the outer folders are the classes, give --data 'folder:{folder}'"
    names, told = ([place[0] for place in places], "") if people else _people_below(places)
    return Layout(
        what + told, remedy=remedy,
        rows=tuple(
            row_of(path, place[1], subject=name)
            for path, place, name in zip(found, places, names, strict=True)
        ),
    )  # fmt: skip


def _people_below(places):
    """Of `<outer>/<class>/[<person>/...]<picture>`: (a subject a picture, a phrase on them).

    The folders are people where `smears.sources.folder` would take them for some.
    """
    inside = ["".join(person(Path(*place[1:]))) for place in places]
    names, people = [], {}
    for (outer, label, *_), name in zip(places, inside, strict=True):
        names.append(f"{outer}/{name}" if name else "")
        people.setdefault(label, set()).update(names[-1:] if name else ())
    shown = some(sorted(set(inside) - {""}))
    if min(map(len, people.values())) >= LEAST:
        return names, f"; folders {shown} inside are taken for people"
    few = f"; folders {shown} inside, fewer than {LEAST} in a class, are not taken for people"
    return [""] * len(names), few * bool(shown)


def _people_inside(folder, found, tops, inner):
    """Folders of the same people in each class folder; of few people a list, as they may be types.

    `smears.sources.folder` keeps people apart from `LEAST` on.
    """
    what = (
        f"class folders ({some(tops)}), in each the same {len(inner)} folders ({some(inner)}), "
        "taken for people"
    )
    if len(inner) >= LEAST:
        return Layout(what, f"folder:{folder}")
    places = [path.relative_to(folder).parts for path in found]
    return Layout(
        what,
        remedy="write their list, in which the outer folder is the label and the inner one the "
        "subject (if it is the other way round, exchange these two words in its first line): "
        f"{command(folder)}",
        rows=tuple(
            row_of(path, place[0], subject=place[1])
            for path, place in zip(found, places, strict=True)
        ),
    )  # fmt: skip


def _numbered(names):
    """Whether most of the names hold a digit, as those of people do and of classes seldom."""
    return 2 * sum(any(sign.isdigit() for sign in name) for name in names) > len(names)


def _wrapped(folder, found, name, recognised):
    inner = recognised(folder / name)
    if inner.spec:
        place = inner.spec.partition(":")[2]
        return Layout(
            f"one folder too many round: {inner.what}",
            remedy=f'give the inner folder: python -m smears check "{place}"',
        )
    if name.lower() in PICTURE_FOLDERS:
        notes = sorted(p for p in folder.rglob("*") if ending_of(p) in NOTES)
        told = f"; labels in {notes[0].relative_to(folder)}?" if notes else ""
        return Layout(
            f"pictures in a folder {name}, which is no class{told}",
            remedy=f"{sheet(folder)}their classes stand elsewhere: write their list and fill "
            f"these in: {command(folder)}", rows=tuple(row_of(path, "") for path in found),
        )  # fmt: skip
    if any(path.parent == folder / name for path in found):
        return Layout(
            f"one class only: {name}",
            remedy="a classifier needs two: add a folder with pictures of another class.",
        )
    return inner


def _parts(folder, found):
    """train/<class>/..., val/<class>/..., test/<class>/..."""
    rows = []
    for path in found:
        part, *place = path.relative_to(folder).parts
        rows.append(row_of(path, place[0] if len(place) > 1 else "", part=PARTS[part.lower()]))
    return Layout(
        "a split that is already made: " + ", ".join(sorted({row["part"] for row in rows})),
        remedy=f"write its list, which keeps the parts: {command(folder)}", rows=tuple(rows),
    )  # fmt: skip
