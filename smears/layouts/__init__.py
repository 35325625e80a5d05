"""Recognise how somebody's pictures lie in a folder, and say what to do where it cannot be read."""

import os
from collections import Counter
from dataclasses import replace
from pathlib import Path

from smears.commandline import quoted
from smears.images import ENDINGS
from smears.layouts import lists, published, unpublished
from smears.layouts.layout import ARCHIVES, SPREADSHEETS, Layout, ending_of
from smears.sources import listing
from smears.sources.listing import STRAYS, SourceError

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


def recognise(path):
    """The Layout of a path, which need not exist."""
    path = Path(os.path.expanduser(path)).absolute()
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
    ending = ending_of(path)
    if ending in (".csv", ".tsv", ".txt"):
        return lists.one(path)
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
    sets = published.sets_in(folder, found)
    if len({layout.spec.partition(":")[0] for layout in sets.values()}) > 1:
        layout, problem = published.several(folder, sets), ""
    else:
        layout, problem = published.known(folder, found)
    if layout is None:
        layout = unpublished.guessed(folder, found, _folder)
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
            listing.printable(ending_of(Path(name))) or "without ending" for name in files
            if name not in STRAYS and name[0] != "." and not name.lower().endswith(ENDINGS)
        )  # fmt: skip
    return found


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
