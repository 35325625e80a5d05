"""How somebody's pictures differ from the sets of the papers, in what can be measured."""

import os
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pandas as pd

from smears import images

# 1st and 99th percentile of a picture's mean red, green and blue (at 96 x 96, as `catalogue`
# measures them) over so many pictures, the size that the set is published in, and the share of
# pictures in which `bodies` finds one stained body (of up to 240). ALL-IDB1 was measured on copies
# reduced to 320 pixels.
MEASURED = {
    "C-NMC 2019": {"pictures": 890, "size": "450 x 450", "one": 1.0,
                   "colours": ((4, 20), (2, 10), (6, 22))},
    "ALL-IDB1": {"pictures": 107, "size": "2592 x 1944", "one": 0.44,
                 "colours": ((104, 165), (92, 155), (86, 149))},
    "ALL-IDB2": {"pictures": 229, "size": "257 x 257", "one": 0.91,
                 "colours": ((87, 165), (75, 151), (86, 154))},
    "Taleqani": {"pictures": 600, "size": "224 x 224", "one": 0.25,
                 "colours": ((177, 240), (193, 242), (221, 250))},
    "PBC (in neither paper)": {"pictures": 1704, "size": "360 x 363", "one": 0.95,
            "colours": ((201, 241), (171, 211), (175, 212))},
}  # fmt: skip
SAMPLE = 60  # pictures that are opened again
DARK = 16  # grey levels up to which a pixel counts as black ground


def compare(frame, seed=0):
    """The pictures beside each set of `MEASURED`.

    Args:
        frame: catalogue with the columns of its scan. seed: of the sample that is opened.

    Returns:
        (DataFrame of texts, a row for these pictures and one a set; list of sentences on what is
        unlike the sets, each a measurement).
    """
    means = frame[["red", "green", "blue"]].to_numpy(float)
    chosen = np.random.default_rng(seed).permutation(len(frame))[:SAMPLE]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        opened = list(pool.map(_open, frame["path"].iloc[np.sort(chosen)]))
    one = float(np.mean([bodies(picture) == 1 for picture in opened]))
    inside = {name: _inside(means, entry["colours"]) for name, entry in MEASURED.items()}
    rows = [
        {
            "set": "your pictures",
            "size, pixels": sizes(frame),
            "your pictures with such colours": "-",
            "pictures of a single cell": f"{100 * one:.0f}% of {len(opened)} opened",
        }
    ]
    for name, entry in MEASURED.items():
        rows.append(
            {
                "set": name,
                "size, pixels": entry["size"],
                "your pictures with such colours": f"{100 * inside[name]:.0f}%",
                "pictures of a single cell": f"{100 * entry['one']:.0f}%",
            }
        )
    return pd.DataFrame(rows), _sentences(frame, means, inside, one, opened)


def sizes(frame):
    """The most frequent size of a catalogue's pictures, and how many others there are, as text."""
    found = (frame["width"].astype(str) + " x " + frame["height"].astype(str)).value_counts()
    return found.index[0] + f" and {len(found) - 1} more" * (len(found) > 1)


def _inside(means, ranges):
    """Share of pictures whose three mean colours lie in the ranges."""
    low, high = np.array(ranges, float).T
    return float(((means >= low) & (means <= high)).all(axis=1).mean())


def _sentences(frame, means, inside, one, opened):
    """What is unlike the sets, from measurements of `compare`."""
    found = []
    if max(inside.values()) < 0.5:
        found.append("Most have the colours of none of these sets: another stain, light or camera.")
    spreads = frame[["red_sd", "green_sd", "blue_sd"]].to_numpy(float)
    grey = (np.ptp(means, axis=1) < 1) & (np.ptp(spreads, axis=1) < 1)
    if grey.any():
        found.append(
            f"{grey.sum()} of {len(frame)} pictures are grey; all of these sets have colour."
        )
    black = np.mean([(picture.max(2) <= DARK).mean() > 0.2 for picture in opened])
    if black:
        found.append(
            f"{100 * black:.0f}% stand on black, as the cut-out cells of C-NMC 2019 do and those "
            "of no other of these sets."
        )
    if one >= 0.8:
        found.append("Mostly single cells.")
    elif one <= 0.5:
        found.append("Mostly several stained bodies: a label stands for the field, not for a cell.")
    else:
        found.append("Single cells and fields of several mixed, as far as stained bodies tell.")
    return found


def _open(path):
    return _small(images.decode(path))


def _small(picture):
    """A picture at 256 pixels, its longer side: what is measured needs no more."""
    scale = 256 / max(picture.shape[:2])
    size = [max(1, round(side * scale)) for side in picture.shape[1::-1]]
    return cv2.resize(picture, size, interpolation=cv2.INTER_AREA)


def bodies(picture):
    """Number of large, strongly stained bodies, which in single-cell pictures is one.

    Otsu's threshold on the saturation at 256 pixels, black ground left out; bodies at least a
    quarter as large as the largest, and 0.2% of the picture.

    Args:
        picture: uint8 (h, w, 3) RGB.
    """
    small = _small(picture)
    lit = small.max(2) > DARK
    if lit.mean() < 0.02:
        return 0
    stain = cv2.GaussianBlur(cv2.cvtColor(small, cv2.COLOR_RGB2HSV)[..., 1], (0, 0), 2)
    level, _ = cv2.threshold(stain[lit].reshape(-1, 1), 0, 255, cv2.THRESH_OTSU)
    mask = ((stain > level) & lit).astype(np.uint8)
    mask = cv2.morphologyEx(mask, cv2.MORPH_CLOSE, np.ones((7, 7), np.uint8))
    areas = cv2.connectedComponentsWithStats(mask)[2][1:, cv2.CC_STAT_AREA]
    return int((areas >= max(areas.max() / 4, 0.002 * mask.size)).sum()) if len(areas) else 0
