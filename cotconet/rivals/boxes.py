"""Boxes in NumPy: overlap, suppression of doubles, anchors, mean average precision, from masks.

A box is x0, y0, x1, y1 in shares of its picture's sides, 0 at the left and upper edge.
"""

import cv2
import numpy as np

# Anchors of darknet's yolov4.cfg, pixels of 608: for data with too few boxes to find its own.
DARKNET = np.array(
    [[12, 16], [19, 36], [40, 28], [36, 75], [76, 55], [72, 146], [142, 110], [192, 243],
     [459, 401]]
) / 608  # fmt: skip
SMALLEST_PIECE = 0.1  # of the largest piece's area; less is a grain of stain, not a cell


def of_mask(mask):
    """Boxes of the cells in a mask.

    Args:
        mask: bool (h, w). Cells that touch are one piece and get one box.

    Returns:
        float32 (n, 4), one box round every piece of at least a tenth of the largest one's area;
        (0, 4) of an empty mask.
    """
    _, _, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
    stats = stats[1:]
    if not len(stats):
        return np.zeros((0, 4), np.float32)
    stats = stats[stats[:, cv2.CC_STAT_AREA] >= SMALLEST_PIECE * stats[:, cv2.CC_STAT_AREA].max()]
    low, sides = stats[:, :2], stats[:, 2:4]  # left and top, width and height
    corners = np.concatenate([low, low + sides], axis=1)
    return (corners / np.tile(mask.shape[::-1], 2)).astype(np.float32)


def iou(first, second):
    """Intersection over union of every pair, float (n, m), of boxes (n, 4) and (m, 4).

    A pair of which both have no area has 0.
    """
    first, second = np.asarray(first)[:, None], np.asarray(second)[None]
    sides = np.minimum(first[..., 2:], second[..., 2:]) - np.maximum(
        first[..., :2], second[..., :2]
    )
    both = sides.clip(0).prod(-1)
    areas = [(boxes[..., 2:] - boxes[..., :2]).prod(-1) for boxes in (first, second)]
    union = areas[0] + areas[1] - both
    return np.divide(both, union, out=np.zeros_like(union), where=union > 0)


def distance_iou(first, second, beta=0.6):
    """IoU less (d / c) ** beta of every pair, (n, m): as darknet's non-maximum suppression has it.

    d is the squared distance of the centres, c the squared diagonal of the box round both (Zheng
    et al. 2020, arXiv 1911.08287, whose exponent is 1; darknet's beta_nms is 0.6).
    """
    overlap = iou(first, second)
    first, second = np.asarray(first)[:, None], np.asarray(second)[None]
    apart = ((first[..., :2] + first[..., 2:] - second[..., :2] - second[..., 2:]) / 2) ** 2
    round_both = np.maximum(first[..., 2:], second[..., 2:]) - np.minimum(
        first[..., :2], second[..., :2]
    )
    diagonal = (round_both**2).sum(-1)
    share = np.divide(apart.sum(-1), diagonal, out=np.zeros_like(diagonal), where=diagonal > 0)
    return overlap - share**beta


def suppress(boxes, scores, threshold=0.45, beta=0.6):
    """Greedy non-maximum suppression of one class's boxes.

    Args:
        boxes: (n, 4). scores: (n,).
        threshold: a box goes where its `distance_iou` with a kept, higher one is larger (0.45,
            darknet's detector.c). beta: see `distance_iou`.

    Returns:
        Integers, the kept boxes' rows, highest score first; of equal scores the earlier row.
    """
    order = np.argsort(-np.asarray(scores), kind="stable")
    kept = []
    while len(order):
        kept.append(order[0])
        near = distance_iou(boxes[order[:1]], boxes[order[1:]], beta)[0]
        order = order[1:][near <= threshold]
    return np.array(kept, int)


def anchors(sides, count=9, seed=0, rounds=300):
    """Typical sizes of boxes: k-means in which near means overlapping (Redmon and Farhadi 2017).

    The distance is 1 - IoU of two boxes laid on one corner (arXiv 1612.08242, section 2); centres
    are means of width and height.

    Args:
        sides: (n, 2), width and height of the training boxes, shares of the picture's sides.
        count: how many. seed: of the boxes that the search starts from. rounds: at most.

    Returns:
        float32 (count, 2), smallest area first. With fewer than `count` different boxes: those of
        darknet, for 9.

    Raises:
        ValueError: fewer than `count` different boxes and another count than 9.
    """
    sides = np.asarray(sides, float)
    different = np.unique(sides, axis=0) if len(sides) else sides
    if len(different) < count:
        if count != len(DARKNET):
            raise ValueError(f"{len(different)} different boxes cannot give {count} anchors")
        return DARKNET.astype(np.float32)
    # Far ones are likelier to be the next start (k-means++), so that no size is overlooked.
    rng = np.random.default_rng(seed)
    centres = different[[rng.integers(len(different))]]
    while len(centres) < count:
        far = (1 - shape_iou(different, centres).max(1)) ** 2
        chosen = rng.choice(len(different), p=far / far.sum())
        centres = np.concatenate([centres, different[[chosen]]])
    nearest = None
    for _ in range(rounds):
        before, nearest = nearest, shape_iou(sides, centres).argmax(1)
        if before is not None and (before == nearest).all():
            break
        # A centre that no box is nearest to stays where it is.
        centres = np.array([
            sides[nearest == k].mean(0) if (nearest == k).any() else centres[k]
            for k in range(count)
        ])  # fmt: skip
    return centres[np.argsort(centres.prod(1), kind="stable")].astype(np.float32)


def shape_iou(first, second):
    """IoU (n, m) of boxes known by their sides alone, (n, 2) and (m, 2), laid on one corner."""
    first, second = np.asarray(first)[:, None], np.asarray(second)[None]
    both = np.minimum(first, second).prod(-1)
    return both / (first.prod(-1) + second.prod(-1) - both)


def mean_average_precision(found, truths, classes, threshold=0.5):
    """mAP of detections: the mean over classes of the area under precision against recall.

    The area under the curve itself, its precision made to fall (PASCAL VOC 2010; darknet's rule
    for custom data).

    Args:
        found: list, an array (k, 6) a picture: x0, y0, x1, y1, score, class.
        truths: list, an array (m, 5) a picture: x0, y0, x1, y1, class.
        classes: number of classes. threshold: least IoU of a hit.

    Returns:
        (mAP, [AP of each class]); NaN for a class without true boxes, which the mean leaves out.
    """
    precisions = [
        _average_precision(
            [rows[rows[:, 5] == code][:, :5] for rows in found],
            [rows[rows[:, 4] == code][:, :4] for rows in truths], threshold,
        )
        for code in range(classes)
    ]  # fmt: skip
    known = [value for value in precisions if not np.isnan(value)]
    return (float(np.mean(known)) if known else float("nan")), precisions


def _average_precision(found, truths, threshold):
    """Area under precision against recall of one class; NaN without a true box."""
    total = sum(len(rows) for rows in truths)
    if not total:
        return float("nan")
    taken = [np.zeros(len(rows), bool) for rows in truths]
    entries = [(row[4], picture, row[:4]) for picture, rows in enumerate(found) for row in rows]
    hits = []
    for _, picture, box in sorted(entries, key=lambda entry: -entry[0]):
        overlap = iou(box[None], truths[picture])[0]
        best = overlap.argmax() if len(overlap) else 0
        # A second box on one cell is a false alarm.
        hit = bool(len(overlap)) and overlap[best] >= threshold and not taken[picture][best]
        if hit:
            taken[picture][best] = True
        hits.append(hit)
    if not hits:
        return 0.0
    right = np.cumsum(hits)
    precision = right / np.arange(1, len(hits) + 1)
    falling = np.maximum.accumulate(precision[::-1])[::-1]
    return float((falling * np.asarray(hits)).sum() / total)
