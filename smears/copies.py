"""Pictures that show the same although their files differ: saved again, resized, lit, turned."""

import base64
from functools import lru_cache

import cv2
import numpy as np
from scipy.ndimage import gaussian_filter

SIDE = 32

# Least correlation of two pictures' gradients at which they count as one. Measured on six sets:
# saved as JPEG 50, at half the size, brighter, grey, noisy or turned, all pictures keep more (made
# so bright that light parts are cut off, three in four of Taleqani). Of two pictures as they are,
# 34 pairs from 0.94 up (C-NMC 27, ALL-IDB2 3, Zheng 3, Taleqani 1) are the same cells by the eye;
# full frames reach 0.92 otherwise. Round cells, turned, reach 0.935.
ALIKE, TURNED = 0.94, 0.97
# The same at half the resolution, where a first look is four times as fast.
COARSE = 0.88

# A dark margin, of cells that were cut out: grey levels, share of the border, levels around it.
DARK, EVEN, SPREAD = 64, 0.85, 12
FAINT = 1.0  # mean gradient in grey levels below which a picture shows nothing to compare
ROWS = 1024
PAIRS = 1024  # compared at once, of two vectors of 8 kB each: look-alikes make millions of pairs


def thumbnail(image):
    """A picture's coarse look as text, for `pairs`.

    Args:
        image: uint8 (height, width, 3). An even dark margin is cut off first, or else any two round
            cells on black would look alike.

    Returns:
        32 x 32 grey levels in base64, 1,368 characters.
    """
    grey = _inside(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY))
    small = cv2.resize(grey, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    return base64.b64encode(small.tobytes()).decode()


def pairs(thumbnails):
    """Pairs of pictures that are the same one, as it is, mirrored or turned by quarters.

    Brightness and contrast do not count, a crop by more than some per cent hides the copy.

    Args:
        thumbnails: sequence of texts from `thumbnail`.

    Returns:
        Integer array (pairs, 2) of positions, first < second, in order, not to be written to: the
        last answer is kept. Byte-identical twins are among them, unless they are blank.
    """
    return _pairs(tuple(thumbnails))


# A check, the split that it tries and the audit of that ask one after the other.
@lru_cache(maxsize=1)
def _pairs(thumbnails):
    grey = np.array([np.frombuffer(base64.b64decode(text), np.uint8) for text in thumbnails])
    grey = grey.reshape(-1, SIDE, SIDE).astype(np.float32)
    half = grey.reshape(-1, SIDE // 2, 2, SIDE // 2, 2).mean((2, 4))
    first, whole, found = _gradients(half), _gradients(grey), []
    for mirrored in (False, True):
        for quarters in range(4):
            other = _gradients(_turned(half, mirrored, quarters))
            least = TURNED if mirrored or quarters else ALIKE
            for start in range(0, len(first), ROWS):
                close = first[start : start + ROWS] @ other[start:].T >= COARSE
                a, b = np.nonzero(np.triu(close, 1))
                a, b = a + start, b + start
                seen, place = np.unique(b, return_inverse=True)
                turned = _gradients(_turned(grey[seen], mirrored, quarters))
                for at in range(0, len(a), PAIRS):
                    some = slice(at, at + PAIRS)
                    alike = (whole[a[some]] * turned[place[some]]).sum(1) >= least
                    found.append(np.stack([a[some][alike], b[some][alike]], axis=1))
    found = np.unique(np.concatenate(found), axis=0) if found else np.zeros((0, 2), int)
    found.setflags(write=False)
    return found


def _inside(grey):
    """The part of a grey picture inside an even dark margin; all of it where there is none."""
    border = np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]]).astype(int)
    level = np.median(border)
    if level > DARK or (np.abs(border - level) <= SPREAD).mean() < EVEN:
        return grey
    soft = cv2.medianBlur(grey, 5)
    lit = soft > level + SPREAD
    if lit.any():
        # Half-way up, for JPEG leaves echoes of an edge beside it.
        lit = soft > (level + np.median(soft[lit])) / 2
    rows, columns = np.flatnonzero(lit.any(1)), np.flatnonzero(lit.any(0))
    if not len(rows):
        return grey
    return grey[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def _turned(grey, mirrored, quarters):
    """Pictures (n, s, s), mirrored from left to right, then turned by quarters to the left."""
    return np.rot90(grey[:, :, ::-1] if mirrored else grey, quarters, (1, 2))


def _gradients(grey):
    """Differences of neighbours of slightly blurred pictures (n, s, s) as unit vectors (n, d)."""
    soft = gaussian_filter(grey, (0, 0.7, 0.7), mode="nearest")
    steps = [np.diff(soft, axis=axis) for axis in (1, 2)]
    flat = [step.reshape(len(step), np.prod(step.shape[1:])) for step in steps]
    vectors = np.concatenate(flat, axis=1)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    shown = lengths >= FAINT * vectors.shape[1] ** 0.5
    return np.where(shown, vectors / np.maximum(lengths, 1e-6), 0)
