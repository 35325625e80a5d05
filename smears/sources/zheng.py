"""Zheng et al. 2018: white blood cells with hand-drawn masks of nucleus and cytoplasm."""

import csv
import re

from smears.sources.listing import SourceError, frame, pictures

HOW_TO_GET = (
    "Zheng, Wang, Wang and Liu, Fast and Robust Segmentation of White Blood Cell Images by "
    "Self-supervised Learning, Micron 107 (2018) 55-71, GitHub zxaoyou/segmentation_WBC: give the "
    "folder that holds Dataset 1, Dataset 2 and the two lists Class Labels of Dataset 1.csv and "
    "... 2.csv, e.g. --data zheng:segmentation_WBC."
)
# In the lists; the authors warn that they labelled the cells themselves.
LABELS = {"1": "neutrophil", "2": "lymphocyte", "3": "monocyte", "4": "eosinophil", "5": "basophil"}
DATASET = re.compile(r"dataset (\d)", re.IGNORECASE)


def read(folder, cache, *, bad=None):
    """Rows of `Dataset <n>/<number>.bmp`, its mask `<number>.png` in the same folder.

    The layout `Dataset <n>/images/<number>.<any>` with `Dataset <n>/masks/<number>.png` is read
    too. A mask is 0 background, 128 cytoplasm, 255 nucleus (`smears.images.read_mask`). The set
    names no subjects: every picture is its own source.

    Raises:
        SourceError: a picture without a mask, or one that the lists do not name.
    """
    rows, lists = [], {}
    for path in pictures(folder, HOW_TO_GET, bad=bad):
        home = path.parent.parent if path.parent.name in ("images", "masks") else path.parent
        number = DATASET.fullmatch(home.name)
        mask = _mask(path)
        if not number or mask == path:
            continue
        if not mask.is_file():
            raise SourceError(f"{path} has no mask {mask}. {HOW_TO_GET}")
        if home not in lists:
            lists[home] = _labels(home.parent / f"Class Labels of {home.name}.csv")
        label = lists[home].get(path.stem.lstrip("0"))
        if label is None:
            raise SourceError(f"{path}: the list of {home.name} gives no class. {HOW_TO_GET}")
        source = f"zheng:{number[1]}/{path.stem}"
        rows.append({"path": path, "label": label, "source": source, "mask": str(mask)})
    if not rows:
        raise SourceError(f"no pictures in a folder Dataset 1 or Dataset 2. {HOW_TO_GET}")
    return frame(rows)


def _mask(path):
    """Where the mask of a picture lies; the path itself if it is a mask."""
    if path.parent.name == "masks":
        return path
    if path.parent.name == "images":
        return path.parent.parent / "masks" / f"{path.stem}.png"
    return path.with_suffix(".png")


def _labels(path):
    """{number: label} of one list, in which both columns' names differ between the lists."""
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            _, *lines = csv.reader(file)
        return {line[0].strip(): LABELS[line[1].strip()] for line in lines if line}
    except FileNotFoundError as problem:
        raise SourceError(f"{path} not found: it tells the classes. {HOW_TO_GET}") from problem
    except (IndexError, KeyError, ValueError) as problem:
        raise SourceError(
            f"{path} must have a header and lines like 1,2: a picture's number and its class, "
            f"1 to 5 ({', '.join(LABELS.values())})."
        ) from problem
