"""Segmenters that need no training, their common form, and how masks are compared.

A segmenter is a callable: image, uint8 (h, w, 3) RGB, to mask, bool (h, w), True on leukocytes.
LeuSAM (cotconet.leusam) is one too.
"""

from itertools import pairwise

import cv2
import numpy as np
from scipy import ndimage

# C-NMC's surroundings are exactly 0; a JPEG of them or a resized copy is not.
BLACK = 10
# Shares of the side of a picture, chosen by eye and on Zheng et al.'s 399 images (assumed, C8):
# smoothing, grains removed, gaps between lobes of one nucleus, how far off other bodies begin.
SMOOTH, GRAIN, GAP, APART = 0.008, 0.017, 0.04, 0.1
FLAT = 8  # grey levels: with no more between lightest and darkest, nothing stands out
LONGEST = 512  # px: larger pictures are segmented reduced


def is_on_black(image):
    """Whether a picture is a cell cut out on black, as C-NMC's are: half of its edge is black."""
    dark = image.max(-1) <= BLACK
    edge = np.concatenate([dark[0], dark[-1], dark[:, 0], dark[:, -1]])
    return bool(edge.mean() >= 0.5 and not dark.all())


def on_black(image):
    """The mask of a cell on black: its pixels that are not, the largest piece, holes filled.

    C-NMC's cells come already segmented (the challenge's data description), so this is
    their own mask. An image that is black all over gives an empty one.
    """
    return one_piece(image.max(-1) > BLACK)


def one_piece(mask):
    """The largest connected piece of a bool mask, its holes filled; of an empty one, itself."""
    count, pieces, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
    if count == 1:
        return mask
    return ndimage.binary_fill_holes(pieces == 1 + stats[1:, cv2.CC_STAT_AREA].argmax())


def otsu_watershed(image, cells="main"):
    """Leukocytes by colour thresholds and watershed, the untrained baseline (assumed, C8).

    Otsu's method with two thresholds splits a channel into ground, pale (cytoplasm, red cells)
    and dark (nuclei). Nuclei, and the middles of bodies without one, are the watershed's
    markers, so that a red cell that touches a leukocyte is cut off. This is done on darkness in
    green and on blue less red, which tells grey-blue cytoplasm from red cells; of both answers
    the one more like a cell is taken: convex, compact, not cut by the picture's edge.

    Args:
        image: uint8 (h, w, 3).
        cells: "main": the one cell that is large and near the middle, for pictures of single
            cells. "all": every leukocyte of a whole field (ALL-IDB1), see `_field`; cells that
            touch are then one piece.

    Returns:
        bool (h, w). Empty where nothing stands out, as in a picture of one colour. A cell that
        comes on black (`is_on_black`) keeps the mask that it has.
    """
    if cells not in ("main", "all"):
        raise ValueError(f"cells={cells!r}: give 'main' or 'all'")
    if is_on_black(image):
        return on_black(image)
    height, width = image.shape[:2]
    shrink = min(1.0, LONGEST / max(height, width))
    small = cv2.resize(image, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA)
    green, blue_red = _channels(small)
    if np.ptp(green) < FLAT:
        return np.zeros((height, width), bool)
    if cells == "all":
        best = _field(small, green)
    else:
        nuclei = _opened(green > _two_thresholds(green)[1])
        found = [_body(channel, nuclei) for channel in (green, blue_red)]
        best = max(found, key=_like_a_cell)
    best = best.astype(np.uint8)
    return cv2.resize(best, (width, height), interpolation=cv2.INTER_NEAREST) > 0


SEGMENTERS = {"otsu-watershed": otsu_watershed, "on-black": on_black}
# Those that are trained -> the argument of CoTCoNet that holds their settings.
LEARNED = {"leusam": "leusam", "unet": "unet", "unet++": "unet"}


def dice(first, second):
    """2 |A and B| / (|A| + |B|) of two bool masks of one shape; 1 where both are empty."""
    total = int(first.sum()) + int(second.sum())
    return 2 * int((first & second).sum()) / total if total else 1.0


def iou(first, second):
    """|A and B| / |A or B| of two bool masks of one shape; 1 where both are empty."""
    union = int((first | second).sum())
    return int((first & second).sum()) / union if union else 1.0


def learned(kind):
    """The class of a segmenter that is trained: "leusam", "unet" or "unet++"."""
    if kind == "leusam":
        from cotconet.leusam import LeuSAM

        return LeuSAM
    from cotconet.unet import UNetSegmenter

    return UNetSegmenter


def _channels(image):
    """uint8 (h, w) twice: darkness in green, and blue less red about 128; both smoothed."""
    sigma = max(0.8, SMOOTH * _side(image))
    return [cv2.GaussianBlur(c, (0, 0), sigma) for c in (255 - image[..., 1], _less(image, 0))]


def _less(image, channel):
    """Blue less another channel, about 128, uint8 (h, w)."""
    values = image.astype(np.int16)
    return np.clip(values[..., 2] - values[..., channel] + 128, 0, 255).astype(np.uint8)


def _side(array):
    """Side of the square of equal area."""
    return np.sqrt(array.shape[0] * array.shape[1])


def _two_thresholds(channel):
    """Otsu's two thresholds: three classes of grey with the largest variance between them."""
    counts = np.bincount(channel.ravel(), minlength=256).astype(float)
    mass, moment = np.cumsum(counts), np.cumsum(counts * np.arange(256))
    low, high = np.triu_indices(255, 1)

    def between(mass, moment):
        return moment**2 / np.where(mass > 0, mass, 1)

    variance = (
        between(mass[low], moment[low])
        + between(mass[high] - mass[low], moment[high] - moment[low])
        + between(mass[-1] - mass[high], moment[-1] - moment[high])
    )
    best = variance.argmax()
    return low[best], high[best]


def _disc(radius):
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))


def _opened(mask):
    """Without grains and threads."""
    radius = max(1, round(GRAIN * _side(mask)))
    return cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_OPEN, _disc(radius)) > 0


def _distance(mask):
    """How far each pixel of a mask is from the nearest one outside it, exactly; 0 outside.

    Of a mask without an outside: from a point above the first pixel, which is SciPy's answer.
    """
    if mask.all():
        return ndimage.distance_transform_edt(mask)
    return cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)


def _body(channel, nuclei):
    """Mask of the body of the largest nucleus near the middle in a thresholded channel."""
    side = _side(channel)
    pale = _opened(channel > _two_thresholds(channel)[0])
    inside = ndimage.binary_fill_holes(pale | nuclei)
    # Lobes of one nucleus lie close together and count as one.
    joined = cv2.dilate(nuclei.astype(np.uint8), _disc(round(GAP * side)))
    count, group, _, centres = cv2.connectedComponentsWithStats(joined)
    area = np.bincount(group.ravel(), nuclei.ravel(), minlength=count)
    area[0] = 0
    if not area.any():
        return np.zeros(channel.shape, bool)
    middle = np.array(channel.shape[::-1]) / 2
    off = np.hypot(*(centres - middle).T) / np.hypot(*channel.shape)
    main = (area * np.exp(-((off / 0.25) ** 2))).argmax()
    own = (group == main) & nuclei
    depth = _distance(inside)
    peaks = (depth == ndimage.maximum_filter(depth, 2 * round(SMOOTH * 6 * side) + 1)) & (
        depth > GAP * side
    )
    others = (peaks & (_distance(~own) > APART * side)) | (nuclei & ~own)
    markers, count = ndimage.label(ndimage.binary_dilation(others, iterations=2) & ~own)
    markers[own] = count + 1
    body = _flooded(np.where(inside, markers, 0), depth) == count + 1
    return one_piece(_opened(body))


def _field(image, green):
    """Mask of all leukocytes of a field: what is bluest against its green, and a rim round it.

    Nuclei and deeply stained cytoplasm stand out there from red cells under every light of
    ALL-IDB1 and Taleqani, as no other difference of channels did. Pale cytoplasm is taken as far
    as 0.4 of the typical radius.
    """
    stained = cv2.GaussianBlur(_less(image, 1), (0, 0), 0.8)
    stained = (stained > _two_thresholds(stained)[1]).astype(np.uint8)
    stained = cv2.morphologyEx(stained, cv2.MORPH_OPEN, _disc(max(1, round(0.005 * _side(image)))))
    _, _, stats, _ = cv2.connectedComponentsWithStats(stained)
    if len(stats) == 1:
        return stained > 0
    radius = np.sqrt(np.median(stats[1:, cv2.CC_STAT_AREA]) / np.pi)
    near = _distance(stained == 0) <= 0.4 * radius
    pale = green > _two_thresholds(green)[0]
    return ndimage.binary_fill_holes((near & pale) | (stained > 0))


def _flooded(markers, depth):
    """Watershed by levels: markers (h, w) grow where the depth falls; the larger one wins ties.

    OpenCV's and SciPy's watersheds follow the steps between neighbours, not their level, and so
    do not part bodies at their neck. All markers grow by a pixel at a time, and only the pixels
    that the last step has reached are looked at.
    """
    # A rim that is never reached spares the neighbours' bounds.
    labels = np.pad(markers.astype(np.int32), 1)
    shape, labels = labels.shape, labels.ravel()
    level = np.pad(depth.astype(np.int32), 1).ravel()
    around = np.array([-shape[1], -1, 1, shape[1]])
    order = np.argsort(-level, kind="stable")
    place = np.empty_like(order)
    ends = np.searchsorted(-level[order], -np.arange(level.max(), 0, -1), "right")
    for start, end in pairwise([0, *ends]):
        fresh, lowest = order[start:end], level[order[end - 1]]
        while len(fresh):
            fresh = fresh[labels[fresh] == 0]
            nearest = labels[fresh[:, None] + around].max(1)
            grown = fresh[nearest > 0]
            labels[grown] = nearest[nearest > 0]
            fresh = (grown[:, None] + around).ravel()
            fresh = fresh[level[fresh] >= lowest]
            # Each pixel once, without sorting: the last place that it stands at.
            places = np.arange(len(fresh))
            place[fresh] = places
            fresh = fresh[place[fresh] == places]
    return labels.reshape(shape)[1:-1, 1:-1]


def _like_a_cell(mask):
    """How convex and round the largest piece is, less the share of its outline on the edge."""
    outlines, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    if not outlines:
        return -1.0
    outline = max(outlines, key=cv2.contourArea)
    area, length = cv2.contourArea(outline), max(cv2.arcLength(outline, True), 1)
    hull = max(cv2.contourArea(cv2.convexHull(outline)), 1)
    cut = sum(line.sum() for line in (mask[0], mask[-1], mask[:, 0], mask[:, -1])) / length
    return area / hull * np.sqrt(4 * np.pi * area) / length - cut
