"""Jawahar et al. 2022: ALNett, depth-wise dilated convolutions in three cluster layers.

Stated (abstract; CoTCoNet 2.1 and 4.2.1): a network from scratch; depth-wise convolutions of
different dilation rates; three cluster layers, each convolution and max-pooling followed by
normalisation; accuracy 91.13%, F1 0.96.
Assumed, the smallest network with all named parts: 224 pixels; a stem of 32 filters, 3 x 3, stride
2; in each cluster three parallel depth-wise 3 x 3 convolutions of dilation 1, 2 and 3, joined, and
a 1 x 1 convolution to 64, 128 and 256 filters; average pooling, 128 ReLU, dropout 0.5, sigmoid;
Adam 1e-3, batches of 32, 50 epochs. No code is public, and no parameter count.
Contradicted: CoTCoNet's row for C-NMC is of no two-class test.
"""

from dataclasses import dataclass

import keras
from keras import layers

from cotconet.rivals.classifier import SCRATCH, Rival, probabilities

WIDTHS = (64, 128, 256)
DILATIONS = (1, 2, 3)


def ALNett(size=224, widths=WIDTHS, dilations=DILATIONS, dropout=0.5):
    """The network.

    Args:
        size: side of the pictures, at least 16. widths: filters of the clusters.
        dilations: of the parallel convolutions. dropout: rate before the output.

    Returns:
        keras.Model, pixels scaled to -1..1 (n, size, size, 3) -> probability of label 1 (n, 1).
    """
    x = pixels = keras.Input((size, size, 3), name="pixels")
    x = layers.Conv2D(32, 3, strides=2, padding="same", activation="relu", name="stem")(x)
    for number, width in enumerate(widths, 1):
        branches = [
            layers.DepthwiseConv2D(
                3, padding="same", dilation_rate=rate, name=f"cluster{number}_dilation{rate}"
            )(x)
            for rate in dilations
        ]
        x = layers.Concatenate(name=f"cluster{number}_joined")(branches)
        x = layers.Conv2D(width, 1, activation="relu", name=f"cluster{number}_mixed")(x)
        x = layers.MaxPooling2D(2, name=f"cluster{number}_pool")(x)
        x = layers.BatchNormalization(name=f"cluster{number}_norm")(x)
    x = layers.GlobalAveragePooling2D(name="average")(x)
    x = layers.Dense(128, activation="relu", name="hidden")(x)
    x = layers.Dropout(dropout, name="dropout")(x)
    x = layers.Dense(1, dtype="float32", name="logit")(x)
    return keras.Model(pixels, probabilities(x), name="alnett")


@dataclass(eq=False, repr=False)
class Jawahar(Rival):
    """ALNett, trained from scratch by binary cross-entropy. Arguments: see `Rival`."""

    epochs: int = 50
    learning_rate: float = 1e-3

    mode = "tf"

    def build(self, train):
        return ALNett(self.size), SCRATCH
