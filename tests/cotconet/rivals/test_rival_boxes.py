"""Boxes: overlap, suppression, anchors and mean average precision, on cases worked out by hand."""

import numpy as np
import pytest

from cotconet.rivals import boxes


def test_every_piece_of_a_mask_but_grains_has_a_box():
    mask = np.zeros((40, 80), bool)
    mask[10:20, 20:40] = mask[30:38, 60:80] = True
    mask[0, 0] = True
    found = boxes.of_mask(mask)
    np.testing.assert_allclose(found, [[0.25, 0.25, 0.5, 0.5], [0.75, 0.75, 1, 0.95]])
    assert boxes.of_mask(np.zeros((8, 8), bool)).shape == (0, 4)


def test_overlap_by_hand():
    one = np.array([[0, 0, 0.4, 0.4]])
    others = np.array(
        [[0, 0, 0.4, 0.4], [0.2, 0, 0.6, 0.4], [0.5, 0.5, 1, 1], [0.1, 0.1, 0.1, 0.1]]
    )
    np.testing.assert_allclose(boxes.iou(one, others), [[1, 1 / 3, 0, 0]])
    assert boxes.iou(others[3:], others[3:]) == 0
    # Centres 0.2 apart, the box round both 0.6 x 0.4.
    assert boxes.distance_iou(one, others)[0, 0] == 1
    assert boxes.distance_iou(one, others)[0, 1] == pytest.approx(1 / 3 - (0.04 / 0.52) ** 0.6)


def test_of_boxes_on_one_cell_the_surest_is_kept_and_neighbours_stay():
    cell = np.array([0.1, 0.1, 0.4, 0.4])
    found = np.array([cell, cell + 0.01, cell + 0.02, cell + 0.3, cell + 0.1])
    kept = boxes.suppress(found, np.array([0.5, 0.9, 0.6, 0.3, 0.4]))
    # The last one's centre is a third of the side away: it is another cell's.
    assert kept.tolist() == [1, 4, 3]
    assert boxes.suppress(np.zeros((0, 4)), np.zeros(0)).tolist() == []


def test_a_box_goes_by_overlap_less_distance_not_by_overlap_alone():
    pair = np.array([[0, 0, 0.4, 0.4], [0.13, 0, 0.53, 0.4]])
    assert boxes.iou(*pair[:, None])[0, 0] > 0.45 > boxes.distance_iou(*pair[:, None])[0, 0]
    assert len(boxes.suppress(pair, np.array([0.9, 0.8]))) == 2


def test_anchors_are_the_sizes_that_boxes_come_in():
    rng = np.random.default_rng(0)
    sizes = np.array([(0.05 * k, 0.04 * k) for k in range(1, 10)]) ** 1.5
    sides = np.repeat(sizes, 20, axis=0) * rng.uniform(0.97, 1.03, (180, 2))
    found = boxes.anchors(sides, seed=1)
    assert (np.diff(found.prod(1)) > 0).all()
    # Most boxes lie close to some anchor; darknet's own fit them less well.
    overlap = boxes.shape_iou(sides, found).max(1).mean()
    assert overlap > 0.85 > boxes.shape_iou(sides, boxes.DARKNET).max(1).mean()
    np.testing.assert_array_equal(found, boxes.anchors(sides, seed=1))


def test_with_too_few_boxes_darknets_anchors_are_taken():
    np.testing.assert_allclose(boxes.anchors(np.zeros((0, 2))), boxes.DARKNET, rtol=1e-6)
    with pytest.raises(ValueError, match="2 different boxes"):
        boxes.anchors(np.array([[0.1, 0.1], [0.2, 0.2]]), count=3)


A, B, C = [0, 0, 0.2, 0.2], [0.5, 0.5, 0.7, 0.7], [0.8, 0, 1, 0.2]


def test_average_precision_by_hand():
    truths = [np.array([[*A, 0], [*B, 0]]), np.array([[*A, 0]])]
    found = [
        np.array([[*A, 0.9, 0], [*C, 0.8, 0], [*B, 0.7, 0]]),  # right, wrong, right
        np.zeros((0, 6)),  # missed
    ]
    # Recall 1/3 at precision 1, 2/3 at precision 2/3, never 1.
    value, each = boxes.mean_average_precision(found, truths, 1)
    assert value == each[0] == pytest.approx(1 / 3 * 1 + 1 / 3 * 2 / 3)


def test_a_second_box_on_one_cell_and_a_box_of_another_class_are_false_alarms():
    truths = [np.array([[*A, 0], [*B, 1]])]
    twice = [np.array([[*A, 0.9, 0], [*A, 0.8, 0], [*B, 0.7, 1]])]
    assert boxes.mean_average_precision(twice, truths, 2) == (1.0, [1.0, 1.0])
    first = [np.array([[*C, 0.95, 0], [*A, 0.9, 0], [*A, 0.8, 1]])]
    assert boxes.mean_average_precision(first, truths, 2) == (0.25, [0.5, 0.0])


def test_a_class_without_true_boxes_is_left_out():
    value, each = boxes.mean_average_precision([np.array([[*A, 0.9, 0]])], [np.array([[*A, 0]])], 2)
    assert value == 1
    assert np.isnan(each[1])
    assert np.isnan(boxes.mean_average_precision([np.zeros((0, 6))], [np.zeros((0, 5))], 2)[0])
