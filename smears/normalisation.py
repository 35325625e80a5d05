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
        batches: how many at most; with none, the statistics stay those of training.
    """

    def __init__(self, pictures, batches=16):
        super().__init__()
        self.pictures, self.batches = pictures, batches
        self._training = None

    def on_test_begin(self, logs=None):
        # Kept, so that it is compiled once.
        self._training = self._training or _Training(self.model)
        count = min(self.batches, len(self.pictures))
        _settle(self._training, (self.pictures[n][0] for n in range(count)))


def settle(model, batches):
    """Set the moving statistics of a model's batch normalisations to their means over batches.

    Args:
        model: keras.Model, changed in place.
        batches: iterable of inputs, each in random order so that its moments are the data's.
    """
    _settle(_Training(model), batches)


class _Training(keras.Model):
    """A model that is in training mode when it predicts, so that what it does there is compiled."""

    def __init__(self, model):
        super().__init__(name="in_training")
        self.model = model

    def call(self, inputs):
        return self.model(inputs, training=True)


def _settle(training, batches):
    norms = [x for x in training.model.layers if isinstance(x, layers.BatchNormalization)]
    drops = [x for x in training.model.layers if isinstance(x, DROPOUT)]
    if not norms:
        return
    statistics = [x for norm in norms for x in (norm.moving_mean, norm.moving_variance)]
    kept = [norm.momentum for norm in norms], [drop.rate for drop in drops]
    means, count = [0.0] * len(statistics), 0
    try:
        for drop in drops:
            drop.rate = 0.0
        for norm in norms:
            norm.momentum = 0.0  # so that the moving statistics are the batch's
        for batch in batches:
            training.predict_on_batch(batch)
            count += 1
            found = (keras.ops.convert_to_numpy(x) for x in statistics)
            means = [mean + (x - mean) / count for mean, x in zip(means, found, strict=True)]
    finally:
        for norm, momentum in zip(norms, kept[0], strict=True):
            norm.momentum = momentum
        for drop, rate in zip(drops, kept[1], strict=True):
            drop.rate = rate
    if count:
        for variable, mean in zip(statistics, means, strict=True):
            variable.assign(mean)
