"""VGG-16's pooled features, which Table 7 puts in the place of GMod and SMod."""

import keras
from keras import layers

from smears import weights as weight_files

# Number of 3 x 3 convolutions and their filters, block by block (Simonyan and Zisserman 2015).
BLOCKS = ((2, 64), (2, 128), (3, 256), (3, 512), (3, 512))

# ImageNet's means of red, green and blue, which the pretrained network expects to be taken away.
MEANS = (123.68, 116.779, 103.939)


def pooled(pixels):
    """VGG-16's graph on pixels in -1..1 (batch, h, w, 3): (batch, 512), the pooled last map.

    14,714,688 parameters. That the map is pooled, and not flattened, is assumed (C35).
    """
    x = layers.Rescaling(127.5, [127.5 - mean for mean in MEANS], name="vgg16_scale")(pixels)
    for block, (count, filters) in enumerate(BLOCKS, 1):
        for number in range(1, count + 1):
            x = layers.Conv2D(
                filters, 3, padding="same", activation="relu", kernel_initializer="he_normal",
                name=f"block{block}_conv{number}",
            )(x)  # fmt: skip
        x = layers.MaxPooling2D(2, name=f"block{block}_pool")(x)
    return layers.GlobalAveragePooling2D(name="vgg16_pooling")(x)


def copy_imagenet(model):
    """Put keras.applications' ImageNet weights, downloaded if need be, into a model of `pooled`.

    Raises:
        smears.weights.NotAvailable: they cannot be downloaded.
    """
    source = weight_files.imagenet(
        keras.applications.VGG16, include_top=False, input_shape=(64, 64, 3)
    )
    for layer in source.layers:
        if layer.weights:
            kernel, bias = layer.get_weights()
            if layer.name == "block1_conv1":
                kernel = kernel[:, :, ::-1]  # theirs sees blue first, ours red
            model.get_layer(layer.name).set_weights([kernel, bias])
