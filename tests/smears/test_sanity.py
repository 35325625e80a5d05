"""Random weights: what is started anew, that an edge detector fails, that a gradient passes."""

from dataclasses import replace

import keras
import numpy as np
import pytest

from leukocytenet.model import LeukocyteNet
from smears import drawing, drawn
from smears.classifier import Classifier
from smears.explain import Explanation, lime, references, sanity

SIZE = 32


@pytest.fixture(scope="module")
def classifier():
    """A small network whose answer hangs on one corner of the picture."""
    inputs = keras.Input((SIZE, SIZE, 3))
    x = keras.layers.Conv2D(4, 3, padding="same", activation="relu", name="first")(inputs)
    x = keras.layers.BatchNormalization(name="norm")(x)
    x = keras.layers.Flatten()(x)
    outputs = keras.layers.Dense(2, activation="softmax", name="last")(x)
    network = keras.Model(inputs, outputs)
    kernel = np.zeros((SIZE, SIZE, 4, 2))
    kernel[:8, :8, :, 1] = 0.01
    network.get_layer("last").set_weights([kernel.reshape(-1, 2), np.zeros(2)])
    network.get_layer("norm").set_weights([np.full(4, v) for v in (2.0, 0.5, 1.0, 3.0)])
    return Classifier(network, ("a", "b"), SIZE, "tf")


@pytest.fixture(scope="module")
def pictures():
    return [drawing.draw("Healthy", 1, image, SIZE)[0] for image in range(2)]


def last_layer(classifier, pictures, target=None):
    """A map that is nothing but the last layer's weights: a perfect reader of the network."""
    kernel = np.asarray(classifier.network.get_layer("last").kernel)
    map = np.abs(kernel.reshape(SIZE, SIZE, -1)).sum(-1)
    return [Explanation(map / map.max(), 0, "last layer") for _ in pictures]


def first_layer(classifier, pictures, target=None):
    """A map that hangs on the first layer's weights alone."""
    size = np.abs(np.asarray(classifier.network.get_layer("first").kernel)).sum()
    rng = np.random.default_rng(int(1e6 * size))
    return [Explanation(rng.random((SIZE, SIZE)), 0, "first layer") for _ in pictures]


def _compare(explain, classifier, pictures, count=None):
    maps = [found.map for found in explain(classifier, pictures, target=[1] * len(pictures))]
    return sanity.compare(explain, classifier, pictures, maps, [1] * len(pictures), count)


@pytest.mark.contract
@pytest.mark.parametrize("explain", [references.edges, references.centre, references.random_map])
def test_what_does_not_look_at_the_network_fails(explain, classifier, pictures):
    ranks, similarity = _compare(explain, classifier, pictures)
    assert ranks == pytest.approx(1)
    assert similarity == pytest.approx(1)
    assert not sanity.passes(ranks)


@pytest.mark.contract
def test_what_reads_the_network_passes(classifier, pictures):
    ranks, similarity = _compare(last_layer, classifier, pictures)
    assert np.abs(ranks).max() < 0.3
    assert similarity.max() < 0.5
    assert sanity.passes(ranks)


@pytest.mark.contract
def test_layers_are_started_anew_from_the_top_and_the_network_is_left_alone(classifier):
    network = classifier.network
    before = [np.array(weight) for weight in network.get_weights()]
    assert sanity.layers_from_top(network) == ["last", "norm", "first"]
    for count, changed in ((1, {"last"}), (2, {"last", "norm"}), (None, {"last", "norm", "first"})):
        copy = sanity.randomised(network, count)
        apart = {
            layer.name
            for layer in map(network.get_layer, sanity.layers_from_top(network))
            if any(
                (np.asarray(a) != np.asarray(b)).any()
                for a, b in zip(layer.weights, copy.get_layer(layer.name).weights, strict=True)
            )
        }
        assert apart == changed
    for old, new in zip(before, network.get_weights(), strict=True):
        assert (old == new).all()


def test_a_cascade_goes_on_from_where_it_was_and_seeds_differ(classifier):
    one, two = (sanity.randomised(classifier.network, count) for count in (1, 2))
    other = sanity.randomised(classifier.network, 1, seed=1)
    kernels = [np.asarray(n.get_layer("last").kernel) for n in (one, two, other)]
    assert (kernels[0] == kernels[1]).all()
    assert (kernels[0] != kernels[2]).all()


def test_fresh_weights_are_those_of_a_layer_that_never_learnt(classifier):
    copy = sanity.randomised(classifier.network)
    assert [float(np.asarray(w)[0]) for w in copy.get_layer("norm").weights] == [1, 0, 0, 1]
    kernel, bias = copy.get_layer("last").get_weights()
    assert (bias == 0).all()
    assert kernel.std() == pytest.approx(np.sqrt(2 / kernel.shape[0]), rel=0.05)
    assert abs(kernel.mean()) < 0.002


def test_a_depthwise_kernel_starts_anew_for_the_inputs_that_it_has():
    inputs = keras.Input((8, 8, 64))
    x = keras.layers.DepthwiseConv2D(3, name="depthwise")(inputs)
    x = keras.layers.SeparableConv2D(32, 3, name="separable")(x)
    copy = sanity.randomised(keras.Model(inputs, x))
    spread = {
        (layer.name, weight.name): np.asarray(weight).std()
        for layer in copy.layers
        for weight in layer.weights
        if len(weight.shape) > 1
    }
    for name, fan_in in (
        (("depthwise", "kernel"), 9),
        (("separable", "depthwise_kernel"), 9),
        (("separable", "pointwise_kernel"), 64),
    ):
        assert spread[name] == pytest.approx(np.sqrt(2 / fan_in), rel=0.1)


@pytest.mark.slow
@pytest.mark.parametrize("count", [1, 5])
def test_the_randomised_network_is_not_sure_so_that_maps_of_its_probabilities_say_something(count):
    size = 64
    network = LeukocyteNet((size, size, 3), 10, weights=None)
    classifier = Classifier(network, drawn.TEN_CLASSES, size, "caffe")
    pictures = [drawing.draw("AML", seed, 0, size)[0] for seed in range(count)]
    asked = []

    def explain(classifier, shown, target):
        asked.append(np.log(classifier.scores(pictures)))
        return lime.explain(classifier, shown[:1], target[:1], samples=32, most=32) * len(shown)

    maps = [np.arange(size * size).reshape(size, size)] * count
    ranks, _ = sanity.compare(explain, classifier, pictures, maps, [0] * count)
    assert np.ptp(asked[0], axis=1).max() < 10  # 50 and more, were its scores left as they are
    assert ranks.any()  # 0 where a map became flat


def test_moderate_scores_have_deviation_1_and_no_other_layer_changes(classifier):
    other = replace(classifier, network=sanity.randomised(classifier.network))
    before = sanity.randomised(classifier.network)
    shown = [drawing.draw("AML", seed, 0, SIZE)[0] for seed in range(6)]
    sanity.moderate(other, shown)
    last = other.network.get_layer("last")
    kernel, bias = last.get_weights()
    seen = keras.Model(other.network.input, last.input)(other.prepare(shown))
    scores = np.asarray(seen) @ kernel + bias
    assert scores.mean(0) == pytest.approx(0, abs=1e-3)
    assert scores.std(0) == pytest.approx(1, abs=1e-3)
    old, _ = before.get_layer("last").get_weights()
    factors = old / kernel
    assert np.allclose(factors, factors[0], rtol=1e-3)
    for name in ("first", "norm"):
        pair = (n.get_layer(name).get_weights() for n in (other.network, before))
        assert all(np.array_equal(a, b) for a, b in zip(*pair, strict=True))


def test_only_the_layers_that_were_asked_for_can_change_a_map(classifier, pictures):
    ranks, _ = _compare(first_layer, classifier, pictures, count=2)
    assert not sanity.passes(ranks)
    ranks, _ = _compare(first_layer, classifier, pictures)
    assert sanity.passes(ranks)


def test_an_inverted_map_has_not_changed():
    assert not sanity.passes([-0.9, -0.8])
    assert sanity.passes([0.1, -0.2])


def test_layers_of_one_shape_get_weights_of_their_own():
    inputs = keras.Input((6,))
    outputs = keras.layers.Dense(6, name="two")(keras.layers.Dense(6, name="one")(inputs))
    copy = sanity.randomised(keras.Model(inputs, outputs))
    first, second = (np.asarray(copy.get_layer(name).kernel) for name in ("one", "two"))
    assert not np.allclose(first, second)


def test_a_random_map_is_another_one_for_each_picture(classifier, pictures):
    first, second = references.random_map(classifier, pictures, [0, 0])
    assert not np.allclose(first.map, second.map)
