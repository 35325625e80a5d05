"""Grad-CAM's maps are those of the paper's equations, whatever form the network has."""

import keras
import numpy as np
import pytest
from keras import layers

from smears import backend
from smears.classifier import Classifier
from smears.explain import Explanation, gradcam, gradients
from smears.explain.overlay import fit, overlay

SIZE = 24
CLASSES = np.array([[1, -1, 0, 1], [-1, 1, 1, 0], [0, 1, -1, 1], [1, 0, 1, -1], [1, 1, -1, 0]]) / 9


def _base(x):
    x = layers.Conv2D(6, 3, activation="relu", name="first", kernel_initializer="he_normal")(x)
    x = layers.MaxPooling2D(name="pool")(x)
    return layers.Conv2D(5, 3, activation="relu", name="second", kernel_initializer="he_normal")(x)


def _flat():
    inputs = keras.Input((SIZE, SIZE, 3))
    x = layers.Rescaling(1 / 255, name="scale")(inputs)
    x = layers.GlobalAveragePooling2D(name="mean")(_base(x))
    return keras.Model(inputs, layers.Dense(4, activation="softmax", name="out")(x))


def _nested():
    """The same network, its base a model inside it and its head a Sequential one."""
    inner = keras.Input((SIZE, SIZE, 3))
    base = keras.Model(inner, _base(inner), name="base")
    head = keras.Sequential(
        [layers.GlobalAveragePooling2D(), layers.Dense(4, activation="softmax", name="out")]
    )
    inputs = keras.Input((SIZE, SIZE, 3))
    return keras.Model(inputs, head(base(layers.Rescaling(1 / 255)(inputs), training=False)))


def _fused():
    """Two branches on one map, one of them with tokens, as LeukocyteNet has."""
    inputs = keras.Input((SIZE, SIZE, 3))
    shared = _base(layers.Rescaling(1 / 255)(inputs))
    tokens = 2 * layers.Reshape((-1, 5))(shared)  # an operation that is no layer
    tokens = layers.Dense(7, name="tokens")(tokens)
    branches = [layers.GlobalAveragePooling1D()(tokens), layers.GlobalAveragePooling2D()(shared)]
    joined = layers.Concatenate()(branches)
    return keras.Model(inputs, layers.Dense(4, activation="softmax", name="out")(joined))


def _classifier(network):
    return Classifier(network, tuple("abcd"), SIZE, None)


@pytest.fixture(scope="module")
def pictures():
    return list(np.random.default_rng(0).integers(0, 256, (3, SIZE, SIZE, 3), np.uint8))


@pytest.fixture(scope="module")
def flat():
    network = _flat()
    rng = np.random.default_rng(1)
    for layer in ("first", "second"):
        kernel, bias = network.get_layer(layer).get_weights()
        network.get_layer(layer).set_weights([rng.normal(0, 0.3, kernel.shape), bias])
    # Every class has channels that speak for it and others that speak against it.
    network.get_layer("out").set_weights([CLASSES, np.zeros(4)])
    return network


def _values(network, name, pictures):
    layer = keras.Model(network.input, network.get_layer(name).output)
    return np.asarray(layer(np.stack(pictures).astype(np.float32)))


def _expected(maps, kernel, pictures, target):
    """Equations 1 and 2 where only a mean and a dense layer follow: slopes are the kernel's."""
    sums = np.maximum(np.einsum("nhwc,c->nhw", maps, kernel[:, target]), 0)
    assert sums.any(axis=(1, 2)).all()
    return [fit(heat, picture) for heat, picture in zip(sums, pictures, strict=True)]


@pytest.mark.contract
def test_the_map_is_the_sum_of_channels_weighted_by_their_mean_slopes(flat, pictures):
    maps = _values(flat, "second", pictures)
    kernel = flat.get_layer("out").get_weights()[0]
    for target in range(4):
        found = gradcam.explain(_classifier(flat), pictures, target)
        for one, wanted in zip(found, _expected(maps, kernel, pictures, target), strict=True):
            np.testing.assert_allclose(one.map, wanted, atol=1e-5)
            assert one.target == target
            assert one.source == {"layer": "second", "grid": [9, 9]}


@pytest.mark.contract
def test_a_map_of_tokens_is_folded_and_takes_only_its_own_branch(pictures):
    keras.utils.set_random_seed(2)
    network = _fused()
    tokens = network.get_layer("tokens")
    tokens.set_weights([np.abs(weight) for weight in tokens.get_weights()])
    network.get_layer("out").set_weights([np.tile(CLASSES, (3, 1))[:12], np.zeros(4)])
    tokens = _values(network, "tokens", pictures).reshape(3, 9, 9, 7)
    kernel = network.get_layer("out").get_weights()[0]
    found = gradcam.explain(_classifier(network), pictures, 2, layer="tokens")
    for one, wanted in zip(found, _expected(tokens, kernel[:7], pictures, 2), strict=True):
        np.testing.assert_allclose(one.map, wanted, atol=1e-5)
    last = gradcam.explain(_classifier(network), pictures, 2)[0]
    assert last.source["layer"] == "second"
    assert np.abs(last.map - found[0].map).max() > 0.1


@pytest.mark.contract
@pytest.mark.parametrize("layer", [None, "first"])
def test_a_nested_network_has_the_maps_of_the_flat_one(flat, pictures, layer):
    nested = _nested()
    nested.set_weights(flat.get_weights())
    wanted = gradcam.explain(_classifier(flat), pictures, layer=layer)
    found = gradcam.explain(_classifier(nested), pictures, layer=layer)
    for one, other in zip(found, wanted, strict=True):
        np.testing.assert_allclose(one.map, other.map, atol=1e-6)
        assert (one.source, one.target) == (other.source, other.target)


def test_a_nested_network_of_several_outputs_is_refused_by_its_name():
    inner = keras.Input((SIZE, SIZE, 3))
    first = layers.Conv2D(3, 3)(inner)
    base = keras.Model(inner, [first, layers.Conv2D(3, 3)(first)], name="pyramid")
    inputs = keras.Input((SIZE, SIZE, 3))
    joined = [layers.GlobalAveragePooling2D()(map) for map in base(inputs)]
    network = keras.Model(inputs, layers.Dense(4)(layers.Concatenate()(joined)))
    with pytest.raises(ValueError, match="'pyramid' inside this network has 2 outputs"):
        gradients.scores(network, SIZE)


@pytest.mark.contract
def test_mixed_precision_is_explained_in_float32(flat, pictures):
    with backend.policy("mixed_bfloat16"):
        mixed = _flat()
    mixed.set_weights(flat.get_weights())
    wanted = gradcam.explain(_classifier(flat), pictures, 1)
    for one, other in zip(gradcam.explain(_classifier(mixed), pictures, 1), wanted, strict=True):
        np.testing.assert_array_equal(one.map, other.map)
    assert mixed.get_layer("first").compute_dtype == "bfloat16"
    assert keras.config.dtype_policy().name == "float32"


@pytest.mark.contract
def test_scores_are_taken_before_softmax_which_hides_slopes_of_sure_answers(flat, pictures):
    sure = _flat()
    weights = flat.get_weights()
    sure.set_weights([*weights[:-2], 4000 * weights[-2], weights[-1]])
    assert _classifier(sure).scores(pictures)[:, 3].max() == 0
    wanted = gradcam.explain(_classifier(flat), pictures, 3)
    for one, other in zip(gradcam.explain(_classifier(sure), pictures, 3), wanted, strict=True):
        np.testing.assert_allclose(one.map, other.map, atol=1e-5)


@pytest.mark.contract
def test_a_centred_score_is_blind_to_a_shift_that_empties_the_bare_one(flat, pictures):
    shifted = _flat()
    weights = flat.get_weights()
    # What softmax cannot see: the same is taken from every class's weights.
    shifted.set_weights([*weights[:-2], weights[-2] - 1, weights[-1]])
    np.testing.assert_allclose(
        _classifier(shifted).scores(pictures), _classifier(flat).scores(pictures), atol=1e-6
    )
    bare = gradcam.explain(_classifier(shifted), pictures, 2)
    assert all("speaks for the class" in one.note and not one.map.any() for one in bare)
    kernel = weights[-2] - weights[-2].mean(1, keepdims=True)
    wanted = _expected(_values(flat, "second", pictures), kernel, pictures, 2)
    for network in (flat, shifted):
        found = gradcam.explain(_classifier(network), pictures, 2, centred=True)
        for one, map_ in zip(found, wanted, strict=True):
            np.testing.assert_allclose(one.map, map_, atol=1e-4)
            assert one.source["score"] == "less the mean of all classes"


def _softmax_cast(x):
    # As networks of mixed precision end.
    return layers.Activation("linear", dtype="float32")(layers.Activation("softmax")(x))


def _softmax_cast_inside(x):
    ends = [layers.Softmax(), layers.Identity(), layers.Activation("linear", dtype="float32")]
    return keras.Sequential(ends)(x)


@pytest.mark.parametrize(
    "last",
    [
        layers.Activation("softmax"), layers.Softmax(), keras.ops.softmax, _softmax_cast,
        _softmax_cast_inside,
    ],
)  # fmt: skip
def test_a_softmax_that_is_a_layer_of_its_own_is_left_out_too(flat, last):
    inputs = keras.Input((SIZE, SIZE, 3))
    x = layers.GlobalAveragePooling2D()(_base(inputs))
    network = keras.Model(inputs, last(layers.Dense(4)(x)))
    answers = np.asarray(gradients.scores(network, SIZE).model(np.ones((1, SIZE, SIZE, 3))))
    assert abs(answers.sum() - 1) > 0.05
    np.testing.assert_allclose(
        np.exp(answers) / np.exp(answers).sum(), network(np.ones((1, SIZE, SIZE, 3))), atol=1e-6
    )


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="works on TensorFlow alone")
def test_tf_keras_vis_draws_the_same_map(flat, pictures):
    from tf_keras_vis.gradcam import Gradcam
    from tf_keras_vis.utils.model_modifiers import ReplaceToLinear
    from tf_keras_vis.utils.scores import CategoricalScore

    for layer in ("first", "second"):
        # Not expanded and not normalised: its own enlarging is another one.
        theirs = Gradcam(flat, ReplaceToLinear())(
            CategoricalScore(2), np.stack(pictures).astype(np.float32), penultimate_layer=layer,
            seek_penultimate_conv_layer=False, expand_cam=False, normalize_cam=False,
        )  # fmt: skip
        found = gradcam.explain(_classifier(flat), pictures, 2, layer=layer)
        for one, cam, picture in zip(found, theirs, pictures, strict=True):
            np.testing.assert_allclose(one.map, fit(np.maximum(cam, 0), picture), atol=1e-5)


def test_two_layers_have_two_maps_and_each_says_which(flat, pictures):
    first, second = (
        gradcam.explain(_classifier(flat), pictures, 0, layer=layer)[0]
        for layer in ("first", "second")
    )
    assert (first.source["layer"], second.source["layer"]) == ("first", "second")
    assert first.source["grid"] == [22, 22]
    assert np.abs(first.map - second.map).max() > 0.1


def test_each_picture_has_its_own_target_and_size(flat, pictures):
    wide = np.random.default_rng(1).integers(0, 256, (30, 50, 3), np.uint8)
    classifier = _classifier(flat)
    found = gradcam.explain(classifier, [pictures[0], wide], [3, 1])
    assert [one.target for one in found] == [3, 1]
    assert found[1].note == ""
    assert found[1].map.shape == (30, 50)
    assert found[1].map.dtype == np.float32
    assert found[1].map.min() >= 0
    assert found[1].map.max() == 1
    most = classifier.scores(pictures).argmax(1)
    assert [one.target for one in gradcam.explain(classifier, pictures)] == most.tolist()
    assert gradcam.explain(classifier, []) == []
    with pytest.raises(ValueError, match="classes are 0 to 3"):
        gradcam.explain(classifier, pictures, 4)


def test_new_weights_are_seen_and_the_network_stays_as_it_was(pictures):
    network = _flat()
    network.compile("adam", "categorical_crossentropy")
    before = network.get_weights()
    old = gradcam.explain(_classifier(network), pictures, 0)[0].map
    for one, other in zip(network.get_weights(), before, strict=True):
        np.testing.assert_array_equal(one, other)
    kernel, bias = network.get_layer("out").get_weights()
    network.get_layer("out").set_weights([-kernel, bias])
    assert np.abs(gradcam.explain(_classifier(network), pictures, 0)[0].map - old).max() > 0.1


def test_weights_are_taken_over_without_numpy_and_stay_when_the_network_trains_on(monkeypatch):
    network = _flat()
    network.compile("sgd", "categorical_crossentropy")
    x = np.random.default_rng(0).random((4, SIZE, SIZE, 3), np.float32)
    with monkeypatch.context() as patch:
        patch.setattr(keras.layers.Layer, "get_weights", lambda layer: pytest.fail("NumPy"))
        ready = gradients.scores(network, SIZE)
    before = np.asarray(ready.model(x))
    network.fit(x, np.eye(before.shape[1])[[0, 1, 2, 0]], verbose=0)
    np.testing.assert_array_equal(ready.model(x), before)


@pytest.mark.parametrize(
    ("kernel", "note"),
    [
        (-1, "nothing in second speaks for the class"),
        (0, "the class's score does not depend on second"),
        (np.nan, "no finite number"),
    ],
)
def test_a_map_of_zeros_says_why(flat, pictures, kernel, note):
    network = _flat()
    old = flat.get_weights()
    network.set_weights([*old[:-2], np.full_like(old[-2], kernel), old[-1]])
    found = gradcam.explain(_classifier(network), pictures, 1)[0]
    assert note in found.note
    assert not found.map.any()


def test_a_map_that_is_the_same_everywhere_says_so(flat):
    found = gradcam.explain(_classifier(flat), [np.full((SIZE, SIZE, 3), 128, np.uint8)])[0]
    assert "everywhere alike" in found.note
    np.testing.assert_allclose(found.map, 1, atol=1e-5)


def test_a_layer_without_a_map_is_refused_with_the_names_of_those_that_have_one(flat, pictures):
    with pytest.raises(ValueError, match="is no map"):
        gradcam.explain(_classifier(flat), pictures, layer="mean")
    with pytest.raises(ValueError, match="layers with a map are scale, first, pool, second"):
        gradcam.explain(_classifier(flat), pictures, layer="block5_conv4")


def test_scaled_pixels_are_no_map_and_a_transformer_has_its_tokens():
    from leukocytenet.model import SwinOnly

    network = SwinOnly((64, 64, 3), 4, patch_size=8)
    assert gradients.scores(network, 64).spatial() == "patch_merging"
    plain = keras.Sequential([keras.Input((8, 8, 3)), layers.Flatten(), layers.Dense(2)])
    with pytest.raises(ValueError, match="No layer of this network has a map"):
        gradients.scores(plain, 8).spatial()


@pytest.mark.slow
@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="works on TensorFlow alone")
def test_leukocytenets_branches_agree_with_a_tape_of_six_lines():
    import tensorflow as tf

    from leukocytenet.model import LeukocyteNet

    keras.utils.set_random_seed(3)
    network = LeukocyteNet((64, 64, 3), 4, weights=None)
    classifier = Classifier(network, tuple("abcd"), 64, "caffe")
    shown = list(np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3), np.uint8))
    assert gradients.scores(network, 64).spatial() == "block5_conv4"
    head = network.get_layer("probabilities")
    for name, side in (("block5_conv4", 4), ("swin_tokens", 2)):
        outputs = [network.get_layer(name).output, head.input]
        with tf.GradientTape() as tape:
            maps, joined = keras.Model(network.input, outputs)(classifier.prepare(shown))
            score = tf.linalg.matmul(joined, head.kernel)[:, 1]
        slopes = tf.reshape(tape.gradient(score, maps), (2, side * side, -1))
        cam = tf.reduce_sum(
            tf.reduce_mean(slopes, 1, keepdims=True) * tf.reshape(maps, slopes.shape), -1
        )
        found = gradcam.explain(classifier, shown, 1, layer=name)
        for one, plain, picture in zip(found, np.maximum(cam, 0), shown, strict=True):
            np.testing.assert_allclose(one.map, fit(plain.reshape(side, side), picture), atol=1e-4)


def test_an_overlay_is_bluest_where_nothing_matters_and_yellow_where_most_does():
    heat = np.linspace(0, 1, 100, dtype=np.float32).reshape(10, 10)
    picture = np.full((10, 10, 3), 200, np.uint8)
    laid = overlay(picture, Explanation(heat, 0, "x"), opacity=1.0).astype(int)
    assert laid[0, 0, 2] > laid[0, 0, 0]
    assert laid[-1, -1, 0] > 240
    assert laid[-1, -1, 2] < 60
    np.testing.assert_array_equal(overlay(picture, Explanation(heat, 0, "x"), 0.0), picture)
    assert overlay(picture, Explanation(0 * heat, 0, "x")).dtype == np.uint8
    with pytest.raises(ValueError, match="sizes must agree"):
        overlay(picture[:5], Explanation(heat, 0, "x"))


def test_pictures_of_a_second_batch_have_their_own_targets_too(flat):
    count = gradcam.BATCH + 2
    shown = list(np.random.default_rng(4).integers(0, 256, (count, SIZE, SIZE, 3), np.uint8))
    targets = [number % 3 for number in range(count)]
    found = gradcam.explain(_classifier(flat), shown, targets)
    assert [one.target for one in found] == targets
    alone = gradcam.explain(_classifier(flat), shown[-1:], targets[-1:])[0]
    np.testing.assert_allclose(found[-1].map, alone.map, atol=1e-5)
