"""Train a network on all devices of one machine, data-parallel, with the result of one device.

The backend's own engine does it: keras.distribution on JAX, tf.distribute on TensorFlow. Each
device has a copy of the network and a share of every batch. Several machines are not supported:
nothing here gives each process its own share of the pictures, or lets only one write the run.
"""

from contextlib import contextmanager

import keras


@contextmanager
def devices(which, batch_size):
    """Networks made and trained inside are spread over devices.

    Args:
        which: "one", or "all": every GPU (without any, every CPU device that the backend shows).
        batch_size: if the number of devices does not divide it, fewer are used.

    Yields:
        Number of devices.
    """
    jax = keras.backend.backend() == "jax"
    found = (_jax_devices() if jax else _tensorflow_devices()) if which == "all" else []
    count = max(n for n in range(1, len(found) + 1) if batch_size % n == 0) if found else 1
    if count == 1:
        yield 1
        return
    if jax:
        scope = keras.distribution.DataParallel(devices=found[:count]).scope()
    else:
        import tensorflow as tf

        scope = tf.distribute.MirroredStrategy(found[:count]).scope()
    with scope:
        yield count


def _jax_devices():
    return keras.distribution.list_devices()


def _tensorflow_devices():
    import tensorflow as tf

    found = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
    return [device.name for device in found]


def twin(network):
    """A copy of a network for the devices of the scope that it is made in.

    It has the same weights and the same noise. On JAX it draws what one device would draw. On
    TensorFlow all devices draw the same noise, each for its share of the batch. Batch
    normalisation takes its moments over the whole batch.

    Args:
        network: functional Keras model, made outside.

    Returns:
        keras.Model; its weights go back by `network.set_weights(copy.get_weights())`.
    """
    copy = network.from_config(network.get_config())
    for mine, original in zip(copy.variables, network.variables, strict=True):
        mine.assign(keras.ops.convert_to_numpy(original))
    if keras.backend.backend() == "tensorflow":
        # JAX does so anyway, and refuses the argument; so it is not in the network's own config.
        for layer in copy.layers:
            if isinstance(layer, keras.layers.BatchNormalization):
                layer.synchronized = True
    return copy


def adam(rate, clipnorm, count):
    """Adam for `count` devices, which clips each weight's gradient to a norm.

    Args:
        rate: learning rate or schedule. clipnorm: norm. count: number of devices.
    """
    if count > 1 and keras.backend.backend() == "tensorflow":
        return MeanAdam(rate, clipnorm=clipnorm / count)
    return keras.optimizers.Adam(rate, clipnorm=clipnorm)


class MeanAdam(keras.optimizers.Adam):
    """Clips the gradient of the whole batch.

    Keras clips what each device has of it and then adds that up, so that the sum may be `count`
    times as long. Here every device takes the mean of all shares and clips it to clipnorm / count.
    """

    def apply(self, grads, trainable_variables=None):
        import tensorflow as tf

        context = tf.distribute.get_replica_context()
        shares = context.all_reduce(tf.distribute.ReduceOp.MEAN, list(grads))
        return super().apply(shares, trainable_variables)
