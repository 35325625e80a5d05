"""The drawn data set: invented smears from a seed, for tests and for runs without data.

Not photographs and no evidence about blood. How cells look stands in `smears.morphology`, how they
are drawn in `smears.drawing`. Every subject has one class and one stain.
"""

import hashlib
import json
from pathlib import Path

import cv2
import pandas as pd
from joblib import Parallel, cpu_count, delayed
from tqdm import tqdm

from smears import drawing
from smears.runs import fill_folder

TEN_CLASSES = (
    "Lymphoma", "MDS", "ALL-Benign", "ALL-Early Pre-B", "ALL-Pre-B", "ALL-Pro-B", "AML", "CLL",
    "CML", "Healthy",
)  # fmt: skip
# What `read` can draw by name: classes, and how many subjects each has for one that is asked for.
# Of the binary task's people two thirds are patients, as 8,491 of C-NMC 2019's 12,528 cells are
# leukemic.
SETS = {
    "ten": dict.fromkeys(TEN_CLASSES, 1.0),
    "all-normal": {"ALL": 4 / 3, "normal": 2 / 3},
    "nucleus": {"smooth": 1.0, "clumped": 1.0},
}
HOW_TO_GET = "Drawn smears need no folder: --data drawn."

WORTH = 150  # pictures for which another process is worth its start


def read(folder, cache, *, classes="ten", subjects=12, images=6, size=128, seed=0):
    """Draw a data set once, as PNG files with masks, and return its rows.

    Args:
        folder: None (the source needs none).
        cache: folder in which `drawn-<key>/<label>/s<subject>_<image>.png` are kept.
        classes: name of `SETS`: "ten", as many subjects in each class, or "all-normal", leukemic
            blasts (ALL) against normal lymphoid cells, twice as many patients as healthy people,
            or "nucleus", two classes that differ in the nucleus' chromatin alone.
        subjects: number a class, in the mean. images: number of each subject.
        size: side in pixels. seed: of all subjects.

    Returns:
        DataFrame of catalogue rows; each subject has one class.

    Raises:
        ValueError: an unknown name of classes.
    """
    if classes not in SETS:
        raise ValueError(f"drawn classes {classes!r}: must be one of {', '.join(SETS)}.")
    counts = [round(subjects * share) for share in SETS[classes].values()]
    asked = {
        "labels": list(SETS[classes]), "subjects": subjects if classes == "ten" else counts,
        "images": images, "size": size, "seed": seed, "version": drawing.VERSION,
    }  # fmt: skip
    key = hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()[:10]
    home = Path(cache) / f"drawn-{key}"
    entries = [
        (label, sum(counts[:number]) + subject, image)
        for number, label in enumerate(SETS[classes])
        for subject in range(counts[number])
        for image in range(images)
    ]
    if not home.exists():
        fill_folder(home, lambda fresh: _draw_all(entries, fresh, size, seed))
    rows = []
    for label, subject, image in entries:
        name = f"{label}/s{subject:04d}_{image:03d}.png"
        rows.append(
            {
                "path": str(home / name), "label": label, "subject": f"drawn:{subject}",
                "source": f"drawn:{name}", "data": "drawn", "part": "",
                "mask": str(home / "masks" / name), "derived": "",
            }
        )  # fmt: skip
    return pd.DataFrame(rows)


def _draw_all(entries, fresh, size, seed):
    """Write all pictures and masks into a folder; many of them on every core."""
    jobs = max(1, min(cpu_count(), len(entries) // WORTH))
    done = Parallel(n_jobs=jobs, return_as="generator_unordered")(
        delayed(_draw_one)(*entry, fresh, size, seed) for entry in entries
    )
    for _ in tqdm(done, "Drawing smears", len(entries), unit="picture", leave=None):
        pass


def _draw_one(label, subject, image, fresh, size, seed):
    """Write a picture and its mask, in a process of its own where there are many."""
    cv2.setNumThreads(1)  # processes use the cores; OpenCV's own threads would multiply
    picture, mask = drawing.draw(label, seed * 100_003 + subject, image, size)
    for place, array in (("", picture[..., ::-1]), ("masks", mask)):
        path = fresh / place / label / f"s{subject:04d}_{image:03d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        done, content = cv2.imencode(".png", array)
        if not done:
            raise OSError(f"{path} could not be encoded")
        path.write_bytes(content.tobytes())
