"""Readers of data sets: each turns a folder in its original layout into catalogue rows."""

import os
import re
from collections import Counter
from importlib import import_module
from pathlib import Path

import pandas as pd

from smears import catalogue
from smears.sources.listing import SourceError

# Name on the command line -> module with `read(folder, cache)` and `HOW_TO_GET`.
SOURCES = {
    "drawn": "smears.drawn",
    "folder": "smears.sources.folder",
    "csv": "smears.sources.manifest",
    "allidb1": "smears.sources.allidb",
    "allidb1-healthy": "smears.sources.allidb",
    "allidb2": "smears.sources.allidb",
    "allidb2-healthy": "smears.sources.allidb",
    "taleqani": "smears.sources.taleqani",
    "taleqani-malignant": "smears.sources.taleqani",
    "ash": "smears.sources.ash",
    "pbc": "smears.sources.pbc",
    "pbc-immature": "smears.sources.pbc",
    "bloodmnist": "smears.sources.bloodmnist",
    "cnmc": "smears.sources.cnmc",
    "snam": "smears.sources.snam",
    "zheng": "smears.sources.zheng",
}

# What tells names apart that share a module.
ARGUMENTS = {
    "allidb1": {"number": 1},
    "allidb1-healthy": {"number": 1, "only": "Healthy"},
    "allidb2": {"number": 2},
    "allidb2-healthy": {"number": 2, "only": "Healthy"},
    "taleqani-malignant": {"binary": True},
    "pbc-immature": {"binary": True},
}

# Names given with a file, not a folder to look through.
FILES = ("csv", "bloodmnist")

# Sources in which anybody names the pictures: 1.png of one folder is not 1.png of another.
ANYBODYS = ("folder", "csv", "ash")

# What is told of names of people that stand in several of the folders, or lists, that are merged.
NAMESAKES = {
    "folder": "{} names of people stand in several folders and count as different people in each: "
    "if they are the same, give a list (csv) with a column subject",
    "csv": "{} subjects stand in several lists and count as one person each: if they are "
    "different people, give them different names",
}

# Sets that show the same cells, so that no split of both and no external test is clean.
KIN = {
    frozenset({"allidb1", "allidb2"}): (
        "ALL-IDB2's cells are cut from ALL-IDB1's fields, and no list says which from which"
    ),
    frozenset({"pbc", "bloodmnist"}): "BloodMNIST's pictures are PBC's, cut and reduced",
}


def read(spec, cache, bad=None, **settings):
    """Rows of one source.

    Args:
        spec: "NAME:PATH", or "drawn".
        cache: folder where a source may keep files it makes.
        bad: dict for folders and names that cannot be read, see `listing.pictures`.
        **settings: passed on to the reader.

    Returns:
        DataFrame with the columns of `catalogue.COLUMNS`; `attrs["notes"]`: what was left out.

    Raises:
        SourceError: unknown name, missing folder or nothing in it, with what to do.
    """
    name, _, path = spec.partition(":")
    if name not in SOURCES:
        raise SourceError(
            f"--data {spec}: {name!r} is none of {', '.join(SOURCES)}. Give NAME:PATH, e.g. "
            "folder:PATH for any folder of class folders."
        )
    module = import_module(SOURCES[name])
    if name == "drawn":
        return module.read(None, Path(cache), **settings)
    folder = _place(path)
    if not path or not os.path.exists(folder):
        what = f"{folder} not found" if path else "no path given"
        raise SourceError(
            f"--data {spec}: {what}. Give {name}:PATH. {module.HOW_TO_GET} --data drawn needs none."
        )
    if name not in FILES:
        settings["bad"] = bad
    rows = module.read(folder, Path(cache), **ARGUMENTS.get(name, {}), **settings)
    notes = rows.attrs.get("notes", [])
    rows = rows.assign(data=name)[catalogue.COLUMNS]
    rows.attrs["notes"] = notes
    return rows


def short(spec):
    """What a spec is called in captions and file names: "pbc", or "folder-hospital".

    Of the sources `folder` and `csv`, which all people share, the name of the folder or file too.
    """
    name, _, path = spec.partition(":")
    if name not in ("folder", "csv") or not path:
        return name
    place = _place(path)
    own = re.sub(r"[^\w.]+", "-", place.stem if name == "csv" else place.name).strip("-")
    return f"{name}-{own}" if own else name


def _place(path):
    # os.path: pathlib raises on links in a circle, and where a folder above may not be entered.
    return Path(os.path.realpath(os.path.expanduser(path)))


def load(specs, cache, *, beside=(), skip_bad=False, drawn=None):
    """Read several sources and build one catalogue of them.

    Subjects and sources of several folders in which anybody names the pictures begin with the
    folder's name (of the last folders of its path, where names alone do not differ); those of one
    folder alone do not, so that it may be renamed.

    Args:
        specs: list of "NAME[:PATH]". cache: folder for scans and made files.
        beside: specs that are read elsewhere and from which these are told apart, too.
        skip_bad: see `catalogue.build`; folders that may not be read are left out, too.
        drawn: settings of the source "drawn" (numbers of subjects and images, size, seed).

    Returns:
        Catalogue (`catalogue.build`), the readers' notes before its own.
    """
    bad = {} if skip_bad else None
    marks = _marks([*beside, *specs])
    rows = [
        read(
            spec, cache, bad,
            **(drawn or {} if spec.split(":")[0] == "drawn" else marks.get(spec, {})),
        )
        for spec in specs
    ]  # fmt: skip
    # By name, for a folder may hold any number of pictures, or a whole class.
    notes = [f"left out (--skip-bad): {path}: {reason}" for path, reason in (bad or {}).items()]
    notes += [note for part in rows for note in part.attrs.get("notes", [])]
    notes += _namesakes(specs, rows)
    notes += [f"{reason}: a split of both leaks" for reason in kin(specs)]
    for part in rows:
        part.attrs.clear()  # pandas compares them when it joins frames
    frame = catalogue.build(pd.concat(rows, ignore_index=True), cache, skip_bad=skip_bad)
    frame.attrs["notes"] = notes + frame.attrs["notes"]
    frame.attrs["left_out"] = [*(bad or {}).items(), *frame.attrs["left_out"]]
    return frame


def _marks(specs):
    """Dict of each spec of several folders -> the setting that tells its names from theirs."""
    marks = {}
    for source in ANYBODYS:
        roots = {}
        for spec in specs:
            name, _, path = spec.partition(":")
            if name == source:
                # Lists in one folder name the same pictures.
                roots[spec] = _place(path).parent if name == "csv" else _place(path)
        others = set(roots.values())
        if len(others) > 1:
            marks |= {spec: {"mark": f"{_ending(root, others)}:"} for spec, root in roots.items()}
    return marks


def _ending(path, paths):
    """The fewest last folders of a path that no other one of the paths ends with."""
    for count in range(1, len(path.parts) + 1):
        own = path.parts[-count:]
        if sum(other.parts[-count:] == own for other in paths) == 1:
            break
    return "/".join(own)


def _namesakes(specs, rows):
    """Notes on names of people that stand in several folders or several lists."""
    for source, told in NAMESAKES.items():
        found = {
            _place(spec.partition(":")[2]): people(part)
            for spec, part in zip(specs, rows, strict=True) if spec.partition(":")[0] == source
        }  # fmt: skip
        count = Counter(name for names in found.values() for name in names)
        if shared := sum(number > 1 for number in count.values()):
            yield told.format(shared)


def people(frame):
    """Set of the names of people in a catalogue's rows, those of `folder` without their root's."""
    return {
        subject.rpartition(":")[2] if data == "folder" else subject
        for data, subject in zip(frame["data"], frame["subject"], strict=True)
    } - {""}


def kin(specs):
    """What is known of specs that show the same cells in different pictures; a list of texts."""
    names = {spec.partition(":")[0].partition("-")[0] for spec in specs}
    return [reason for pair, reason in KIN.items() if pair <= names]


__all__ = ["SOURCES", "SourceError", "kin", "load", "read", "short"]
