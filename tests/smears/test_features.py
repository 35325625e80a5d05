"""Stored features: trained on as with the whole frozen network, and each picture seen once."""

import keras
import numpy as np
import pytest

from smears.augmentation import Augmenter
from smears.features import Features, frozen_features, weights_hash
from smears.pictures import Pictures, SetEpoch
from smears.training import trace_once

N, CLASSES = 22, 3
LABELS = np.arange(N) % CLASSES


@pytest.fixture
def store(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (N, 16, 16, 3), np.uint8)
    np.save(tmp_path / "store.npy", pixels)
    return tmp_path / "store.npy"


def _pictures(store, **settings):
    settings = {"preprocess": "tf", "batch_size": 8, **settings}
    return Pictures(store, np.arange(N), LABELS, classes=CLASSES, **settings)


def _backbone():
    """A small network with a layer whose frozen and training modes differ."""
    keras.utils.set_random_seed(1)
    backbone = keras.Sequential(
        [
            keras.Input((16, 16, 3)),
            keras.layers.Conv2D(6, 3, activation="relu"),
            keras.layers.BatchNormalization(),
            keras.layers.MaxPooling2D(),
        ]
    )
    rng = np.random.default_rng(2)
    moments = backbone.layers[1]
    moments.set_weights([rng.uniform(0.5, 1.5, w.shape) for w in moments.get_weights()])
    backbone.trainable = False
    return backbone


def _head(shape):
    keras.utils.set_random_seed(3)
    return keras.Sequential(
        [
            keras.Input(shape),
            keras.layers.Flatten(),
            keras.layers.Dense(CLASSES, activation="softmax"),
        ]
    )


def _fit(model, train):
    model.compile(keras.optimizers.Adam(0.01), "categorical_crossentropy")
    trace_once(model, train[0][1], np.zeros((8, CLASSES)))
    model.fit(train, epochs=3, callbacks=[SetEpoch(train)], shuffle=False, verbose=0)


@pytest.mark.contract
def test_a_head_on_stored_features_predicts_as_the_whole_frozen_model(store, tmp_path):
    backbone = _backbone()
    whole = keras.Sequential([keras.Input((16, 16, 3)), backbone, _head((7, 7, 6))])
    before = weights_hash(whole)
    _fit(whole, _pictures(store, shuffle=True, seed=5))

    path = frozen_features(backbone, _pictures(store), tmp_path, weights_hash(backbone))
    train = Features(path, LABELS, classes=CLASSES, batch_size=8, shuffle=True, seed=5)
    head = _head((7, 7, 6))
    _fit(head, train)

    pixels = np.concatenate([x for x, _ in (_pictures(store)[i] for i in range(3))])
    expected = np.asarray(whole(pixels))
    assert np.abs(head(np.load(path)) - expected).max() < 1e-5
    assert weights_hash(whole) != before
    assert expected.max() > 0.5


@pytest.mark.contract
def test_features_are_the_models_inference_outputs_in_the_pictures_order(store, tmp_path):
    backbone = _backbone()
    path = frozen_features(backbone, _pictures(store), tmp_path, "tiny")
    held = np.load(path)
    assert held.dtype == np.float32
    assert held.shape == (N, 7, 7, 6)
    pixels = np.concatenate([x for x, _ in (_pictures(store)[i] for i in range(3))])
    expected = keras.ops.convert_to_numpy(backbone(pixels, training=False))
    assert np.allclose(held, expected, atol=1e-5)


def _count_calls(model, monkeypatch):
    shapes, predict = [], model.predict_on_batch

    def counted(x):
        shapes.append(x.shape)
        return predict(x)

    monkeypatch.setattr(model, "predict_on_batch", counted)
    return shapes


def test_each_picture_is_seen_once_in_batches_of_one_shape(store, tmp_path, monkeypatch):
    backbone = _backbone()
    shapes = _count_calls(backbone, monkeypatch)
    path = frozen_features(backbone, _pictures(store), tmp_path, "tiny")
    assert shapes == [(8, 16, 16, 3)] * 3
    assert frozen_features(backbone, _pictures(store), tmp_path, "tiny") == path
    assert len(shapes) == 3


def test_other_networks_and_other_pictures_get_their_own_file(store, tmp_path):
    backbone = _backbone()
    augmented = _pictures(store, augmenter=Augmenter(30), copies=LABELS, augment="once")
    paths = {
        frozen_features(backbone, _pictures(store), tmp_path, "tiny"),
        frozen_features(backbone, _pictures(store), tmp_path, "other"),
        frozen_features(backbone, _pictures(store, preprocess="torch"), tmp_path, "tiny"),
        frozen_features(backbone, augmented, tmp_path, "tiny"),
    }
    assert len(paths) == 4


def test_a_computation_that_was_cut_off_goes_on(store, tmp_path, monkeypatch):
    backbone = _backbone()
    calls = []

    def killed(x):
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return np.zeros((8, 7, 7, 6))

    monkeypatch.setattr(backbone, "predict_on_batch", killed)
    with pytest.raises(KeyboardInterrupt):
        frozen_features(backbone, _pictures(store), tmp_path / "cache", "tiny")
    assert not list((tmp_path / "cache").glob("*.npy"))
    rest = _backbone().predict_on_batch
    monkeypatch.setattr(backbone, "predict_on_batch", lambda x: calls.append(1) or rest(x))
    found = np.load(frozen_features(backbone, _pictures(store), tmp_path / "cache", "tiny"))
    pictures = _pictures(store)
    assert len(calls) == 1 + len(pictures)
    assert not found[:8].any()
    assert found[8:].any()


@pytest.mark.parametrize("wrong", [{"shuffle": True}, {"augmenter": Augmenter(30)}])
def test_pictures_that_change_by_epoch_are_refused(wrong, store, tmp_path):
    with pytest.raises(ValueError, match="pictures that stay"):
        frozen_features(_backbone(), _pictures(store, **wrong), tmp_path, "tiny")


def test_batches_of_features_come_in_the_order_of_the_pictures(store, tmp_path):
    marks = np.arange(N, dtype=np.float32)[:, None]
    np.save(tmp_path / "marks.npy", marks)
    pictures = _pictures(store, shuffle=True, seed=4, preprocess=None)
    stored = Features(
        tmp_path / "marks.npy", LABELS, classes=CLASSES, batch_size=8, shuffle=True, seed=4
    )
    pixels = np.load(store).astype(np.float32)
    for epoch in (0, 2):
        pictures.epoch = stored.epoch = epoch
        for i in range(len(pictures)):
            (x, y), (mark, target) = pictures[i], stored[i]
            assert np.array_equal(pixels[mark[:, 0].astype(int)], x)
            assert np.array_equal(target, y)


def test_labels_that_do_not_fit_the_file_are_refused(tmp_path):
    np.save(tmp_path / "features.npy", np.zeros((5, 2), np.float32))
    with pytest.raises(ValueError, match="holds 5 pictures"):
        Features(tmp_path / "features.npy", [0, 1], classes=2, batch_size=2)


def test_the_hash_of_weights_changes_with_any_value():
    backbone = _backbone()
    before = weights_hash(backbone)
    assert before == weights_hash(_backbone())
    weights = backbone.get_weights()
    weights[0][0, 0, 0, 0] += 1e-3
    backbone.set_weights(weights)
    assert weights_hash(backbone) != before


def test_chosen_rows_may_come_often():
    source = np.arange(8, dtype=np.float32).reshape(4, 2)
    some = Features(source, [1, 0, 1], rows=[3, 0, 3], classes=2, batch_size=2)
    assert some[0][0].tolist() == [[6, 7], [0, 1]]
    assert some[1][0].tolist() == [[6, 7]]
    assert some[0][1].tolist() == [[0, 1], [1, 0]]
    with pytest.raises(ValueError, match="holds 1 pictures, but there are 3 labels"):
        Features(source, [1, 0, 1], rows=[2], classes=2, batch_size=2)
