"""The region of interest: the box round a leukocyte, and the cell cut out of it on black."""

import numpy as np

from smears import images


def box(mask, margin=0.05):
    """The smallest upright box round a mask, with a margin.

    Args:
        mask: bool (h, w).
        margin: added on every side, a share of the box's longer side; cut at the picture's edge.

    Returns:
        (x0, y0, x1, y1), whole pixels, x1 and y1 exclusive. A mask with nothing in it gives the
        whole picture, (0, 0, w, h): nothing is known of where the cell lies.
    """
    height, width = mask.shape
    if not mask.any():
        return 0, 0, width, height
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    x0, x1, y0, y1 = columns[0], columns[-1] + 1, rows[0], rows[-1] + 1
    add = round(margin * max(x1 - x0, y1 - y0))
    return (
        int(max(x0 - add, 0)), int(max(y0 - add, 0)),
        int(min(x1 + add, width)), int(min(y1 + add, height)),
    )  # fmt: skip


def crop(image, mask, size, margin=0.05, background=0, side=None):
    """Cut out the cell as C-NMC's own pictures show it: in the middle, no plasma round it.

    The paper's region of interest leaves out plasma (stated: 3.2), and no more is said; a
    square, so that the cell keeps its proportions, and black, as in C-NMC, are assumed (C7).

    Args:
        image: uint8 (h, w, 3). mask: bool (h, w), the cell.
        size: side of the result in pixels.
        margin: see `box`.
        background: grey level outside the mask and outside the picture.
        side: of the square that is cut out, in pixels of the picture: the same for all pictures
            keeps their cells' sizes comparable. None, or a cell that needs more: the cell's own.

    Returns:
        uint8 (size, size, 3). With a mask with nothing in it: the whole picture, nothing
        blanked, padded to a square; whoever calls counts those (`mask.any()`) and tells people.
    """
    x0, y0, x1, y1 = box(mask, margin)
    side = max(x1 - x0, y1 - y0, side or 0)
    left, top = (x0 + x1 - side) // 2, (y0 + y1 - side) // 2
    cell = image if not mask.any() else np.where(mask[..., None], image, np.uint8(background))
    square = np.full((side, side, 3), background, np.uint8)
    y0, y1 = max(top, 0), min(top + side, len(cell))
    x0, x1 = max(left, 0), min(left + side, cell.shape[1])
    square[y0 - top : y1 - top, x0 - left : x1 - left] = cell[y0:y1, x0:x1]
    return images.resize(square, size)
