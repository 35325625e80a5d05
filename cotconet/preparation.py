"""From pictures to equal-sized cells on black: enhance, segment, cut out (section 3.2)."""

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
from tqdm import tqdm

from cotconet.enhancement import enhance
from cotconet.region import box, crop
from cotconet.segmentation import SEGMENTERS, otsu_watershed
from smears import images
from smears.arrays import write_stream
from smears.catalogue import file_marks

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

    def take(self, rows):
        """The `Files` of these rows."""
        fewer = Files.__new__(Files)
        for name in ("paths", "marks", "mask_paths"):
            setattr(fewer, name, [getattr(self, name)[row] for row in rows])
        return fewer

    def true_mask(self, index):
        """bool (h, w) of the data set's own mask, or None where it has none."""
        path = self.mask_paths[index]
        if not path:
            return None
        try:
            return images.read_mask(path) > 0
        except images.BadImage as problem:
            raise images.BadImage(f"mask {path}: {problem}") from problem


def marks(pictures):
    """A text for each picture that names its content: of files, their sha256.

    Raises:
        InputError: an array that is no picture, uint8 (h, w, 3).
    """
    if isinstance(pictures, Files):
        return pictures.marks
    found = []
    for number, picture in enumerate(pictures):
        images.check(number, picture)
        digest = hashlib.sha256(f"{picture.shape} {picture.dtype}".encode())
        digest.update(np.ascontiguousarray(picture).data)
        found.append(digest.hexdigest())
    return found


def mask_marks(pictures):
    """A text for each picture that names the content of the data set's own mask; "" for none."""
    return file_marks(pictures.mask_paths) if isinstance(pictures, Files) else []


def truth(pictures, index, enhanced, cells="main"):
    """The mask that LeuSAM learns from: the data set's own, or one that stands in for it.

    None of the paper's sets has masks. C-NMC's cells come on black, which is a mask; elsewhere
    colour thresholds and watershed make one (assumed, C32).

    Args:
        pictures: `Files`, or a sequence of arrays. index: of the picture. enhanced: it, enhanced.
        cells: of `otsu_watershed`.

    Returns:
        bool (h, w).
    """
    own = pictures.true_mask(index) if isinstance(pictures, Files) else None
    return otsu_watershed(enhanced, cells) if own is None else own


def common_side(pictures, *, steps, segmenter, cells="main", most=400, seed=0):
    """The side of the square in which cells are cut out, so that they keep their relative sizes.

    It holds all but the largest hundredth of the cells (assumed, C7): one mask that runs over
    would else make all others small.

    Args:
        pictures, steps, segmenter, cells: as for `prepare`.
        most: pictures that are measured, drawn with this seed.

    Returns:
        int, in pixels of the pictures; 0 where no cell is found in any.
    """
    rows = np.random.default_rng(seed).permutation(len(pictures))[:most]
    sides = []
    for _, mask in _segmented(pictures, rows, steps, segmenter, cells, "Measuring cells"):
        if mask.any():
            x0, y0, x1, y1 = box(mask)
            sides.append(max(x1 - x0, y1 - y0))
    return int(np.ceil(np.quantile(sides, 0.99))) if sides else 0


def prepare(pictures, path, size, *, steps, segmenter, cells="main", side=None):
    """Enhance, segment and cut out every picture, into one file.

    Args:
        pictures: sequence of uint8 (h, w, 3).
        path: pathlib.Path of the .npy to make, which names all that decides the result: a killed
            call goes on behind what it has cut out.
        size: side in pixels of the results.
        steps: of `enhancement.enhance`.
        segmenter: name in `SEGMENTERS`, None (the whole picture, no mask), or an object with
            `masks(images, boxes)` (cotconet.leusam).
        cells: "main" or "all", for "otsu-watershed" and what stands in for masks.
        side: see `region.crop`.

    Returns:
        Number of pictures in which nothing was found; they stay whole.
    """
    # Numbers of the pictures without a cell, a line each: a killed call must not lose count.
    noted = path.with_name(f"{path.name}.empty")
    empty = set()

    def cut(start):
        rows = range(start, len(pictures))
        before = noted.read_text(encoding="utf-8").split() if noted.exists() else []
        empty.update(number for number in map(int, before) if number < start)
        found = _segmented(pictures, rows, steps, segmenter, cells, "Cutting out cells")
        for row, (picture, mask) in zip(rows, found, strict=True):
            if not mask.any():
                empty.add(row)
                with open(noted, "a", encoding="utf-8") as file:
                    file.write(f"{row}\n")
            yield crop(picture, mask, size, side=side)

    # Chunks as without a stop, for a network's results may depend on what it sees at once.
    write_stream(path, (len(pictures), size, size, 3), np.uint8, cut, CHUNK)
    noted.unlink(missing_ok=True)
    return len(empty)


def _segmented(pictures, rows, steps, segmenter, cells, title):
    """Yield (enhanced picture, mask of its cell) of the rows, a chunk in memory at a time."""
    cv2.setNumThreads(1)  # the pool uses the cores; OpenCV's own threads would multiply
    with (
        ThreadPoolExecutor(os.cpu_count()) as pool,
        tqdm(total=len(rows), desc=title, unit="picture", leave=None) as bar,
    ):
        for start in range(0, len(rows), CHUNK):
            chunk = rows[start : start + CHUNK]
            fresh = list(pool.map(lambda row: enhance(pictures[row], steps), chunk))
            yield from zip(fresh, _masks(fresh, segmenter, cells, pool), strict=True)
            bar.update(len(chunk))


def _masks(fresh, segmenter, cells, pool):
    if segmenter is None:
        return [np.ones(picture.shape[:2], bool) for picture in fresh]
    if segmenter == "otsu-watershed":
        return list(pool.map(lambda picture: otsu_watershed(picture, cells), fresh))
    if isinstance(segmenter, str):
        return list(pool.map(SEGMENTERS[segmenter], fresh))
    return segmenter.masks(fresh)
