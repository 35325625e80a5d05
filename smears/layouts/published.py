"""Layouts of published sets, as their readers take them."""

import os
from pathlib import Path

from smears import images
from smears.commandline import quoted
from smears.layouts.layout import Layout, some
from smears.sources import allidb, ash, cnmc, kin, pbc, snam, taleqani, zheng
from smears.sources.folder import PARTS
from smears.sources.listing import SourceError


def sets_in(folder, found):
    """Dict of a name in the folder -> Layout of the published set that it, or one in it, holds."""
    inside = {}
    for path in found:
        if path.parent != folder:
            inside.setdefault(path.relative_to(folder).parts[0], []).append(path)
    sets = {}
    for name, own in inside.items():
        last = Path(os.path.commonpath([path.parent for path in own]))
        for place in reversed([last, *last.parents]):
            if place.is_relative_to(folder / name) and (layout := known(place, own)[0]):
                sets[name] = layout
                break
    return sets


def several(folder, sets):
    """The Layout of a folder that holds different published sets, which are no classes."""
    specs = [layout.spec for layout in sets.values()]
    names = [f"{name} is {spec.partition(':')[0]}" for name, spec in zip(sets, specs, strict=True)]
    given = " ".join(f"--data {quoted(spec)}" for spec in specs)
    more = f"or, if each folder is meant as one class, --data {quoted(f'folder:{folder}')}"
    if same := kin(specs):
        more = f"but leave out one of those that show the same cells: {'; '.join(same)}"
    return Layout(
        f"different sets: {some(names)}", remedy=f"give each as its own --data, {given}; {more}."
    )


def known(folder, found):
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
