"""The frozen baselines: heads on stored features equal whole frozen networks, own preprocessing."""

import keras
import numpy as np
import pytest

from leukocytenet import baselines, recipe
from smears.features import Features, frozen_features, weights_hash
from smears.initialisation import unit_variance
from smears.pictures import Pictures, SetEpoch, preprocess
from smears.training import trace_once

N, CLASSES = 22, 4
LABELS = np.arange(N) % CLASSES
MODULES = {
    "Xception": keras.applications.xception,
    "Inception V3": keras.applications.inception_v3,
    "MobileNet": keras.applications.mobilenet,
    "DenseNet121": keras.applications.densenet,
    "VGG19": keras.applications.vgg19,
}


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    path = tmp_path_factory.mktemp("store") / "store.npy"
    np.save(path, np.random.default_rng(0).integers(0, 256, (N, 32, 32, 3), np.uint8))
    return path


@pytest.fixture(scope="module")
def frozen(store):
    """A frozen network with random weights that the signal survives."""
    keras.utils.set_random_seed(0)
    network = baselines.backbone("MobileNet", (32, 32, 3), None)
    unit_variance(network, _pictures(store)[0][0])
    return network


def _pictures(store, **settings):
    return Pictures(
        store, np.arange(N), LABELS, classes=CLASSES, batch_size=8, preprocess="tf", **settings
    )


def _fit(model, train):
    model.compile(keras.optimizers.Adam(1e-3), "categorical_crossentropy")
    trace_once(model, train[0][1], np.zeros((8, CLASSES)))
    model.fit(train, epochs=3, callbacks=[SetEpoch(train)], shuffle=False, verbose=0)


@pytest.mark.contract
@pytest.mark.parametrize("pooling", ["flatten", "average"])
def test_a_head_on_stored_features_predicts_as_the_whole_frozen_network(
    pooling, frozen, store, tmp_path
):
    keras.utils.set_random_seed(0)
    before = frozen.get_weights()
    head = baselines.head(frozen.output_shape[1:], CLASSES, pooling)
    # The whole network with a head of its own, which starts with the same weights.
    twin = baselines.head(frozen.output_shape[1:], CLASSES, pooling)
    twin.set_weights(head.get_weights())
    whole = baselines.whole(frozen, twin)
    start = np.asarray(whole(_pictures(store)[0][0]))

    path = frozen_features(frozen, _pictures(store), tmp_path, weights_hash(frozen))
    stored = Features(path, LABELS, classes=CLASSES, batch_size=8, shuffle=True, seed=5)
    _fit(head, stored)
    _fit(whole, _pictures(store, shuffle=True, seed=5))

    pixels = preprocess(np.load(store), "tf")
    theirs = np.asarray(whole(pixels))
    assert np.allclose(baselines.whole(frozen, head)(pixels), theirs, atol=1e-4)
    assert np.allclose(head(np.load(path)), theirs, atol=1e-4)
    assert np.abs(theirs[:8] - start).max() > 0.01
    assert all(np.array_equal(a, b) for a, b in zip(before, frozen.get_weights(), strict=True))
    assert len(whole.trainable_weights) == 2


@pytest.mark.parametrize("name", baselines.BACKBONES)
def test_each_network_builds_at_its_smallest_size_and_says_so_below(name):
    side = baselines.BACKBONES[name].smallest
    network = baselines.backbone(name, (side, side, 3), None)
    assert not network.trainable_weights
    features = network(np.zeros((1, side, side, 3), np.float32))
    assert features.shape == (1, *network.output_shape[1:])
    assert all(network.output_shape[1:])
    with pytest.raises(ValueError, match=f"{name} needs at least {side} pixels"):
        baselines.backbone(name, (side - 1, side, 3), None)


@pytest.mark.parametrize("name", baselines.BACKBONES)
def test_each_network_gets_its_own_preprocessing(name):
    pixels = np.random.default_rng(1).integers(0, 256, (2, 5, 7, 3)).astype(np.float32)
    ours = preprocess(pixels.copy(), baselines.BACKBONES[name].preprocess)
    theirs = MODULES[name].preprocess_input(pixels.copy())
    assert np.allclose(ours, theirs, atol=1e-4)
    constructor = getattr(keras.applications, baselines.BACKBONES[name].constructor)
    assert constructor is getattr(MODULES[name], baselines.BACKBONES[name].constructor)


def test_the_five_networks_are_those_of_table_5():
    assert set(baselines.BACKBONES) == set(recipe.FROZEN) == set(MODULES)


def test_heads_have_the_notebooks_width():
    flat = baselines.head((7, 7, 512), 10)
    assert flat.count_params() == 25_088 * 10 + 10
    assert baselines.head((7, 7, 512), 10, "average").count_params() == 512 * 10 + 10
    with pytest.raises(ValueError, match="pooling='max': give one of flatten, average"):
        baselines.head((7, 7, 512), 10, "max")
