"""YOLOv4: darknet's numbers of parameters and layers, heads, loss, a batch known by heart."""

from collections import Counter
from math import log, prod

import keras
import numpy as np
import pytest
from keras import ops

from cotconet.rivals import boxes, darknet
from cotconet.rivals.yolov4 import decode, yolov4
from cotconet.rivals.yolov4_loss import YOLOv4Loss, complete_iou, overlap
from smears import InputError


def trained(network):
    return sum(prod(weight.shape) for weight in network.trainable_weights)


@pytest.fixture(scope="module")
def narrow():
    return yolov4(64, 2, width=1 / 16, depth=0.1)


@pytest.mark.slow
def test_it_has_the_layers_and_parameters_of_darknets_file():
    network = yolov4(416, 2)
    kinds = Counter(type(layer).__name__ for layer in network.layers)
    assert (kinds["Conv2D"], kinds["Activation"], kinds["LeakyReLU"]) == (110, 72, 35)
    assert kinds["BatchNormalization"] == 107
    assert trained(network) == 63_943_071
    assert network.count_params() == 63_943_071 + 66_304
    # Only the three last convolutions know the number of classes.
    heads = sum((inner + 1) * 21 for inner in (256, 512, 1024))
    for classes, total in ((80, 64_363_101), (1, 63_937_686)):
        wider = sum((inner + 1) * 3 * (5 + classes) for inner in (256, 512, 1024))
        assert trained(network) - heads + wider == total
    assert [output.shape[1:] for output in network.outputs] == [
        (52, 52, 21), (26, 26, 21), (13, 13, 21),
    ]  # fmt: skip


@pytest.mark.slow
@pytest.mark.contract
def test_the_heads_see_the_picture_at_strides_8_16_and_32(narrow):
    assert [output.shape[1:] for output in narrow.outputs] == [(8, 8, 21), (4, 4, 21), (2, 2, 21)]
    kernels = [layer for layer in narrow.layers if isinstance(layer, keras.layers.Conv2D)]
    assert all(layer.kernel_regularizer.l2 == pytest.approx(2.5e-4) for layer in kernels)


def test_other_sizes_than_multiples_of_32_are_refused():
    with pytest.raises(ValueError, match="size=100"):
        yolov4(100)


def test_darknets_files_are_read_first_to_last(narrow, tmp_path):
    names = sorted(layer.name for layer in narrow.layers if layer.name.startswith("conv"))
    rng, numbers, kernels = np.random.default_rng(0), [], []
    for name in names[:5]:
        rows, columns, inner, outer = narrow.get_layer(name).kernel.shape
        kernels.append(rng.normal(size=(outer, inner, rows, columns)).astype(np.float32))
        numbers += [rng.uniform(0.5, 1.5, (4, outer)).astype(np.float32), kernels[-1]]
    content = bytes(20) + b"".join(array.tobytes() for array in numbers)
    (tmp_path / "some.conv.5").write_bytes(content)
    assert darknet.load(narrow, tmp_path / "some.conv.5") == 5
    for place, name in enumerate(names[:5]):
        kernel = np.asarray(narrow.get_layer(name).kernel)
        np.testing.assert_array_equal(kernel, kernels[place].transpose(2, 3, 1, 0))
        norm = narrow.get_layer(name.replace("conv", "norm"))
        for row, weight in enumerate((norm.beta, norm.gamma, norm.moving_mean)):
            np.testing.assert_array_equal(np.asarray(weight), numbers[2 * place][row])
    (tmp_path / "torn").write_bytes(content[:-8])
    with pytest.raises(InputError, match="within convolution 5"):
        darknet.load(narrow, tmp_path / "torn")
    with pytest.raises(InputError, match="cannot be read"):
        darknet.load(narrow, tmp_path / "missing")


@pytest.mark.contract
def test_boxes_are_read_from_a_head_as_darknet_does():
    output = np.zeros((1, 2, 2, 21), np.float32)
    # Lower left square, second anchor: centre moved, twice as wide.
    output[0, 1, 0, 7:12] = (2.0, 0.0, log(2), 0.0, 3.0)
    anchors = [(0.1, 0.1), (0.2, 0.3), (0.5, 0.5)]
    where, objectness, classes = (np.asarray(x) for x in decode(ops.array(output), anchors, 0))
    assert where.shape == (1, 4, 3, 4)
    assert classes.shape == (1, 4, 3, 2)
    x = (1.2 / (1 + np.exp(-2)) - 0.1) / 2
    np.testing.assert_allclose(where[0, 2, 1], [x - 0.2, 0.6, x + 0.2, 0.9], atol=1e-6)
    assert objectness[0, 2, 1] == 3
    # A square's zeros mean its middle and the anchor.
    np.testing.assert_allclose(where[0, 1, 0], [0.7, 0.2, 0.8, 0.3], atol=1e-6)


def plain_ciou(first, second):
    """CIoU of two boxes, number by number (Zheng et al. 2020, equations 10 to 12)."""
    (ax0, ay0, ax1, ay1), (bx0, by0, bx1, by1) = first, second
    width = max(0, min(ax1, bx1) - max(ax0, bx0))
    height = max(0, min(ay1, by1) - max(ay0, by0))
    areas = (ax1 - ax0) * (ay1 - ay0) + (bx1 - bx0) * (by1 - by0)
    iou = width * height / (areas - width * height)
    centres = ((ax0 + ax1 - bx0 - bx1) / 2) ** 2 + ((ay0 + ay1 - by0 - by1) / 2) ** 2
    diagonal = (max(ax1, bx1) - min(ax0, bx0)) ** 2 + (max(ay1, by1) - min(ay0, by0)) ** 2
    turn = np.arctan((bx1 - bx0) / (by1 - by0)) - np.arctan((ax1 - ax0) / (ay1 - ay0))
    v = 4 / np.pi**2 * turn**2
    return iou - centres / diagonal - (v * v / (1 - iou + v) if v else 0)


@pytest.mark.contract
def test_complete_iou_is_that_of_its_formula():
    rng = np.random.default_rng(0)
    low = rng.uniform(0, 0.5, (2, 50, 2))
    first, second = np.concatenate([low, low + rng.uniform(0.05, 0.5, low.shape)], -1)
    found = np.asarray(complete_iou(ops.array(first, "float32"), ops.array(second, "float32")))
    expected = [plain_ciou(*pair) for pair in zip(first, second, strict=True)]
    np.testing.assert_allclose(found, expected, atol=1e-5)
    np.testing.assert_allclose(
        np.asarray(overlap(ops.array(first, "float32"), ops.array(second, "float32"))),
        np.diag(boxes.iou(first, second)), atol=1e-5,
    )  # fmt: skip


@pytest.mark.contract
def test_complete_iou_of_known_cases():
    box = ops.array([0.2, 0.2, 0.4, 0.4])
    assert float(complete_iou(box, box)) == pytest.approx(1)
    assert 1 - float(complete_iou(box, ops.array([0.6, 0.6, 0.8, 0.8]))) > 1
    # One in the middle of the other, of the same shape: overlap alone.
    assert float(complete_iou(box, ops.array([0.1, 0.1, 0.5, 0.5]))) == pytest.approx(0.25)
    # The same area, centre and overlap less the penalty of the other shape.
    wide = ops.array([0.1, 0.25, 0.5, 0.35])
    assert float(complete_iou(box, wide)) < float(overlap(box, wide))


ANCHORS = boxes.DARKNET
EMPTY = (0, 0, 0, 0, -1)


@pytest.mark.contract
def test_without_a_cell_and_a_guess_the_loss_is_a_log_of_two_a_place():
    truth = ops.array([[EMPTY, EMPTY]], "float32")
    loss = YOLOv4Loss(ANCHORS, 0)(truth, ops.zeros((1, 8, 8, 21)))
    assert float(loss) == pytest.approx(8 * 8 * 3 * log(2), rel=1e-5)


@pytest.mark.contract
def test_each_part_of_the_loss_by_hand():
    # The last anchor's very size, in the middle of square (1, 0) of the 2 x 2 of the third head.
    width, height = ANCHORS[8]
    truth = [0.75 - width / 2, 0.25 - height / 2, 0.75 + width / 2, 0.25 + height / 2, 1]
    shape = boxes.shape_iou(ANCHORS[8:], ANCHORS)[0]
    assert shape[8] == 1
    assert (shape[6:8] > 0.213).tolist() == [False, True]
    output = np.zeros((1, 2, 2, 21), np.float32)
    output[..., 4::7] = -20  # nothing anywhere
    output[0, 0, 1, 18] = 20  # but there, with the third anchor
    output[0, 0, 1, 19:21] = (-20, 20)
    loss = YOLOv4Loss(ANCHORS, 2)
    truth = ops.array([[truth, EMPTY]], "float32")
    # The second anchor answers for the box too, and says nothing yet.
    half = np.tile((ANCHORS[8] - ANCHORS[7]) / 2, 2) * [1, 1, -1, -1]
    moved = truth[0, 0, :4] + ops.array(half, "float32")
    other = 0.07 * (1 - float(complete_iou(moved, truth[0, 0, :4]))) + 20 + 2 * log(2)
    assert float(loss(truth, ops.array(output))) == pytest.approx(other, rel=1e-4)
    # A wrong class costs its logit in both classes.
    output[0, 0, 1, 19:21] = (20, -20)
    assert float(loss(truth, ops.array(output))) == pytest.approx(other + 40, rel=1e-4)
    # The other heads only learn that nothing is there.
    first = YOLOv4Loss(ANCHORS, 0)(truth, ops.zeros((1, 8, 8, 21)))
    assert float(first) == pytest.approx(192 * log(2), rel=1e-5)


@pytest.mark.contract
def test_a_good_box_in_a_neighbouring_square_is_not_called_wrong():
    width, height = ANCHORS[8]
    # Its centre lies just right of the middle; the box of the square to the left reaches it too.
    truth = [0.51 - width / 2, 0.25 - height / 2, 0.51 + width / 2, 0.25 + height / 2, 0]
    output = np.zeros((1, 2, 2, 21), np.float32)
    output[..., 4::7] = -20
    output[0, 0, 1, 11], output[0, 0, 1, 18] = 20, 20
    sure = output.copy()
    sure[0, 0, 0, 14], sure[0, 0, 0, 18] = 20, 20  # x to the right edge, objectness
    loss, truth = YOLOv4Loss(ANCHORS, 2), ops.array([[truth]], "float32")
    assert float(loss(truth, ops.array(sure))) == pytest.approx(
        float(loss(truth, ops.array(output)))
    )
    # Far off it is.
    sure[0, 1, 0, 18] = 20
    assert float(loss(truth, ops.array(sure))) > float(loss(truth, ops.array(output))) + 19


@pytest.mark.slow
@pytest.mark.contract
def test_a_network_learns_a_box_by_the_three_losses():
    pixels = keras.Input((32, 32, 3))
    x = keras.layers.GlobalAveragePooling2D()(pixels)
    heads = [keras.layers.Reshape((g, g, 21))(keras.layers.Dense(g * g * 21)(x)) for g in (4, 2, 1)]
    network = keras.Model(pixels, heads)
    network.compile(keras.optimizers.Adam(0.2), [YOLOv4Loss(ANCHORS, head) for head in range(3)])
    truth = np.array([[(0.3, 0.2, 0.7, 0.8, 1)], [EMPTY]], np.float32)
    x = np.stack([np.ones((32, 32, 3)), -np.ones((32, 32, 3))]).astype(np.float32)
    history = network.fit(x, (truth, truth, truth), epochs=50, verbose=0).history["loss"]
    assert history[-1] < 0.1 * history[0]


@pytest.mark.slow
def test_a_narrow_network_knows_two_cells_by_heart(tmp_path):
    from cotconet.rivals.khandekar import Khandekar
    from smears.drawing import draw
    from smears.normalisation import settle

    pictures, masks = zip(
        *[draw(label, seed, 0, 64) for label, seed in (("ALL", 1), ("normal", 2))], strict=True
    )

    class ByHeart(Khandekar):
        """With the masks that were drawn."""

        def _boxes(self, pictures, index):
            return boxes.of_mask(masks[index] > 0)

    model = ByHeart(64, width=1 / 16, depth=0.1, cache=tmp_path)
    model.classes_, model.positive_ = np.array(["normal", "ALL"]), "ALL"
    model._open()
    part = model._part(pictures, ["ALL", "normal"])
    keras.utils.set_random_seed(0)
    model.network_ = yolov4(64, 2, width=1 / 16, depth=0.1)
    model.arrays_ = {"anchors": boxes.DARKNET.astype(np.float32)}
    losses = [YOLOv4Loss(model.arrays_["anchors"], head) for head in range(3)]
    model.network_.compile(keras.optimizers.Adam(5e-3), losses)
    truth = np.full((2, max(map(len, part.truths)), 5), EMPTY, np.float32)
    for row, rows in zip(truth, part.truths, strict=True):
        row[: len(rows)] = rows
    x = np.stack(pictures).astype(np.float32)
    for _ in range(150):
        model.network_.train_on_batch(x, [truth] * 3)
    settle(model.network_, [x])  # as before each validation
    for found, rows in zip(model.detect(pictures), part.truths, strict=True):
        best = found[boxes.iou(rows[:, :4], found[:, :4]).argmax(1)]
        assert np.diag(boxes.iou(rows[:, :4], best[:, :4])).min() > 0.5
        assert (best[:, 5] == rows[:, 4]).all()


@pytest.mark.contract
def test_a_good_box_in_its_own_square_must_still_be_called_one():
    width, height = ANCHORS[8]
    truth = [0.75 - width / 2, 0.25 - height / 2, 0.75 + width / 2, 0.25 + height / 2, 1]
    output = np.zeros((1, 2, 2, 21), np.float32)
    output[..., 4::7] = -20
    sure = output.copy()
    sure[0, 0, 1, 18] = 20
    loss, truth = YOLOv4Loss(ANCHORS, 2), ops.array([[truth]], "float32")
    found = [float(loss(truth, ops.array(said))) for said in (output, sure)]
    assert found[0] == pytest.approx(found[1] + 20, rel=1e-4)
