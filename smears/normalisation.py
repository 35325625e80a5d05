"""Batch normalisation beside dropout: statistics of what the network sees when dropout is off."""

import keras
from keras import layers

DROPOUT = (layers.Dropout, layers.SpatialDropout2D)


class SettleNormalisation(keras.callbacks.Callback):
    """Measure the moving statistics anew before each validation, with dropout switched off.

    Dropout keeps a signal's mean but raises its variance, so that a batch normalisation behind it
    learns moving statistics that are wrong once dropout is off (Li et al. 2018, arXiv 1801.05134,
    whose remedy this is). With one dropout a block the error multiplies from block to block.
    Training itself uses the statistics of its batches, and is not changed.

    Args:
        pictures: dataset whose first batches are used; the same ones each time.
        batches: how many at most.
    """

    def __init__(self, pictures, batches=16):
        super().__init__()
        self.pictures, self.batches = pictures, batches

    def on_test_begin(self, logs=None):
        count = min(self.batches, len(self.pictures))
        settle(self.model, (self.pictures[n][0] for n in range(count)))


def settle(model, batches):
    """Set the moving statistics of a model's batch normalisations to their means over batches.

    Args:
        model: keras.Model, changed in place.
        batches: iterable of inputs, each in random order so that its moments are the data's.
    """
    norms = [layer for layer in model.layers if isinstance(layer, layers.BatchNormalization)]
    drops = [layer for layer in model.layers if isinstance(layer, DROPOUT)]
    kept = [norm.momentum for norm in norms], [drop.rate for drop in drops]
    if not norms:
        return
    try:
        for drop in drops:
            drop.rate = 0.0
        for number, batch in enumerate(batches):
            for norm in norms:
                norm.momentum = number / (number + 1)
            model(batch, training=True)
    finally:
        for norm, momentum in zip(norms, kept[0], strict=True):
            norm.momentum = momentum
        for drop, rate in zip(drops, kept[1], strict=True):
            drop.rate = rate
