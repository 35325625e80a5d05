"""LeukocyteNet's Figure 3: one image, and what each kind of augmentation does to it (3-2-3)."""

from pathlib import Path

from leukocytenet.augmentation import augmenter
from smears import drawing, images
from smears.augmentation import Transform
from smears.reports import pyplot

AUGMENTER = augmenter()

SIZE = 384  # what the network sees (stated, 3-3-2)

# Panel, the paper's order, what it is called here, how strong: each range's end.
PANELS = (
    ("A", "Height shift", "10% of the height", Transform(ty=AUGMENTER.height_shift_range)),
    ("B", "Zoom", "50%: twice as large", Transform(zx=0.5, zy=0.5)),
    ("C", "Shear", "15°", Transform(shear=AUGMENTER.shear_range)),
    ("D", "Width shift", "10% of the width", Transform(tx=AUGMENTER.width_shift_range)),
    ("E", "Horizontal flip", "mirrored", Transform(flip_horizontal=True)),
    ("F", "Rotation", "30°", Transform(theta=AUGMENTER.rotation_range)),
)

CAPTION = (
    "Each panel shows one operation alone, at the end of its range; in training all are drawn at "
    "once, in one warp. Gaps are filled with the nearest pixel of the edge.",
    'The published caption calls panel E "Horizontal Shift"; its text and the six operations it '
    "lists say horizontal flip.",
    "Stated in the paper: zoom 15% to 50%, rotation 15° to 30°, shear 15°, horizontal flip. "
    "Assumed: 10% for both shifts, which have no published value.",
)


def augmentation(results):
    """Figure 3 of the data's first picture of its first class, or of a drawn smear at full size.

    Args:
        results: smears.study.Results.

    Returns:
        (matplotlib figure, list of caption lines).
    """
    if results.options.data == ["drawn"]:
        # Those of the catalogue are as small as the profile; this one is drawn for the figure.
        image, _ = drawing.draw("AML", 0, 0, SIZE)
        what = "The picture: a drawn smear (AML), not a photograph."
    else:
        frame = results.catalogue
        row = frame[frame["label"] == results.classes[0]].iloc[0]
        image = images.resize(images.decode(row["path"]), SIZE)
        what = f"The picture: {Path(row['path']).name} ({row['label']}) of {row['data']}."
    figure, lines = figure3(image)
    return figure, [what, *lines]


def figure3(image):
    """Draw the seven panels: the original in the middle, A to C left of it, D to F right.

    Args:
        image: uint8 (height, width, 3), RGB.

    Returns:
        (matplotlib figure, list of caption lines).
    """
    plt = pyplot()
    figure, axes = plt.subplot_mosaic(
        [["A", "O", "O", "D"], ["B", "O", "O", "E"], ["C", "O", "O", "F"]],
        figsize=(9, 7),
        layout="constrained",
    )
    _panel(axes["O"], image, "Original", "", 13)
    for letter, name, strength, transform in PANELS:
        pixels = AUGMENTER.apply(image, transform)
        _panel(axes[letter], pixels, f"{letter}) {name}", strength, 11)
    return figure, list(CAPTION)


def _panel(axis, image, title, strength, size):
    axis.imshow(image)
    axis.set_xticks([])
    axis.set_yticks([])
    axis.set_title(title, fontsize=size, fontweight="bold")
    axis.set_xlabel(strength, fontsize=size - 1)
