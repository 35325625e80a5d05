"""From pictures to equal-sized cells on black: enhance, segment, cut out (section 3.2)."""

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
from tqdm import tqdm

from cotconet.enhancement import enhance
from cotconet.region import crop
from cotconet.segmentation import SEGMENTERS, otsu_watershed
from smears import images
from smears.arrays import write_stream

# Pictures in memory at once while they are prepared.
CHUNK = 32


class Files:
    """Pictures of a catalogue, read when asked for.

    Args:
        frame: catalogue rows with `path`, `sha256` and `mask`.

    Items: uint8 (h, w, 3), each of its own size.
    """

    def __init__(self, frame):
        self.paths = frame["path"].tolist()
        self.marks = frame["sha256"].tolist()
        self.mask_paths = frame["mask"].tolist()

    def __len__(self):
        return len(self.paths)

    def __getitem__(self, index):
        return images.decode(self.paths[index])

    def true_mask(self, index):
        """bool (h, w) of the data set's own mask, or None where it has none."""
        path = self.mask_paths[index]
        return images.read_mask(path) > 0 if path else None


def marks(pictures):
    """A text for each picture that names its content: of files, their sha256."""
    if isinstance(pictures, Files):
        return pictures.marks
    found = []
    for picture in pictures:
        digest = hashlib.sha256(f"{picture.shape} {picture.dtype}".encode())
        digest.update(np.ascontiguousarray(picture).data)
        found.append(digest.hexdigest())
    return found


def truth(pictures, index, enhanced):
    """The mask that LeuSAM learns from: the data set's own, or one that stands in for it.

    None of the paper's sets has masks. C-NMC's cells come on black, which is a mask; elsewhere
    colour thresholds and watershed make one (assumed, C32).

    Args:
        pictures: `Files`, or a sequence of arrays. index: of the picture. enhanced: it, enhanced.

    Returns:
        bool (h, w).
    """
    own = pictures.true_mask(index) if isinstance(pictures, Files) else None
    return otsu_watershed(enhanced) if own is None else own


def prepare(pictures, path, size, *, steps, segmenter, cells="main"):
    """Enhance, segment and cut out every picture, into one file.

    Args:
        pictures: sequence of uint8 (h, w, 3).
        path: of the .npy to make.
        size: side in pixels of the results.
        steps: of `enhancement.enhance`.
        segmenter: name in `SEGMENTERS`, None (the whole picture, no mask), or an object with
            `masks(images, boxes)` (cotconet.leusam).
        cells: "main" or "all", for "otsu-watershed".

    Returns:
        Number of pictures in which nothing was found; they stay whole.
    """
    empty = 0

    def cut():
        nonlocal empty
        with (
            ThreadPoolExecutor(os.cpu_count()) as pool,
            tqdm(total=len(pictures), desc="Cutting out cells", unit="picture", leave=None) as bar,
        ):
            for start in range(0, len(pictures), CHUNK):
                rows = range(start, min(start + CHUNK, len(pictures)))
                fresh = list(pool.map(lambda row: enhance(pictures[row], steps), rows))
                for picture, mask in zip(fresh, _masks(fresh, segmenter, cells, pool), strict=True):
                    empty += not mask.any()
                    yield crop(picture, mask, size)
                bar.update(len(rows))

    cv2.setNumThreads(1)  # the pool uses the cores; OpenCV's own threads would multiply
    write_stream(path, (len(pictures), size, size, 3), np.uint8, cut())
    return empty


def _masks(fresh, segmenter, cells, pool):
    if segmenter is None:
        return [np.ones(picture.shape[:2], bool) for picture in fresh]
    if segmenter == "otsu-watershed":
        return list(pool.map(lambda picture: otsu_watershed(picture, cells), fresh))
    if isinstance(segmenter, str):
        return list(pool.map(SEGMENTERS[segmenter], fresh))
    return segmenter.masks(fresh)
