"""Saliency is the gradient of a class's score by the pixels, plain or averaged over noise."""

import keras
import numpy as np
import pytest
from keras import layers

from smears.classifier import Classifier
from smears.explain import saliency

SIZE = 8


@pytest.fixture(scope="module")
def pictures():
    return list(np.random.default_rng(0).integers(0, 256, (5, SIZE, SIZE, 3), np.uint8))


@pytest.fixture(scope="module")
def hinge():
    """Softmax of relu(a pixel's value times a weight), summed for each class."""
    inputs = keras.Input((SIZE, SIZE, 3))
    x = layers.Flatten()(inputs)
    x = layers.Dense(40, activation="relu", use_bias=False, name="hidden")(x)
    network = keras.Model(inputs, layers.Dense(3, activation="softmax", name="out")(x))
    rng = np.random.default_rng(1)
    network.set_weights(
        [
            rng.normal(0, 0.1, (SIZE * SIZE * 3, 40)),
            rng.normal(0, 0.1, (40, 3)),
            np.zeros(3),
        ]
    )
    return Classifier(network, tuple("abc"), SIZE, "tf")


def _slopes(classifier, x, target):
    """By hand: which hidden units are open, times both kernels."""
    hidden, out, _ = classifier.network.get_weights()
    opened = x.reshape(len(x), -1) @ hidden > 0
    return ((opened * out[:, target]) @ hidden.T).reshape(x.shape)


def _strength(slopes):
    largest = np.abs(slopes).max(-1)
    return largest / largest.max()


@pytest.mark.contract
def test_the_map_is_the_largest_channel_of_the_gradient(hinge, pictures):
    for target in range(3):
        found = saliency.explain(hinge, pictures, target)
        for one, picture in zip(found, pictures, strict=True):
            wanted = _strength(_slopes(hinge, hinge.prepare([picture]), target)[0])
            np.testing.assert_allclose(one.map, wanted, atol=1e-5)
            assert (one.method, one.target) == ("Saliency", target)


@pytest.mark.contract
def test_smoothgrad_is_the_mean_over_noisy_copies(hinge, pictures):
    found = saliency.explain(hinge, pictures[:2], 1, samples=6, noise=0.2, seed=4)
    for one, picture in zip(found, pictures, strict=False):
        x = hinge.prepare([picture])
        noise = np.random.default_rng(4).standard_normal((6, SIZE, SIZE, 3), np.float32)
        wanted = _strength(_slopes(hinge, x + 0.2 * np.ptp(x) * noise, 1).mean(0))
        np.testing.assert_allclose(one.map, wanted, atol=1e-4)
        assert one.method == "SmoothGrad"
        assert one.source["samples"] == 6
        assert one.source["seed"] == 4


def test_a_seed_repeats_itself_and_leaves_numpys_own_state_alone(hinge, pictures):
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    first, again, other = (
        saliency.explain(hinge, pictures[:1], 1, samples=5, seed=seed)[0].map.tobytes()
        for seed in (3, 3, 4)
    )
    assert first == again != other
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="works on TensorFlow alone")
def test_tf_keras_vis_draws_the_same_map(pictures):
    from tf_keras_vis.saliency import Saliency
    from tf_keras_vis.utils.model_modifiers import ReplaceToLinear
    from tf_keras_vis.utils.scores import CategoricalScore

    inputs = keras.Input((SIZE, SIZE, 3))
    x = layers.Conv2D(6, 3, activation="relu", kernel_initializer="he_normal")(inputs)
    x = layers.GlobalMaxPooling2D()(x)
    network = keras.Model(inputs, layers.Dense(3, activation="softmax")(x))
    classifier = Classifier(network, tuple("abc"), SIZE, "tf")
    theirs = Saliency(network, ReplaceToLinear())(
        CategoricalScore(2), classifier.prepare(pictures), keepdims=True, normalize_map=False
    )
    for one, slopes in zip(saliency.explain(classifier, pictures, 2), theirs, strict=True):
        np.testing.assert_allclose(one.map, _strength(slopes), atol=1e-5)


def test_the_most_probable_class_is_taken_and_maps_have_the_pictures_sizes(hinge):
    pictures = list(np.random.default_rng(2).integers(0, 256, (6, 20, 30, 3), np.uint8))
    found = saliency.explain(hinge, pictures)
    assert [one.target for one in found] == hinge.scores(pictures).argmax(1).tolist()
    assert {one.map.shape for one in found} == {(20, 30)}
    assert all(one.map.max() == 1 and one.map.min() >= 0 for one in found)
    smooth = saliency.explain(hinge, pictures, samples=2)
    assert [one.target for one in smooth] == [one.target for one in found]


def test_a_score_that_no_pixel_changes_has_an_empty_map_and_says_why(hinge, pictures):
    hidden, out, bias = hinge.network.get_weights()
    try:
        hinge.network.set_weights([hidden, 0 * out, bias])
        found = saliency.explain(hinge, pictures[:1], 0)[0]
    finally:
        hinge.network.set_weights([hidden, out, bias])
    assert not found.map.any()
    assert "depends on no pixel" in found.note


def test_a_score_that_every_pixel_changes_alike_has_a_flat_map_and_says_why(pictures):
    pixels = keras.Input((8, 8, 3))
    x = layers.Dense(2, activation="softmax")(layers.GlobalAveragePooling2D()(pixels))
    mean = Classifier(keras.Model(pixels, x), ("a", "b"), 8, None)
    found = saliency.explain(mean, pictures[:1], 0)[0]
    assert np.ptp(found.map) < 1e-6
    assert "every pixel sways" in found.note


@pytest.mark.parametrize("samples", [0, 3])
def test_pictures_of_a_second_batch_have_their_own_targets_too(hinge, pictures, samples):
    targets = [0, 1, 2, 1, 2]
    assert len(targets) > saliency.BATCH
    found = saliency.explain(hinge, pictures, targets, samples=samples)
    for one, picture, target in zip(found, pictures, targets, strict=True):
        alone = saliency.explain(hinge, [picture], target, samples=samples)[0]
        assert one.target == target
        np.testing.assert_allclose(one.map, alone.map, atol=1e-4)
