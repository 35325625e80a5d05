"""Keras's convolution with a faster way back on processors without bfloat16."""

import keras

from smears import backend


@keras.saving.register_keras_serializable(package="leukocytenet")
class Conv2D(keras.layers.Conv2D):
    """`keras.layers.Conv2D`: the same arguments, weights and outputs, slopes up to rounding.

    With TensorFlow on a CPU, in float32, the slope by the input is computed as what it is for an
    odd kernel, one step and "same" padding: a convolution with the kernel turned by 180 degrees
    and its channels exchanged. TensorFlow's own operation for it is slow where channels are many:
    LeukocyteNet's steps take a fifth to a quarter less time without it, at 64 and at 128 pixels,
    on two AVX2 cores (`benchmarks/convolution.py`). Elsewhere nothing differs from Keras's layer.
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
            by_kernel = tf.raw_ops.Conv2DBackpropFilter(
                input=x, filter_sizes=tf.shape(kernel), out_backprop=slope, strides=[1, 1, 1, 1],
                padding="SAME",
            )  # fmt: skip
            return tf.nn.conv2d(slope, turned, 1, "SAME"), by_kernel

        return tf.nn.conv2d(x, kernel, 1, "SAME"), back

    return convolve(x, kernel)
