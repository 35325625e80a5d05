"""YOLOv4: CSPDarknet53, spatial pyramid pooling, path aggregation and three heads."""

import keras
from keras import layers, ops

# The three heads see the picture in squares of so many pixels; the first finds the smallest boxes.
STRIDES = (8, 16, 32)
ANCHORS_A_HEAD = 3
# How far a box's centre may leave its square: darknet's scale_x_y of each head.
REACH = (1.2, 1.1, 1.05)

BLOCKS = (1, 2, 8, 8, 4)  # residual blocks of the five stages
POOLS = (13, 9, 5)  # sides of the pyramid's windows, in darknet's order of concatenation
FEWEST = 4  # channels of the narrowest layer of a narrowed network
LARGEST = 8.0  # exp of more than this would only overflow: an anchor times 2,981


def yolov4(size=416, classes=2, *, width=1.0, depth=1.0, decay=5e-4):
    """The detector of Bochkovskiy et al. 2020 (arXiv 2004.10934), as darknet's yolov4.cfg has it.

    110 convolutions: 72 with Mish (the backbone), 35 with leaky ReLU of slope 0.1, 3 linear; all
    but the last three with batch normalisation and without a bias. Parameters as darknet counts
    them, which are Keras's trainable ones: 63,943,071 with 2 classes, 64,363,101 with 80 (derived:
    the configuration file). Keras's count_params adds the moving means and variances, 66,304
    numbers. Kernels start uniform in +-sqrt(2 / inputs), as darknet's; the momentum of the moving
    statistics, 0.97, is assumed.

    Args:
        size: side of the pictures in pixels, a multiple of 32 (416).
        classes: number of classes.
        width, depth: shares of the channels and of the residual blocks, 1 in the method; less
            makes the network small enough for a look.
        decay: weight decay of the kernels, as a penalty decay / 2 * sum of squares, so that it
            passes through the momentum as in darknet.

    Returns:
        keras.Model: float32 (n, size, size, 3) in 0..255 -> three float32 arrays
        (n, size / stride, size / stride, 3 * (5 + classes)), strides 8, 16, 32. For each of a
        head's three anchors: x, y, w, h, objectness and the classes, none of them through a
        sigmoid yet; see `decode`.

    Raises:
        ValueError: a size that is no multiple of 32.
    """
    if size < 32 or size % 32:
        raise ValueError(f"size={size}: YOLOv4 needs a multiple of 32 pixels")
    conv = _Convolutions(width, decay)
    pixels = keras.Input((size, size, 3), name="pixels")
    third, fourth, fifth = _backbone(layers.Rescaling(1 / 255)(pixels), conv, depth)
    fifth = _pyramid(fifth, conv)
    fourth = _merged_up(fifth, fourth, 256, conv)
    third = _merged_up(fourth, third, 128, conv)
    heads = [_head(third, 256, classes, conv)]
    fourth = _merged_down(third, fourth, 256, conv)
    heads.append(_head(fourth, 512, classes, conv))
    fifth = _merged_down(fourth, fifth, 512, conv)
    heads.append(_head(fifth, 1024, classes, conv))
    return keras.Model(pixels, heads, name="yolov4")


class _Convolutions:
    """Make darknet's convolutional layers: convolution, batch normalisation, activation.

    They are named in the order in which darknet has them: conv001, norm001, conv002, ...
    """

    def __init__(self, width, decay):
        self.width, self.decay, self.made = width, decay, 0

    def __call__(self, x, filters, kernel=1, stride=1, activation="leaky"):
        if stride == 2:
            # darknet pads a pixel on every side; "same" would pad below and to the right alone.
            x = layers.ZeroPadding2D(1)(x)
        x = self.plain(
            x, max(FEWEST, round(filters * self.width)), kernel, strides=stride, use_bias=False,
            padding="valid" if stride == 2 else "same",
        )  # fmt: skip
        x = layers.BatchNormalization(momentum=0.97, epsilon=1e-5, name=f"norm{self.made:03}")(x)
        if activation == "mish":
            return layers.Activation("mish")(x)
        return layers.LeakyReLU(negative_slope=0.1)(x)

    def plain(self, x, filters, kernel, **more):
        """A convolution alone, `filters` taken as they are."""
        self.made += 1
        return layers.Conv2D(
            filters, kernel, name=f"conv{self.made:03}",
            kernel_initializer=keras.initializers.VarianceScaling(2 / 3, "fan_in", "uniform"),
            kernel_regularizer=keras.regularizers.L2(self.decay / 2), **more,
        )(x)  # fmt: skip


def _backbone(x, conv, depth):
    """CSPDarknet53: feature maps at strides 8, 16 and 32."""
    x = conv(x, 32, 3, activation="mish")
    stages = []
    for number, blocks in enumerate(BLOCKS):
        filters = 64 * 2**number
        x = conv(x, filters, 3, stride=2, activation="mish")
        # The first stage keeps all channels in both branches, the others half of them.
        inner = filters if number == 0 else filters // 2
        past = conv(x, inner, activation="mish")
        x = conv(x, inner, activation="mish")
        for _ in range(max(1, round(blocks * depth))):
            y = conv(x, 32 if number == 0 else inner, activation="mish")
            x = layers.Add()([x, conv(y, inner, 3, activation="mish")])
        x = conv(x, inner, activation="mish")
        x = conv(layers.Concatenate()([x, past]), filters, activation="mish")
        stages.append(x)
    return stages[-3:]


def _pyramid(x, conv):
    """Three convolutions, max-pools of three window sizes beside each other, three more."""
    x = conv(conv(conv(x, 512), 1024, 3), 512)
    pooled = [layers.MaxPooling2D(side, 1, padding="same")(x) for side in POOLS]
    x = layers.Concatenate()([*pooled, x])
    return conv(conv(conv(x, 512), 1024, 3), 512)


def _merged_up(deep, shallow, filters, conv):
    """Bring a deep map to a shallow one's size and join them."""
    deep = layers.UpSampling2D(2)(conv(deep, filters))
    return _five(layers.Concatenate()([conv(shallow, filters), deep]), filters, conv)


def _merged_down(shallow, deep, filters, conv):
    """Bring a shallow map to a deep one's size and join them."""
    shallow = conv(shallow, filters, 3, stride=2)
    return _five(layers.Concatenate()([shallow, deep]), filters, conv)


def _five(x, filters, conv):
    for kernel in (1, 3, 1, 3, 1):
        x = conv(x, filters if kernel == 1 else 2 * filters, kernel)
    return x


def _head(x, filters, classes, conv):
    # float32 whatever the policy: boxes are read to a fraction of a pixel.
    return conv.plain(
        conv(x, filters, 3), ANCHORS_A_HEAD * (5 + classes), 1, padding="same", dtype="float32"
    )


def decode(output, anchors, head):
    """What one head says, as boxes.

    Args:
        output: float32 (n, g, g, 3 * (5 + classes)), of `yolov4`.
        anchors: (3, 2), width and height of the head's anchors in shares of the picture's sides.
        head: 0, 1 or 2.

    Returns:
        (boxes, objectness, classes), float32 (n, g * g, 3, 4), (n, g * g, 3) and
        (n, g * g, 3, classes). Boxes are x0, y0, x1, y1 in shares of the picture's sides, squares
        row by row; the others are logits.
    """
    grid = output.shape[1]
    parts = output.shape[-1] // ANCHORS_A_HEAD
    found = ops.reshape(output, (-1, grid * grid, ANCHORS_A_HEAD, parts))
    cells = ops.arange(grid * grid)
    corner = ops.stack([cells % grid, cells // grid], axis=-1)
    corner = ops.cast(corner, "float32")[None, :, None, :]
    offset = REACH[head] * ops.sigmoid(found[..., 0:2]) - (REACH[head] - 1) / 2
    centre = (corner + offset) / grid
    anchors = ops.convert_to_tensor(anchors, "float32")
    half = ops.exp(ops.clip(found[..., 2:4], -LARGEST, LARGEST)) * anchors / 2
    boxes = ops.concatenate([centre - half, centre + half], axis=-1)
    return boxes, found[..., 4], found[..., 5:]
