"""Train a network on all devices, data-parallel, with the result of one device.

The backend's own engine does it: keras.distribution on JAX, tf.distribute on TensorFlow. Each
device has a copy of the network and a share of every batch. On JAX the devices may be those of
several machines (smears.hosts).
"""

from contextlib import contextmanager

import keras

from smears import InputError, hosts


@contextmanager
def devices(which, batch_size):
    """Networks made and trained inside are spread over devices.

    Args:
        which: "one", or "all": every GPU (without any, every CPU device that the backend shows).
        batch_size: if the number of devices does not divide it, fewer are used, of every host as
            many.

    Yields:
        Number of devices.

    Raises:
        InputError: there are more hosts than can share a batch.
    """
    jax = keras.backend.backend() == "jax"
    found = [[""]]
    if which == "all":
        found = _jax_devices() if jax else [_tensorflow_devices()]
    most = min(map(len, found))
    shares = [n for n in range(1, most + 1) if batch_size % (n * len(found)) == 0]
    if not shares:
        raise InputError(
            f"{len(found)} hosts cannot have equal shares of batches of {batch_size} pictures: "
            f"start as many as divide {batch_size}."
        )
    chosen = [device for host in found for device in host[: shares[-1]]]
    if len(chosen) == 1:
        yield 1
        return
    if jax:
        scope = keras.distribution.DataParallel(devices=chosen, auto_shard_dataset=False).scope()
    else:
        import tensorflow as tf

        scope = tf.distribute.MirroredStrategy(chosen).scope()
    with scope:
        yield len(chosen)


def _jax_devices():
    """The names of each host's devices, a list of lists."""
    import jax

    _, count = hosts.place()
    found = [[] for _ in range(count)]
    for device in jax.devices():
        found[device.process_index].append(f"{device.platform}:{device.id}")
    return found


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
