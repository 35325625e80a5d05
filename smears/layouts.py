"""Recognise how somebody's pictures lie in a folder, and say what to do where it cannot be read."""

import csv
import os
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from smears import images
from smears.commandline import quoted
from smears.images import ENDINGS
from smears.sources import allidb, ash, cnmc, kin, listing, manifest, pbc, snam, taleqani, zheng
from smears.sources.folder import DATE, LEAST, MASK_FOLDERS, MASKS, PARTS, bare, person
from smears.sources.listing import STRAYS, SourceError

ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.xz", ".rar", ".7z")
VIDEOS = (".mp4", ".avi", ".mov", ".mkv", ".webm", ".wmv", ".mpg", ".mpeg")
# What else people have in place of pictures -> what to do with it.
OTHERS = {
    **dict.fromkeys(ARCHIVES, "unpack it first"),
    **dict.fromkeys(VIDEOS, "save the frames that count as PNG, one file a frame"),
    **dict.fromkeys((".dcm", ".dicom"), "export the DICOM files as 8-bit PNG from their viewer"),
    **dict.fromkeys((".svs", ".ndpi", ".mrxs", ".scn", ".czi"), "cut fields out of it as PNG"),
    ".pdf": "take the pictures out of the PDF and save them as PNG",
    ".heic": "save the HEIC pictures as PNG or JPEG",
    ".npz": "give the .npz file itself if it is BloodMNIST's",
}  # fmt: skip

PICTURE_FOLDERS = {"image", "images"}
NOTES = (".csv", ".json", ".txt", ".xls", ".xlsx", ".xml")  # where people write labels down
SPREADSHEETS = (".xlsx", ".xls", ".ods")
LABELS = ("label", "labels", "class", "category", "diagnosis", "target", "type", "cell_type", "y")
SUBJECTS = ("subject", "subject_id", "patient", "patient_id", "person", "case", "case_id")
SPLITS = ("part", "split", "set", "subset", "partition")


@dataclass(frozen=True)
class Layout:
    """What a folder is taken for.

    Args:
        what: one phrase that names the layout.
        spec: "NAME:PATH" as --data takes it; "" where it cannot be read as it is.
        remedy: one line: what to do where it cannot.
        rows: for a list that can stand in for the folder: dicts with path and label ("" where
            unknown), and, if known, subject, part and mask.
        passed_over: Counter of the endings of files that are no pictures.
        lost: one phrase on the lines of a table that are not among the rows, "" if all are.
    """

    what: str
    spec: str = ""
    remedy: str = ""
    rows: tuple = ()
    passed_over: Counter = None
    lost: str = ""


def recognise(path):
    """The Layout of a path, which need not exist."""
    path = Path(path).expanduser().absolute()
    if not os.path.exists(path):
        return _missing(path)
    if not path.is_dir():
        return _file(path)
    return _folder(path)


def _missing(path):
    above = next(place for place in path.parents if os.path.isdir(place))
    try:
        there = sorted(n for n in os.listdir(above) if not n.startswith("."))
    except OSError:
        there = []
    names = ", ".join(there[:8]) + (" ..." if len(there) > 8 else "") if there else "nothing"
    return Layout("nothing", remedy=f"{path} does not exist; in {above} there is: {names}.")


def _file(path):
    ending = _ending(path)
    if ending in (".csv", ".tsv", ".txt"):
        return _list(path)
    if ending == ".npz":
        return Layout("a BloodMNIST file", f"bloodmnist:{path}")
    if ending in SPREADSHEETS:
        return Layout("a spreadsheet", remedy=f"save {path.name} as CSV and give that.")
    if ending == ".zip" or ".t" in ending:
        tool = "zipfile" if ending == ".zip" else "tarfile"
        target = str(path)[: -len(ending)]
        return Layout(
            "an archive",
            remedy=f'unpack it: python -m {tool} -e "{path}" "{target}", and check that folder.',
        )
    if ending in OTHERS:
        return Layout(f"one {ending} file", remedy=f"{OTHERS[ending]}, and give their folder.")
    if ending in ENDINGS:
        return Layout("one picture", remedy=f"give the folder of its pictures: {path.parent}")
    return Layout(f"one {ending or 'nameless'} file", remedy="give a folder of pictures.")


def _folder(folder):
    passed = _others(folder)
    bad = {}
    try:
        found = listing.pictures(folder, bad=bad)
    except SourceError as problem:
        if not bad and (passed or "no pictures" in str(problem)):
            return _without_pictures(folder, passed)
        return Layout("a folder that cannot be read", remedy=str(problem))
    sets = _sets(folder, found)
    if len({layout.spec.partition(":")[0] for layout in sets.values()}) > 1:
        layout, problem = _several(folder, sets), ""
    else:
        layout, problem = _known(folder, found)
    if layout is None:
        layout = _general(folder, found)
        # A list beside the pictures says itself what they are; folders may be anybody's.
        if problem and not layout.spec.startswith("csv:"):
            own = (
                " If these are your own pictures and each folder is a class, give --data "
                f"{quoted(layout.spec)}."
            ) * bool(layout.spec)
            layout = Layout("a known set, not whole", remedy=problem + own)
    return replace(layout, passed_over=passed)


def _others(folder):
    """Endings of the files that are no pictures and no lists, with their numbers."""
    found = Counter()
    for _, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if name not in STRAYS and name[0] != "."]
        found.update(
            listing.printable(_ending(Path(name))) or "without ending" for name in files
            if name not in STRAYS and name[0] != "." and not name.lower().endswith(ENDINGS)
        )  # fmt: skip
    return found


def _ending(path):
    """ ".tar.gz" of a packed archive, else what follows the last dot, in lower case."""
    name = path.name.lower()
    return next((end for end in ARCHIVES if name.endswith(end)), path.suffix.lower())


def _without_pictures(folder, passed):
    if not passed:
        return Layout(
            "an empty folder",
            remedy=f"put pictures into {folder}, a folder a class: {folder.name}/<class>/1.png.",
        )
    names = ", ".join(f"{count} {ending}" for ending, count in passed.most_common(5))
    advice = [OTHERS[ending] for ending, _ in passed.most_common() if ending in OTHERS]
    what = advice[0] if advice else f"give one with pictures ({', '.join(ENDINGS)})"
    return Layout("a folder without pictures", remedy=f"{names} and no picture: {what}.",
                  passed_over=passed)  # fmt: skip


def _sets(folder, found):
    """Dict of a name in the folder -> Layout of the published set that it, or one in it, holds."""
    inside = {}
    for path in found:
        if path.parent != folder:
            inside.setdefault(path.relative_to(folder).parts[0], []).append(path)
    sets = {}
    for name, own in inside.items():
        last = Path(os.path.commonpath([path.parent for path in own]))
        for place in reversed([last, *last.parents]):
            if place.is_relative_to(folder / name) and (layout := _known(place, own)[0]):
                sets[name] = layout
                break
    return sets


def _several(folder, sets):
    """The Layout of a folder that holds different published sets, which are no classes."""
    specs = [layout.spec for layout in sets.values()]
    names = [f"{name} is {spec.partition(':')[0]}" for name, spec in zip(sets, specs, strict=True)]
    given = " ".join(f"--data {quoted(spec)}" for spec in specs)
    more = f"or, if each folder is meant as one class, --data {quoted(f'folder:{folder}')}"
    if same := kin(specs):
        more = f"but leave out one of those that show the same cells: {'; '.join(same)}"
    return Layout(
        f"different sets: {_some(names)}", remedy=f"give each as its own --data, {given}; {more}."
    )


def _known(folder, found):
    """(Layout of a published set or None, why its reader refuses it)."""
    stems = [path.stem for path in found]
    tops = {path.relative_to(folder).parts[0].lower() for path in found}
    problem = ""
    for name, module, fits in (
        ("cnmc", cnmc, any(map(cnmc.NAME.fullmatch, stems))),
        ("snam", snam, _like_snam(stems)),
        (_allidb(found), allidb, all(map(allidb.NAME.fullmatch, stems))),
        ("taleqani", taleqani, any(taleqani.FILE.fullmatch(stem.lower()) for stem in stems)
         or {"benign", "early", "pre", "pro"} <= {p.parent.name.lower() for p in found}),
        ("zheng", zheng, any(zheng.DATASET.fullmatch(top) for top in tops)),
        ("pbc", pbc, len(tops) > 2 and tops <= set(pbc.CLASSES)),
        ("ash", ash, len(tops) > 1 and not tops & set(PARTS)
         and all(path.parent != folder for path in found)),
    ):  # fmt: skip
        if not fits:
            continue
        number = {"number": int(name[-1])} if module is allidb else {}
        try:
            module.read(folder, None, bad={}, **number)
        except SourceError as refusal:
            if module is not ash:  # which any folder of other classes would raise
                problem = problem or str(refusal)
            continue
        return Layout(f"{name}: {module.__doc__.splitlines()[0]}", f"{name}:{folder}"), ""
    return None, problem


def _like_snam(stems):
    """Whether both kinds are there or nothing else is: ALL_1 may be a picture in anybody's set."""
    kinds = {match[1].upper() for match in map(snam.NAME.fullmatch, stems) if match}
    return len(kinds) == 2 or (
        bool(kinds) and all(snam.NAME.fullmatch(s) or snam.OTHERS.search(s) for s in stems)
    )


def _allidb(found):
    """ "allidb1" or "allidb2", by the folder's name, else by the first picture's size."""
    place = found[0].parent.name.lower()
    if place in allidb.FOLDERS.values():
        return "allidb1" if place == allidb.FOLDERS[1] else "allidb2"
    try:
        return "allidb1" if max(images.size(found[0])) > 600 else "allidb2"
    except (OSError, images.BadImage):
        return "allidb1"


def _general(folder, found):
    """The Layout of pictures of no published set."""
    places = [path.relative_to(folder).parts for path in found]
    loose = [path for path, place in zip(found, places, strict=True) if len(place) == 1]
    tops = sorted({place[0] for place in places if len(place) > 1})
    lists = [] if len(tops) > 1 else sorted(p for p in folder.iterdir() if _ending(p) == ".csv")
    masks = [path for path in found if _is_mask(path, folder)]
    if masks:
        return _with_masks(folder, found, masks)
    if len(tops) > 1 and all(name.lower() in PARTS for name in tops) and not loose:
        return _parts(folder, found)
    read = {table: layout for table in lists if (layout := _list(table)).spec or layout.rows}
    if len(read) > 1:
        return _lists(folder, read)
    for layout in read.values():
        return layout
    if not tops:
        return Layout(
            "pictures without labels", remedy=f"{_sheet(folder)}sort them into a folder a class, "
            f"or write their list to fill in: {_command(folder)}",
            rows=tuple(_row(p, "") for p in found),
        )  # fmt: skip
    if loose:
        return Layout(
            "class folders, and pictures beside them",
            remedy=f"move {len(loose)} pictures that lie in no class folder into one, or away: "
            f"{', '.join(path.name for path in loose[:3])}{' ...' * (len(loose) > 3)}.",
        )
    if len(tops) == 1:
        return _wrapped(folder, found, tops[0])
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
            _row(path, place[0], part=PARTS[place[1].lower()])
            for path, place in zip(found, places, strict=True)
        ]
        return Layout(
            f"class folders with a split that is already made: {', '.join(inner)}",
            remedy=f"write its list, which keeps the parts: {_command(folder)}", rows=tuple(rows),
        )  # fmt: skip
    outside, inside = _numbered(tops), _numbered(inner)
    if inside and not outside:
        return _people_inside(folder, found, tops, inner)
    # So many are people; fewer may be hospitals or days.
    people = len(tops) >= LEAST
    what = f"class folders ({_some(inner)}) in each of {len(tops)} folders"
    remedy = (
        "write their list, in which the inner folder is the class"
        f"{' and the outer one the person' * people}: {_command(folder)}"
    )
    if inside or not outside:
        what += f"; or else folders of people in each of the class folders ({_some(tops)})"
        remedy += f"; or, if the outer folders are the classes, give --data 'folder:{folder}'"
    names, told = ([place[0] for place in places], "") if people else _people_below(places)
    return Layout(
        what + told, remedy=remedy,
        rows=tuple(
            _row(path, place[1], subject=name)
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
    shown = _some(sorted(set(inside) - {""}))
    if min(map(len, people.values())) >= LEAST:
        return names, f"; folders {shown} inside are taken for people"
    few = f"; folders {shown} inside, fewer than {LEAST} in a class, are not taken for people"
    return [""] * len(names), few * bool(shown)


def _people_inside(folder, found, tops, inner):
    """Folders of the same people in each class folder; of few people a list, as they may be types.

    `smears.sources.folder` keeps people apart from `LEAST` on.
    """
    what = (
        f"class folders ({_some(tops)}), in each the same {len(inner)} folders ({_some(inner)}), "
        "taken for people"
    )
    if len(inner) >= LEAST:
        return Layout(what, f"folder:{folder}")
    places = [path.relative_to(folder).parts for path in found]
    return Layout(
        what,
        remedy="write their list, in which the outer folder is the label and the inner one the "
        "subject (if it is the other way round, exchange these two words in its first line): "
        f"{_command(folder)}",
        rows=tuple(
            _row(path, place[0], subject=place[1])
            for path, place in zip(found, places, strict=True)
        ),
    )  # fmt: skip


def _numbered(names):
    """Whether most of the names hold a digit, as those of people do and of classes seldom."""
    return 2 * sum(any(sign.isdigit() for sign in name) for name in names) > len(names)


def _some(names):
    return ", ".join(names[:4]) + " ..." * (len(names) > 4)


def _row(path, label, **more):
    return {"path": path, "label": label, **more}


def _sheet(folder):
    """What to do with a spreadsheet that lies beside the pictures, which may hold their labels."""
    found = sorted(p.name for p in folder.iterdir() if _ending(p) in SPREADSHEETS)
    return f"save {found[0]} as CSV beside it, if it holds their labels; or else " if found else ""


def _command(folder):
    return f'python -m smears check "{folder}" --list list.csv'


def _wrapped(folder, found, name):
    inner = _folder(folder / name)
    if inner.spec:
        place = inner.spec.partition(":")[2]
        return Layout(
            f"one folder too many round: {inner.what}",
            remedy=f'give the inner folder: python -m smears check "{place}"',
        )
    if name.lower() in PICTURE_FOLDERS:
        notes = sorted(p for p in folder.rglob("*") if _ending(p) in NOTES)
        told = f"; labels in {notes[0].relative_to(folder)}?" if notes else ""
        return Layout(
            f"pictures in a folder {name}, which is no class{told}",
            remedy=f"{_sheet(folder)}their classes stand elsewhere: write their list and fill "
            f"these in: {_command(folder)}", rows=tuple(_row(path, "") for path in found),
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
        rows.append(_row(path, place[0] if len(place) > 1 else "", part=PARTS[part.lower()]))
    return Layout(
        "a split that is already made: " + ", ".join(sorted({row["part"] for row in rows})),
        remedy=f"write its list, which keeps the parts: {_command(folder)}", rows=tuple(rows),
    )  # fmt: skip


def _is_mask(path, folder):
    above = {part.lower() for part in path.relative_to(folder).parts[:-1]}
    return path.stem.lower().endswith(MASKS) or bool(above & MASK_FOLDERS)


def _with_masks(folder, found, masks):
    """Pictures and their masks: a list joins them by name."""
    known = set(masks)
    pictures = [path for path in found if path not in known]
    own, doubtful = _joined(folder, pictures, masks)
    places = [_place(folder, path) for path in pictures]
    made = all(place and place[0].lower() in PARTS for place in places)
    rows = []
    for path, place in zip(pictures, places, strict=True):
        part, place = (PARTS[place[0].lower()], place[1:]) if made else ("", place)
        label = place[0] if place else ""
        rows.append(_row(path, label, part=part, mask=own.get(path, "")))
    note = "" if all(row["label"] for row in rows) else ", and fill in its labels"
    unsure = f", {doubtful} ambiguous and left without a mask" * (doubtful > 0)
    return Layout(
        f"pictures and masks mixed: {len(pictures)} pictures, {len(masks)} masks, {len(own)} "
        f"joined by name{unsure}",
        remedy=f"write the list that tells them apart{note}: {_command(folder)}" if rows
        else "there are masks and no pictures: give the pictures' folder.",
        rows=tuple(rows),
    )  # fmt: skip


def _joined(folder, pictures, masks):
    """Masks of pictures: by folder and name, or by the name alone where only one can be meant.

    Returns:
        (dict picture -> mask, number of pictures for which several masks may be meant, or whose
        mask may be another picture's).
    """
    place = {path: tuple(map(str.lower, _place(folder, path))) for path in [*pictures, *masks]}
    lived_in = {place[path] for path in pictures} - {()}

    def fits(picture, mask):
        """Not where the mask lies among the pictures of another folder, as of another class."""
        return place[mask] == place[picture] or place[mask] not in lived_in

    own, doubtful = {}, 0
    for key in (lambda path: (place[path], bare(path)), bare):
        taken = set(own.values())
        left = [path for path in pictures if path not in own]
        there = {}
        for mask in masks:
            if mask not in taken:
                there.setdefault(key(mask), []).append(mask)
        wanted = Counter(map(key, left))
        meant = {path: there[key(path)] for path in left if key(path) in there}
        clear = {
            path: few[0] for path, few in meant.items()
            if len(few) == 1 == wanted[key(path)] and fits(path, few[0])
        }  # fmt: skip
        own |= clear
        doubtful = len(meant) - len(clear)
    return own, doubtful


def _place(folder, path):
    """The folders of a picture or mask below `folder`, without those that tell which it is."""
    names = path.relative_to(folder).parts[:-1]
    return [name for name in names if name.lower() not in MASK_FOLDERS | PICTURE_FOLDERS]


def _list(path):
    """A CSV file: as the source csv takes it, or with other columns."""
    try:
        manifest.read(path, None)
    except SourceError as problem:
        # Other columns, or paths of another machine; other faults are the list's own to mend.
        strange = "line 1:" in str(problem) or "is not a file" in str(problem)
        rows, unknown = _guessed(path) if strange else ([], [])
        if not rows:
            return Layout("a list that cannot be read", remedy=str(problem))
        known = sorted({key for row in rows for key in row} - {"path"})
        return Layout(
            f"pictures, and {path.name} with their {', '.join(known)}",
            remedy=f"write it in the columns and with the paths that are read here: "
            f"{_command(path)}",
            rows=tuple(rows),
            lost=(
                f"{len(unknown)} of {len(rows) + len(unknown)} lines of {path.name} name no "
                f"picture, or several, and are left out: {_some(unknown)}"
            ) * bool(unknown),
        )  # fmt: skip
    return Layout(f"a list: {path.name}", f"csv:{path}")


def _lists(folder, read):
    """Several lists beside pictures: often one a part of a split that is already made."""
    names = [path.name for path in read]
    whole = [path for path, layout in read.items() if layout.spec]
    together = " ".join(quoted(f"csv:{path}") for path in whole)
    return Layout(
        f"{len(names)} lists: {_some(names)}",
        remedy=f"make one of them, {folder / 'all.csv'}, with a column part (train, validation, "
        "test) if each is a part, and move the others away"
        + (f"; or give those that belong together, to be split anew, each with --data: {together}"
           if len(whole) > 1 else "") + ".",
    )  # fmt: skip


def _places(folder, files):
    """Dict of what may name a picture, its path, name or stem, -> picture; none that means two."""
    keys = {file: {file.relative_to(folder).as_posix(), file.name, file.stem} for file in files}
    meant = Counter(key for own in keys.values() for key in own)
    return {key: file for file, own in keys.items() for key in own if meant[key] == 1}


def _place_of(text, known):
    """The picture that a cell of a table means, be it a path of another machine; None: none."""
    parts = [part for part in text.strip().replace("\\", "/").split("/") if part]
    ends = ("/".join(parts[first:]) for first in range(len(parts)))
    return next((known[end] for end in ends if end in known), None)


def _guessed(path):
    """(rows from a table of other columns, [] if no column names pictures or none labels; the
    names in it that mean no picture, or several)."""
    try:
        table = pd.read_csv(path, sep=None, engine="python", dtype=str, keep_default_na=False,
                            encoding="utf-8-sig")  # fmt: skip
        files = listing.pictures(path.parent, bad={})
    except (OSError, ValueError, csv.Error, pd.errors.ParserError, SourceError):
        return [], []
    known = _places(path.parent, files)
    heads = {str(name).strip().lower(): name for name in table.columns}
    hits = {
        name: table[name].map(lambda text: _place_of(text, known) is not None).mean()
        for name in table.columns
    }
    names = max(hits, key=hits.get, default=None)
    labels = next((heads[name] for name in LABELS if heads.get(name, names) != names), None)
    if not len(table) or hits[names] < 0.8 or labels is None:
        return [], []
    chosen = {"label": labels}
    for key, words in (("subject", SUBJECTS), ("part", SPLITS)):
        column = next((heads[word] for word in words if heads.get(word, names) != names), None)
        if column is not None:
            chosen[key] = column
    rows, unknown = [], []
    for _, entry in table.iterrows():
        file = _place_of(entry[names], known)
        if file is None:
            unknown.append(entry[names])
            continue
        row = {"path": file} | {key: entry[column].strip() for key, column in chosen.items()}
        if "part" in row:
            row["part"] = PARTS.get(row["part"].lower(), "")
        rows.append(row)
    return rows, unknown
