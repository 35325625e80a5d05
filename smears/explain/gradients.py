"""Gradients of a network's class scores, on either backend: by its input or by a layer's output."""

from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

import keras
import numpy as np
from keras import ops

from smears import backend
from smears.explain import targets

# Networks made ready before; an entry goes with its network.
_READY = WeakKeyDictionary()


@dataclass(frozen=True)
class Scores:
    """A copy of a network in float32 without nesting, whose outputs are scores before softmax.

    Grad-CAM takes the score before softmax (Selvaraju et al. 2017, arXiv 1610.02391, section 3),
    and saliency too (Simonyan et al. 2014, arXiv 1312.6034, section 3): a probability also rises
    where the other classes fall. In bfloat16 maps would be too coarse. The network itself is not
    touched.

    Args:
        model: keras.Model, float32 (n, size, size, 3) to scores (n, classes).
        outputs: dict layer name -> its symbolic output, in the order of computation. A name that
            two nested models have gets "_2".
        pairs: list of (layer of the network, its copy).
        cuts: what `parts` has made.
    """

    model: keras.Model
    outputs: dict
    pairs: list
    cuts: dict = field(default_factory=dict)

    def refresh(self):
        """Take over the weights that the network has now. Returns self."""
        for layer, copy in self.pairs:
            for new, old in zip(copy.weights, layer.weights, strict=True):
                # A copy, for JAX gives the arrays of a network away when it trains on.
                new.assign(ops.copy(old))
        return self

    def spatial(self):
        """Name of the last layer whose output is a map: rank 4 with more than one place.

        Maps in front of the first weights, which are scaled pixels, do not count. A network
        without such a layer, a transformer, has its last square grid of tokens.

        Raises:
            ValueError: there is neither.
        """
        learned, found = False, {3: None, 4: None}
        copies = {copy.name: copy for _, copy in self.pairs}
        for name, output in self.outputs.items():
            learned |= bool(copies[name].weights) if name in copies else False
            if learned and len(output.shape) in found and np.prod(grid(output.shape)) > 1:
                found[len(output.shape)] = name
        if not any(found.values()):
            raise ValueError("No layer of this network has a map as its output.")
        return found[4] or found[3]

    def parts(self, name):
        """Two models: input to the layer's output, and both of these to the scores.

        Raises:
            ValueError: no such layer.
        """
        if name not in self.outputs:
            known = [n for n, output in self.outputs.items() if np.prod(grid(output.shape)) > 1]
            raise ValueError(f"layer={name!r}: layers with a map are {', '.join(known)}")
        if name not in self.cuts:
            inputs, inner = self.model.input, self.outputs[name]
            front, back = ([inputs], inner), ([inputs, inner], self.model.output)
            self.cuts[name] = keras.Model(*front), keras.Model(*back)
        return self.cuts[name]


def scores(network, size):
    """The `Scores` of a network with the weights that it has now.

    Args:
        network: Functional or Sequential keras.Model of one input and one output, models nested
            in it or not, in any precision. An output layer that is a softmax or a sigmoid loses
            it, also where the output is then cast; other outputs are taken for scores as they are.
        size: side of its input in pixels.

    Raises:
        ValueError: a model written as a class, whose inside cannot be known, or a nested one of
            several outputs.
    """
    key = _READY.setdefault(network, {})
    if size not in key:
        key[size] = _unrolled(network, size)
    return key[size].refresh()


def gradient(function, x, target=None):
    """Slopes of each picture's score of one class by a float32 array.

    Args:
        function: from a backend's tensor (n, ...) to scores, a tensor (n, classes), a picture's
            scores depending on its own part of x alone.
        x: float32 array (n, ...). target: as in `smears.explain.targets`.

    Returns:
        (class number of each picture, float32 array of x's shape).
    """
    x = ops.convert_to_tensor(x)
    if keras.backend.backend() == "jax":
        import jax

        found, pull = jax.vjp(function, x)
        which = targets(target, np.asarray(found))
        return which, np.asarray(pull(_one_hot(which, found))[0])
    import tensorflow as tf

    with tf.GradientTape() as tape:
        tape.watch(x)
        found = function(x)
    which = targets(target, np.asarray(found))
    slopes = tape.gradient(
        found, x, _one_hot(which, found),
        # Scores on which x has no influence would have None.
        unconnected_gradients="zero",
    )  # fmt: skip
    return which, np.asarray(slopes)


def _one_hot(which, found):
    return ops.convert_to_tensor(np.eye(found.shape[1], dtype=np.float32)[which])


def grid(shape):
    """(rows, columns) of a layer's output (n, rows, columns, c) or (n, rows * columns, c).

    Tokens are taken to fill a square row by row; (0, 0) where there is no such grid.
    """
    if len(shape) == 4:
        return tuple(shape[1:3])
    if len(shape) == 3:
        side = round(shape[1] ** 0.5)
        return (side, side) if side * side == shape[1] else (0, 0)
    return (0, 0)


def _unrolled(network, size):
    """Call fresh float32 copies of all layers, those of nested models too, in one graph."""
    last, outputs, copies = _last(network), {}, {}

    def copy(layer):
        if isinstance(layer, keras.Model):
            return layer  # `call` goes into it
        if id(layer) not in copies:
            config = layer.get_config()
            if "dtype" in config:
                config["dtype"] = "float32"
            if layer is last:
                config |= _linear(config)
            while config.get("name") in {made.name for _, made in copies.values()}:
                config["name"] += "_2"
            made = layer.__class__.from_config(config)
            if layer is last and layer.__class__.__name__ == "Softmax":
                made = keras.layers.Identity(name=layer.name)
            copies[id(layer)] = layer, made
        return copies[id(layer)][1]

    def call(layer, *args, **kwargs):
        if isinstance(layer, keras.Model):
            return unroll(layer, args[0])
        # Softmax had arguments that an Identity in its place does not take.
        same = isinstance(layer, keras.layers.Identity)
        outputs[layer.name] = args[0] if same else layer(*args, **kwargs)
        return outputs[layer.name]

    def unroll(model, x):
        if isinstance(model, keras.Sequential):
            for layer in model.layers:
                x = call(copy(layer), x)
            return x
        if len(model.outputs) > 1:
            raise ValueError(
                f"The model {model.name!r} inside this network has {len(model.outputs)} outputs, "
                "which gradients are not followed through; LIME needs none."
            )
        made = {}

        def keep(layer, *args, **kwargs):
            made[layer] = call(layer, *args, **kwargs)
            return made[layer]

        # The calls land in our graph; the clone, whose input is no model's, is left aside.
        keras.models.clone_model(model, input_tensors=x, clone_function=copy, call_function=keep)
        return made[copy(_output(model))]

    inputs = keras.Input((size, size, 3), dtype="float32", name="pixels")
    with backend.policy("float32"):
        result = unroll(network, inputs)
    pairs = [(layer, made) for layer, made in copies.values() if getattr(layer, "weights", None)]
    return Scores(keras.Model(inputs, result), outputs, pairs)


def _output(model):
    """The layer or nested model that computes a Functional model's output."""
    return next(op for op in model.operations if op.name == model.output_names[0])


def _last(model):
    """The layer that computes a model's output, however deeply nested, but for casts behind it."""
    while isinstance(model, keras.Model):
        if isinstance(model, keras.Sequential):
            model = next(layer for layer in reversed(model.layers) if not _casts(layer))
            continue
        model = _output(model)
        while _casts(model):
            model = model.input._keras_history.operation
    return model


def _casts(layer):
    """Whether a layer hands on what it gets, in another precision at most: networks of mixed
    precision often end in a linear Activation of float32."""
    linear = isinstance(layer, keras.layers.Activation) and (
        layer.get_config()["activation"] == "linear"
    )
    return linear or isinstance(layer, keras.layers.Identity)


def _linear(config):
    bounded = config.get("activation") in ("softmax", "sigmoid")
    return {"activation": "linear"} if bounded else {}
