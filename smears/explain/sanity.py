"""Whether a heat map depends on what the network has learnt: the check with random weights.

Adebayo et al. 2018, Sanity Checks for Saliency Maps (arXiv 1810.03292), section 3: layers are
started anew from the output down, and the maps of before and after are compared. A map that stays
the same shows the picture, an edge detector's work, and nothing of the network.
"""

from dataclasses import replace

import keras
import numpy as np

from smears.explain import faithfulness, gradients, robustness

LIMIT = 0.5  # a mean rank correlation from which on the map has not changed (assumed)


def layers_from_top(network):
    """Names of the layers that have weights, the one next to the output first."""
    return [layer.name for layer in reversed(network.layers) if layer.weights]


def randomised(network, count=None, seed=0):
    """A copy of a network, its topmost layers with weights started anew.

    Kernels are normal with He's deviation (sqrt(2 / inputs)), scales and variances 1, all other
    vectors 0. What a layer gets depends on the seed and its place alone, so that copies of rising
    `count` are Adebayo et al.'s cascade.

    Args:
        network: flat Keras model. count: how many layers, None: all of them. seed: integer.

    Returns:
        keras.Model; the network itself is left as it is.
    """
    copy = keras.models.clone_model(network)
    copy.set_weights(network.get_weights())
    for place, name in enumerate(layers_from_top(copy)[:count]):
        rng = np.random.default_rng([seed, place])
        layer = copy.get_layer(name)
        depthwise = isinstance(layer, keras.layers.DepthwiseConv2D)
        layer.set_weights([_fresh(weight, depthwise, rng) for weight in layer.weights])
    return copy


def moderate(classifier, pictures):
    """Rescale the last layer, so that each class's score has mean 0 and deviation 1 over pictures.

    Scores, before softmax. A random network's may be so far apart that it is sure of one class
    whatever it is shown, or so near that all pictures are alike to it.

    Args:
        classifier: smears.classifier.Classifier whose last layer with weights has a kernel and a
            bias alone, as dense layers do. Its network is changed in place.
        pictures: sequence of uint8 (h, w, 3) RGB, two or more.
    """
    network, size = classifier.network, classifier.size
    model = gradients.scores(network, size).model
    found = model.predict(classifier.prepare(pictures), batch_size=16, verbose=0)
    deviation = found.std(0)
    deviation[deviation == 0] = 1
    last = network.get_layer(layers_from_top(network)[0])
    kernel, bias = last.get_weights()
    last.set_weights([kernel / deviation, (bias - found.mean(0)) / deviation])


def compare(explain, classifier, pictures, maps, targets, count=None, seed=0):
    """How alike the maps of the trained and of the randomised network are. Lower is better.

    The randomised network's last layer is rescaled, so that its scores differ by about 1 between
    the pictures (`moderate`). Else it may be sure of one class whatever it is shown, and an
    explainer of probabilities, LIME, has nothing to explain.

    Args:
        explain: function (classifier, pictures, target) -> list of Explanation.
        classifier: smears.classifier.Classifier. pictures: sequence of uint8 (h, w, 3) RGB.
        maps: float (h, w) of each picture by the trained network. targets: class number of each.
        count, seed: as `randomised`.

    Returns:
        (rank correlations, SSIM), float64 (n,) each. A map that is flat after it has changed.
    """
    other = replace(classifier, network=randomised(classifier.network, count, seed))
    # Blurred ones as well: a single picture has no deviation.
    moderate(other, [*pictures, *map(faithfulness.blur, pictures)])
    after = [found.map for found in explain(other, pictures, target=list(targets))]
    pairs = list(zip(maps, after, strict=True))
    ranks = np.array([robustness.rank_correlation(*pair) for pair in pairs])
    return ranks, np.array([robustness.structural_similarity(*pair) for pair in pairs])


def passes(correlations):
    """Whether maps changed: their mean rank correlation, its sign aside, is below `LIMIT`."""
    return bool(np.abs(correlations).mean() < LIMIT)


def _fresh(weight, depthwise, rng):
    shape = tuple(weight.shape)
    if len(shape) > 1:
        # A depthwise kernel (h, w, channels, multiplier) takes each channel on its own.
        alone = depthwise or weight.name == "depthwise_kernel"
        inputs = np.prod(shape[:2] if alone else shape[:-1])
        return rng.normal(0, np.sqrt(2 / inputs), shape).astype("float32")
    ones = weight.name in ("gamma", "scale", "moving_variance")
    return np.full(shape, float(ones), "float32")
