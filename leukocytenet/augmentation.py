"""LeukocyteNet's augmentation: the paper's ranges, and how often each class is repeated (3-2-3)."""

from fractions import Fraction

import numpy as np

from smears import published
from smears.augmentation import Augmenter, Band

COLUMNS = ("original", "augmented")  # of Table 2

# The largest class after augmentation, AML, against the largest before, Healthy (Table 2).
MOST = Fraction(1225, 1180)


KINDS = ("paper", "literal", "turns")


def augmenter(kind="paper"):
    """The Augmenter of section 3-2-3, or another one to hold it against.

    Stated there: rotation by 15 to 30 degrees, zoom by 15% to 50%, shear range 15 degrees,
    horizontal flip. Assumed: 0.1 for width and height shift, which have no value in the paper.
    Derived: fill mode "nearest", from "adjacent pixels fill up the gap".

    Args:
        kind: "paper" (assumed: the authors used Keras, which cannot do otherwise): as
            ImageDataGenerator(rotation_range=30, zoom_range=0.5, ...) draws, so that rotations
            below 15 degrees and zooms below 15% occur too. "literal": by their text, sign and
            size drawn apart, 15 to 30 degrees either way and 15% to 50% nearer or farther.
            "turns" (not the paper's): flips and quarter turns alone, which keep a cell's size
            and shape, by which kinds of cells are told (D19).

    Raises:
        ValueError: another kind.
    """
    if kind not in KINDS:
        raise ValueError(f"augment={kind!r}: give one of {', '.join(KINDS)}, or None.")
    if kind == "turns":
        return Augmenter(horizontal_flip=True, quarter_turns=True)
    literal = kind == "literal"
    return Augmenter(
        rotation_range=Band(15, 30) if literal else 30,
        width_shift_range=0.1,
        height_shift_range=0.1,
        shear_range=15,
        zoom_range=Band(0.15, 0.5) if literal else 0.5,
        horizontal_flip=True,
        fill_mode="nearest",
    )


def balance(labels):
    """Which training pictures to repeat, and how often, before they are augmented.

    If every label is one of the paper's ten, each class grows by its factor in Table 2 (stated;
    Lymphoma 524 / 130), but not beyond 1225 / 1180 of the largest class, as none does there: data
    that is balanced already stays so (assumed). With other labels each class grows to the size
    of the largest (assumed: "balanced data augmentation", 4-4, without a rule). A class's
    repetitions are spread evenly, so that its pictures' counts differ by at most one.

    Args:
        labels: class names of the training pictures, length n.

    Returns:
        rows: int array (m,), positions in `labels`, ascending, every one at least once.
        copies: int array (m,), 0 = the picture itself, k = its k-th repetition.
    """
    labels = np.asarray(labels)
    names, counts = np.unique(labels, return_counts=True)
    table = published.load("leukocytenet").table(2)
    by_table = set(names) <= set(table.index)
    times = np.ones(len(labels), int)
    for name, count in zip(names, counts, strict=True):
        target = counts.max()
        if by_table:
            original, augmented = (int(table.loc[name, column]) for column in COLUMNS)
            grown = round(Fraction(int(count) * augmented, original))
            target = max(int(count), min(grown, round(MOST * int(counts.max()))))
        # As evenly as whole numbers allow, here 2, 1, 2, 1: ceilings of equal steps, differenced.
        ends = -(-np.arange(count + 1) * target // count)
        times[labels == name] = np.diff(ends)
    rows = np.repeat(np.arange(len(labels)), times)
    first = np.repeat(np.cumsum(times) - times, times)
    return rows, np.arange(len(rows)) - first
