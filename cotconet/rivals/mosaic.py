"""Pictures with boxes, augmented as darknet does: jitter, flip, colour, and mosaics of four."""

from typing import NamedTuple

import cv2
import keras
import numpy as np

from smears.pictures import Ahead, order

# Of darknet's yolov4.cfg and data.c.
JITTER = 0.3  # how far each edge of the crop may move, in shares of the side
HUE, SATURATION, EXPOSURE = 0.1, 1.5, 1.5
NEAREST_CUT = 0.2  # the lines that part a mosaic stay so far from its edges
SEEN = 0.1  # share of a box that must be left in sight (assumed; darknet: one pixel)


class View(NamedTuple):
    """How one picture is shown; what `draw` draws.

    Args:
        crop: x0, y0, x1, y1 in shares of the picture's sides, may lie outside it.
        flip: whether it is mirrored.
        hue: added, in shares of the circle. saturation, exposure: factors.
    """

    crop: tuple
    flip: bool
    hue: float
    saturation: float
    exposure: float


def draw(rng, corner=None):
    """Draw a View as darknet's load_data_detection does.

    Args:
        rng: numpy.random.Generator.
        corner: quarter of a mosaic, 0 upper left, 1 upper right, 2 lower left, 3 lower right, or
            None. In half of the cases the crop is moved into that corner.
    """
    left, right, top, bottom = rng.uniform(-JITTER, JITTER, 4)
    flip = bool(rng.random() < 0.5)
    hue = rng.uniform(-HUE, HUE)
    saturation, exposure = (_factor(rng, most) for most in (SATURATION, EXPOSURE))
    if corner is not None and rng.random() < 0.5:
        if (corner in (0, 2)) != flip:
            left, right = 0.0, left + right
        else:
            left, right = left + right, 0.0
        top, bottom = (0.0, top + bottom) if corner < 2 else (top + bottom, 0.0)
    return View((left, top, 1 - right, 1 - bottom), flip, hue, saturation, exposure)


def _factor(rng, most):
    factor = rng.uniform(1, most)
    return factor if rng.random() < 0.5 else 1 / factor


def show(picture, boxes, view):
    """A picture and its boxes as a View shows them.

    Args:
        picture: uint8 (size, size, 3). boxes: float (n, 5), x0, y0, x1, y1 in shares of the
            sides, class. view: View.

    Returns:
        (uint8 (size, size, 3), float32 (k, 5)): what lies outside the picture has its mean
        colour; boxes are cut at the edges, and go where less than a tenth of them is left.
    """
    size = len(picture)
    x0, y0, x1, y1 = view.crop
    matrix = np.array([[x1 - x0, 0, x0 * size], [0, y1 - y0, y0 * size]], float)
    # Pixels are squares, whose middles the matrix must map.
    matrix[:, 2] += (np.diag(matrix) - 1) / 2
    shown = cv2.warpAffine(
        picture, matrix, (size, size), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_CONSTANT, borderValue=picture.mean((0, 1)).tolist(),
    )  # fmt: skip
    moved = boxes.astype(np.float32)
    moved[:, 0:4:2] = (moved[:, 0:4:2] - x0) / (x1 - x0)
    moved[:, 1:4:2] = (moved[:, 1:4:2] - y0) / (y1 - y0)
    if view.flip:
        shown = shown[:, ::-1]
        moved[:, [0, 2]] = 1 - moved[:, [2, 0]]
    return _coloured(shown, view), cut(moved, (0, 0, 1, 1))


def borders(view):
    """How much of a shown picture lies outside it: left, top, right, bottom in shares, >= 0."""
    x0, y0, x1, y1 = view.crop
    left, right = max(0.0, -x0) / (x1 - x0), max(0.0, x1 - 1) / (x1 - x0)
    top, bottom = max(0.0, -y0) / (y1 - y0), max(0.0, y1 - 1) / (y1 - y0)
    return (right, top, left, bottom) if view.flip else (left, top, right, bottom)


def _coloured(picture, view):
    """Shift the hue, scale saturation and value."""
    values = cv2.cvtColor(np.ascontiguousarray(picture), cv2.COLOR_RGB2HSV).astype(np.float32)
    values[..., 0] = (values[..., 0] + 180 * view.hue) % 180
    values[..., 1:] *= view.saturation, view.exposure
    values = np.round(values).clip(0, (179, 255, 255)).astype(np.uint8)
    return cv2.cvtColor(values, cv2.COLOR_HSV2RGB)


def cut(boxes, frame):
    """Boxes (n, 5) cut at a frame (x0, y0, x1, y1); those mostly outside it are left out."""
    low, high = np.array(frame, np.float32)[:2], np.array(frame, np.float32)[2:]
    kept = boxes.copy()
    kept[:, :4] = np.clip(boxes[:, :4], np.tile(low, 2), np.tile(high, 2))
    before, after = ((b[:, 2:4] - b[:, :2]).prod(1) for b in (boxes, kept))
    return kept[(after > 0) & (after >= SEEN * before)]


def mosaic(shown, line_x, line_y):
    """Four pictures joined along a vertical and a horizontal line.

    Each quarter shows the corner of its picture that is opposite to its own, less the border
    there, as in darknet: the middles of the four pictures come near the middle of the mosaic.

    Args:
        shown: four (uint8 (size, size, 3), float (n, 5), borders): upper left, upper right, lower
            left, lower right; see `show` and `borders`.
        line_x, line_y: where they are cut, pixels.

    Returns:
        (uint8 (size, size, 3), float32 (k, 5)), boxes cut at their quarter's edge (darknet's
        mosaic_bound=1; its default, 0, lets them reach under the neighbour).
    """
    size = len(shown[0][0])
    whole, boxes = np.empty_like(shown[0][0]), []
    for corner, (picture, own, border) in enumerate(shown):
        left, top, right, bottom = (round(share * size) for share in border)
        if corner in (0, 2):
            x0, x1, by_x = 0, line_x, line_x - size + min(size - line_x, right)
        else:
            x0, x1, by_x = line_x, size, line_x - min(line_x, left)
        if corner < 2:
            y0, y1, by_y = 0, line_y, line_y - size + min(size - line_y, bottom)
        else:
            y0, y1, by_y = line_y, size, line_y - min(line_y, top)
        whole[y0:y1, x0:x1] = picture[y0 - by_y : y1 - by_y, x0 - by_x : x1 - by_x]
        moved = own.astype(np.float32)
        moved[:, :4] += np.float32([by_x, by_y, by_x, by_y]) / size
        boxes.append(cut(moved, np.array([x0, y0, x1, y1]) / size))
    return whole, np.concatenate(boxes)


class Boxed(keras.utils.PyDataset):
    """Batches of pictures with boxes, each a pure function of (seed, epoch, index).

    Half of the pictures are mosaics, whose other three pictures are drawn from all (stated:
    darknet's data.c).

    Args:
        store: path of a .npy of uint8 (n, size, size, 3).
        boxes: list of n arrays float32 (k, 5): x0, y0, x1, y1 in shares of the sides, class.
        batch_size: the last batch of an epoch may be smaller.
        augment: whether to augment; else the very pictures.
        shuffle: a new order in each epoch.
        seed: integer >= 0. workers: threads that prepare the next batches.

    Attributes:
        epoch: set from outside (`smears.pictures.SetEpoch`).

    Items: x float32 (b, size, size, 3) in 0..255; a tuple of three times the same y, one for each
    head, float32 (b, m, 5), empty rows with class -1.
    """

    def __init__(self, store, boxes, *, batch_size, augment=False, shuffle=False, seed=0,
                 workers=2):  # fmt: skip
        super().__init__(workers=1)
        self.store, self.boxes, self.batch_size = store, boxes, batch_size
        self.augment, self.shuffle, self.seed, self.epoch = augment, shuffle, seed, 0
        counts = sorted(len(rows) for rows in boxes)
        # One number for all batches, so that nothing is compiled twice; a mosaic may show one
        # picture four times.
        self.most = max(1, (4 if augment else 1) * counts[-1])
        self.ahead = Ahead(self._batch, workers)
        cv2.setNumThreads(1)  # OpenCV's threads would take the cores from the network

    def __len__(self):
        return -(-len(self.boxes) // self.batch_size)

    def __getitem__(self, index):
        return self.ahead.get(self.epoch, index, len(self))

    def _batch(self, epoch, index):
        places = order(len(self.boxes), self.shuffle, self.seed, epoch)
        places = places[index * self.batch_size : (index + 1) * self.batch_size]
        pictures = np.load(self.store, mmap_mode="r")
        x = np.empty((len(places), *pictures.shape[1:]), np.float32)
        y = np.full((len(places), self.most, 5), (0, 0, 0, 0, -1), np.float32)
        for place, row in enumerate(places):
            x[place], boxes = self._one(pictures, row, epoch)
            y[place, : len(boxes)] = boxes
        return x, (y, y, y)

    def _one(self, pictures, row, epoch):
        if not self.augment:
            return pictures[row], self.boxes[row]
        rng = np.random.default_rng([self.seed, epoch, row])
        if rng.random() < 0.5:
            return show(pictures[row], self.boxes[row], draw(rng))
        size = pictures.shape[1]
        low, high = round(NEAREST_CUT * size), round((1 - NEAREST_CUT) * size)
        line_x, line_y = rng.integers(low, high + 1, 2)
        four = [row, *rng.integers(len(pictures), size=3)]
        views = [draw(rng, corner) for corner in range(4)]
        shown = [
            (*show(pictures[n], self.boxes[n], view), borders(view))
            for n, view in zip(four, views, strict=True)
        ]
        return mosaic(shown, line_x, line_y)
