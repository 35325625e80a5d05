"""Keras's convolution with a faster way back on processors without bfloat16."""

import keras

from smears import backend

# Side of the largest map, in pixels, whose slope by the kernel is computed as a convolution: on
# larger ones this is slower where TensorFlow takes oneDNN.
SMALL = 16


@keras.saving.register_keras_serializable(package="leukocytenet")
class Conv2D(keras.layers.Conv2D):
    """`keras.layers.Conv2D`: the same arguments, weights and outputs, slopes up to rounding.

    With TensorFlow on a CPU, in float32, the slopes are computed as what they are for an odd
    kernel, one step and "same" padding: that by the input is a convolution with the kernel turned
    by 180 degrees and its channels exchanged; that by the kernel one in which pictures and
    channels change places and the slopes are the kernel, for maps of up to SMALL pixels.
    TensorFlow's own operations for them are slow where channels are many: without them
    LeukocyteNet's steps take 0.70 of the time at 64 pixels and 0.76 at 128, on two AVX2 cores
    (`benchmarks/convolution.py`). Elsewhere nothing differs from Keras's layer.
    """

    def convolution_op(self, inputs, kernel):
        if not self._turns(inputs):
            return super().convolution_op(inputs, kernel)
        import tensorflow as tf

        return _convolution(tf.convert_to_tensor(inputs), tf.convert_to_tensor(kernel))

    def _turns(self, inputs):
        plain = (
            self.padding == "same"
            and self.groups == 1
            and self.data_format == "channels_last"
            and all(side % 2 for side in self.kernel_size)
            and {*self.strides, *self.dilation_rate} == {1}
        )
        if not plain or keras.backend.backend() != "tensorflow" or inputs.dtype != "float32":
            return False
        # While the network is put together there are no values yet, and no slopes.
        return not isinstance(inputs, keras.KerasTensor) and not backend.has_gpu()


def _convolution(x, kernel):
    """tf.nn.conv2d in single steps with zeros around, and the slopes described above."""
    import tensorflow as tf

    @tf.custom_gradient
    def convolve(x, kernel):
        def back(slope):
            turned = tf.transpose(tf.reverse(kernel, [0, 1]), [0, 1, 3, 2])
            return tf.nn.conv2d(slope, turned, 1, "SAME"), _by_kernel(x, kernel, slope)

        return tf.nn.conv2d(x, kernel, 1, "SAME"), back

    return convolve(x, kernel)


def _by_kernel(x, kernel, slope):
    """The slope by the kernel, float32 of its shape."""
    import tensorflow as tf

    if any(side is None or side > SMALL for side in x.shape[1:3]):
        return tf.raw_ops.Conv2DBackpropFilter(
            input=x, filter_sizes=tf.shape(kernel), out_backprop=slope, strides=[1, 1, 1, 1],
            padding="SAME",
        )  # fmt: skip
    around = [[side // 2] * 2 for side in kernel.shape[:2]]
    found = tf.nn.conv2d(
        tf.transpose(x, [3, 1, 2, 0]), tf.transpose(slope, [1, 2, 0, 3]), 1,
        [[0, 0], *around, [0, 0]],
    )  # fmt: skip
    return tf.transpose(found, [1, 2, 0, 3])
