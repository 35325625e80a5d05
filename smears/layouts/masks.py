"""Pictures with masks among them, joined by name."""

from collections import Counter

from smears.layouts.layout import PICTURE_FOLDERS, Layout, command, row_of
from smears.sources.folder import MASK_FOLDERS, MASKS, PARTS, bare


def is_mask(path, folder):
    """Whether a picture is a mask by its own name, or by a folder's below `folder`."""
    above = {part.lower() for part in path.relative_to(folder).parts[:-1]}
    return path.stem.lower().endswith(MASKS) or bool(above & MASK_FOLDERS)


def mixed(folder, found, masks):
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
        rows.append(row_of(path, label, part=part, mask=own.get(path, "")))
    note = "" if all(row["label"] for row in rows) else ", and fill in its labels"
    unsure = f", {doubtful} ambiguous and left without a mask" * (doubtful > 0)
    return Layout(
        f"pictures and masks mixed: {len(pictures)} pictures, {len(masks)} masks, {len(own)} "
        f"joined by name{unsure}",
        remedy=f"write the list that tells them apart{note}: {command(folder)}" if rows
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
