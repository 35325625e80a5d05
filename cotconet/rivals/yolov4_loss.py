"""YOLOv4's loss: complete IoU of boxes, cross-entropy of objectness and classes."""

from math import pi

import keras
import numpy as np
from keras import ops

from cotconet.rivals.yolov4 import ANCHORS_A_HEAD, decode

# Of darknet's yolov4.cfg.
BOX_WEIGHT = 0.07  # iou_normalizer
IGNORED = 0.7  # ignore_thresh
ALSO_TAKEN = 0.213  # iou_thresh
TINY = 1e-9  # against a division by zero; boxes are shares of a picture


class YOLOv4Loss(keras.losses.Loss):
    """The loss of one head (Bochkovskiy et al. 2020; settings of darknet's yolov4.cfg).

    A true box belongs to the square that its centre lies in, with the one of all nine anchors
    whose shape overlaps its own most, and every other one whose IoU with it is above 0.213. There
    the head learns the box by 0.07 (1 - CIoU), an objectness of 1 and the class. Everywhere else
    it learns an objectness of 0, but where its box already overlaps some true box by more than
    0.7. Cross-entropies of sigmoids. A picture's loss is the sum over all its places, as in
    darknet, and a batch's the mean over its pictures.

    darknet bounds single gradients of boxes (max_delta 5) and drops the factor of the CIoU's
    slope along width and height; this does neither.

    Args:
        anchors: (9, 2), width and height in shares of the picture's sides, smallest first.
        head: 0, 1 or 2; it has the anchors 3 head to 3 head + 2.
    """

    def __init__(self, anchors, head):
        super().__init__(name=f"yolo_head{head}")
        self.anchors, self.head = np.asarray(anchors, np.float32), head

    def call(self, truth, output):
        """Loss of each picture.

        Args:
            truth: float32 (n, m, 5): x0, y0, x1, y1, class; rows of class -1 are empty.
            output: float32 (n, g, g, 3 * (5 + classes)), see `yolov4.yolov4`.

        Returns:
            float32 (n,).
        """
        own = slice(ANCHORS_A_HEAD * self.head, ANCHORS_A_HEAD * (self.head + 1))
        boxes, objectness, classes = decode(output, self.anchors[own], self.head)
        grid = output.shape[1]
        real = ops.cast(truth[..., 4] >= 0, "float32")
        taken = self._taken(truth)[..., own] * real[..., None]
        square = _square(truth, grid)

        # What the head says where a true box belongs: (n, m, 3, ...).
        there = _gathered(boxes, square)
        wrong = 1 - complete_iou(there, truth[:, :, None, :4])
        box_loss = ops.sum(taken * wrong, axis=(1, 2))

        names = ops.one_hot(ops.cast(truth[..., 4], "int32"), classes.shape[-1])
        class_loss = _cross_entropy(_gathered(classes, square), names[:, :, None, :])
        class_loss = ops.sum(taken[..., None] * class_loss, axis=(1, 2, 3))

        at = ops.one_hot(square, grid * grid)
        positive = ops.cast(ops.matmul(ops.transpose(at, (0, 2, 1)), taken) > 0.5, "float32")
        near = overlap(boxes[:, :, :, None, :], truth[:, None, None, :, :4])
        near = ops.max(near * real[:, None, None, :], axis=-1)
        counted = ops.maximum(positive, ops.cast(near <= IGNORED, "float32"))
        object_loss = ops.sum(
            ops.stop_gradient(counted) * _cross_entropy(objectness, positive), axis=(1, 2)
        )
        return BOX_WEIGHT * box_loss + object_loss + class_loss

    def _taken(self, truth):
        """float32 (n, m, 9): 1 for the anchors that answer for a true box."""
        sides = (truth[..., 2:4] - truth[..., 0:2])[..., None, :]
        both = ops.prod(ops.minimum(sides, self.anchors), axis=-1)
        union = ops.prod(sides, axis=-1) + self.anchors.prod(-1) - both
        shape = both / ops.maximum(union, TINY)
        best = ops.one_hot(ops.argmax(shape, axis=-1), len(self.anchors))
        return ops.maximum(best, ops.cast(shape > ALSO_TAKEN, "float32"))


def _square(truth, grid):
    """int32 (n, m): number of the square, row by row, in which a true box has its centre."""
    place = ops.floor((truth[..., 0:2] + truth[..., 2:4]) / 2 * grid)
    place = ops.cast(ops.clip(place, 0, grid - 1), "int32")
    return place[..., 1] * grid + place[..., 0]


def _gathered(values, square):
    """Rows of (n, squares, 3, d) at the squares (n, m): (n, m, 3, d)."""
    anchors, parts = values.shape[2:]
    flat = ops.reshape(values, (-1, values.shape[1], anchors * parts))
    rows = ops.repeat(square[..., None], anchors * parts, axis=-1)
    found = ops.take_along_axis(flat, rows, axis=1)
    return ops.reshape(found, (-1, square.shape[1], anchors, parts))


def _cross_entropy(logits, target):
    return ops.softplus(logits) - logits * target


def overlap(first, second):
    """Intersection over union of boxes (..., 4) that broadcast against each other, (...)."""
    low = ops.maximum(first[..., :2], second[..., :2])
    high = ops.minimum(first[..., 2:], second[..., 2:])
    both = ops.prod(ops.maximum(high - low, 0), axis=-1)
    areas = [ops.prod(box[..., 2:] - box[..., :2], axis=-1) for box in (first, second)]
    return both / ops.maximum(areas[0] + areas[1] - both, TINY)


def complete_iou(first, second):
    """IoU less the distance of the centres and the difference of the shapes: CIoU.

    IoU - d / c - a v, with d the squared distance of the centres, c the squared diagonal of the
    box round both, v = 4 / pi^2 (atan(w2 / h2) - atan(w1 / h1))^2 and a = v / (1 - IoU + v)
    (Zheng et al. 2020, arXiv 1911.08287, equations 10 to 12; a is a constant for the gradient).

    Args:
        first, second: boxes (..., 4) that broadcast against each other, x0, y0, x1, y1.

    Returns:
        (...), 1 for equal boxes, below 0 for boxes that do not touch.
    """
    iou = overlap(first, second)
    centres = [(box[..., :2] + box[..., 2:]) / 2 for box in (first, second)]
    apart = ops.sum((centres[0] - centres[1]) ** 2, axis=-1)
    round_both = ops.maximum(first[..., 2:], second[..., 2:]) - ops.minimum(
        first[..., :2], second[..., :2]
    )
    diagonal = ops.maximum(ops.sum(round_both**2, axis=-1), TINY)
    turns = []
    for box in (first, second):
        sides = box[..., 2:] - box[..., :2]
        turns.append(ops.arctan(sides[..., 0] / ops.maximum(sides[..., 1], TINY)))
    shape = 4 / pi**2 * (turns[1] - turns[0]) ** 2
    weight = ops.stop_gradient(shape / ops.maximum(1 - iou + shape, TINY))
    return iou - apart / diagonal - weight * shape
