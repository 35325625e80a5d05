"""Enhancement: steps from picture to picture, CLAHE and sharpening in CoTCoNet (section 3.2)."""

import cv2
import numpy as np

from cotconet.segmentation import is_on_black, on_black

SHARPEN = {
    "cross": np.array([[0, 1, 0], [1, 0, 1], [0, 1, 0]], np.float32),
    "full": np.array([[1, 1, 1], [1, 0, 1], [1, 1, 1]], np.float32),
}


def clahe(image, clip=2.0, tiles=8):
    """Contrast-limited adaptive histogram equalisation of LAB lightness.

    The paper names the method (stated: 3.2) and no parameter; lightness of LAB, clip limit 2.0
    and 8 x 8 tiles are the first author's later public code (assumed, C6). In a cell on black
    only the cell's own pixels count: with the black in the histograms, black itself turns grey and
    the rim is equalised less than the middle, by how much black its tile happens to hold.

    Args:
        image: uint8 (h, w, 3) RGB.
        clip: limit of a histogram's bins, in multiples of their mean. tiles: per side.

    Returns:
        uint8 (h, w, 3); round a cell on black, black stays as it is.
    """
    lab = cv2.cvtColor(image, cv2.COLOR_RGB2LAB)
    lightness, cell = lab[..., 0].copy(), _cell(image)
    if not cell.all():
        # Each tile's histogram then is its own share of the cell, filled up with the whole cell.
        fill = np.random.default_rng(0).choice(lightness[cell], np.sum(~cell))
        lightness[~cell] = fill
    lab[..., 0] = cv2.createCLAHE(clip, (tiles, tiles)).apply(lightness)
    return np.where(cell[..., None], cv2.cvtColor(lab, cv2.COLOR_LAB2RGB), image)


def sharpen(image, kernel="cross"):
    """Add to each pixel what it differs from its neighbours (3 x 3; kernel assumed, C6).

    Args:
        image: uint8 (h, w, 3).
        kernel: "cross": centre 5, four neighbours -1. "full": centre 9, eight neighbours -1.

    Returns:
        uint8 (h, w, 3), clipped to 0..255. In a cell on black its rim is not compared with the
        black, which would draw a bright line round the cell.
    """
    if kernel not in SHARPEN:
        raise ValueError(f"kernel={kernel!r}: give {' or '.join(map(repr, SHARPEN))}")
    cell = _cell(image).astype(np.float32)[..., None]
    values = image.astype(np.float32)
    neighbours = cv2.filter2D(values * cell, -1, SHARPEN[kernel])
    count = cv2.filter2D(cell, -1, SHARPEN[kernel])[..., None]
    sharp = np.clip(values + count * values - neighbours, 0, 255).astype(np.uint8)
    return np.where(cell > 0, sharp, image)


def fuzzy(image):
    """Fuzzy intensification of the brightness (HSV's value): Table 7's row "Fuzzy".

    Memberships u = (v - least) / (largest - least) become 2 u^2 below one half and
    1 - 2 (1 - u)^2 above: Pal and King's intensification operator, once. The work that the paper
    cites has no recipe that could be followed (assumed, C34).

    Args:
        image: uint8 (h, w, 3) RGB.

    Returns:
        uint8 (h, w, 3); a picture of one brightness stays as it is.
    """
    hsv, cell = cv2.cvtColor(image, cv2.COLOR_RGB2HSV), _cell(image)
    value = hsv[..., 2].astype(np.float32)
    least, largest = value[cell].min(), value[cell].max()
    if least == largest:
        return image
    u = ((value - least) / (largest - least)).clip(0, 1)
    sharper = np.where(u < 0.5, 2 * u**2, 1 - 2 * (1 - u) ** 2)
    hsv[..., 2] = np.round(least + sharper * (largest - least)).astype(np.uint8)
    return np.where(cell[..., None], cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB), image)


def equalise(image):
    """Histogram equalisation of the luminance (Y of YCrCb): Table 7's row "HE".

    The paper cites a variant with three sub-images, whose limits it does not give; this is plain
    equalisation (assumed, C34). In a cell on black only the cell's own pixels count.

    Args:
        image: uint8 (h, w, 3) RGB.

    Returns:
        uint8 (h, w, 3).
    """
    ycc, cell = cv2.cvtColor(image, cv2.COLOR_RGB2YCrCb), _cell(image)
    counts = np.bincount(ycc[..., 0][cell], minlength=256)
    total = counts.cumsum()
    first = total[counts.nonzero()[0][0]]
    if total[-1] == first:
        return image
    table = np.round((total - first).clip(0) / (total[-1] - first) * 255).astype(np.uint8)
    ycc[..., 0] = table[ycc[..., 0]]
    return np.where(cell[..., None], cv2.cvtColor(ycc, cv2.COLOR_YCrCb2RGB), image)


STEPS = {"clahe": clahe, "sharpen": sharpen, "fuzzy": fuzzy, "equalise": equalise}


def enhance(image, steps=("clahe", "sharpen")):
    """Apply steps one after the other; CLAHE, then sharpening is the paper's order (3.2).

    Args:
        image: uint8 (h, w, 3).
        steps: names of `STEPS`, or functions from picture to picture (`mirnet.Enhancer`); () is
            the picture itself.

    Returns:
        uint8 (h, w, 3).
    """
    unknown = [step for step in steps if not callable(step) and step not in STEPS]
    if unknown:
        raise ValueError(f"steps={steps!r}: {unknown[0]!r} is none of {', '.join(STEPS)}")
    for step in steps:
        image = step(image) if callable(step) else STEPS[step](image)
    return image


def _cell(image):
    """bool (h, w): the pixels that count; all but where the picture is a cell on black."""
    return on_black(image) if is_on_black(image) else np.ones(image.shape[:2], bool)
