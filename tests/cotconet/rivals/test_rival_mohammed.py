"""DenseNet-201, GRU, BiLSTM and SVM: its parts, and training on a stand-in of the backbone."""

import keras
import numpy as np
import pytest

from cotconet import rivals
from cotconet.rivals import pretrained, svm
from cotconet.rivals.classifier import Part
from cotconet.rivals.mohammed import Mohammed, recurrent


def test_the_recurrent_part_has_the_parameters_of_its_layers():
    network = recurrent(49, 1920)
    counts = [network.get_layer(name).count_params() for name in ("gru", "bilstm", "logits")]
    assert counts == [787_200, 263_168, 514]


@pytest.mark.slow
def test_the_whole_has_19_million_parameters_and_49_steps_at_224_pixels():
    network, kind = pretrained.densenet("DenseNet201", 224, None)
    assert network.count_params() == 18_321_984
    assert network.output_shape == (None, 7, 7, 1920)
    assert network.count_params() + recurrent(49, 1920).count_params() == 19_372_866
    assert kind == "random"


def test_the_sequence_is_the_map_row_by_row_or_its_average_as_one_step(
    tiny_densenet, cells, tmp_path
):
    store = tmp_path / "pictures.npy"
    np.save(store, cells[0][0])
    shown = np.random.default_rng(0).normal(size=(1, 32, 32, 3)).astype(np.float32)
    found = {}
    for kind in ("map", "pooled"):
        network, _ = Mohammed(32, sequence=kind)._frozen(Part(store, cells[0][1]))
        found[kind] = network.predict_on_batch(shown)[0]
        last = keras.Model(network.input, network.layers[2].output).predict_on_batch(shown)[0]
    assert found["map"].shape == (16, 8)
    assert found["pooled"].shape == (1, 8)
    assert np.allclose(found["pooled"][0], last.mean((0, 1)), atol=1e-6)


@pytest.mark.slow
@pytest.mark.contract
def test_it_knows_a_batch_by_heart_and_a_loaded_one_predicts_the_same(
    tiny_densenet, cells, tmp_path, monkeypatch
):
    pictures, labels = cells[0][0][:12], cells[0][1][:12]
    model = Mohammed(
        32, epochs=15, batch_size=8, learning_rate=5e-3, weights=None, cache=tmp_path / "cache"
    )
    fewer = [*range(8), 9, 11]  # six "b", four "a"
    model.fit(pictures[fewer], labels[fewer], validation=(pictures, labels))
    assert (model.predict(pictures) == labels).mean() >= 0.9
    assert model.facts_["C"] in (1, 10, 100)
    assert model.facts_["weights"] == "DenseNet201: None"
    model.save(tmp_path / "saved")
    again = rivals.load(tmp_path / "saved")
    assert np.allclose(again.predict_proba(pictures), model.predict_proba(pictures), atol=1e-5)
    assert set(again.arrays_) == {"vectors", "weights", "offset", "gamma"}
    with monkeypatch.context() as patched:
        # What predictions need is made once: no graph is traced anew, no weights are read again.
        patched.setattr(keras, "Model", None)
        patched.setattr("smears.features.weights_hash", None)
        for known in (model, again):
            known.predict_proba(pictures[:3])
    model.head = "softmax"  # the network's own answer
    assert (model.predict(pictures) == labels).mean() >= 0.9
    assert not np.allclose(model.predict_proba(pictures), again.predict_proba(pictures))


def test_unknown_heads_are_refused(tiny_densenet, cells, tmp_path):
    with pytest.raises(ValueError, match="head='tree'"):
        Mohammed(32, head="tree", cache=tmp_path).fit(*cells[0], validation=cells[1])


def test_the_penalty_is_the_least_of_those_that_validation_pictures_like_best(monkeypatch):
    train, held = Part("train", np.array([0, 1, 1])), Part("held", np.array([0, 1]))
    answers = {1: [-1, -1], 10: [-1, 1], 100: [-1, 1]}
    fitted = []

    def fit(x, codes, penalty, gamma):
        fitted.append((x.max(), np.bincount(codes).tolist(), gamma))
        return {"C": penalty}

    def decide(arrays, x):
        assert x.min() == 1
        return np.array(answers[arrays["C"]])

    monkeypatch.setattr(svm, "fit", fit)
    monkeypatch.setattr(svm, "decide", decide)
    # Features tell the part: 0 of training, 1 of validation.
    described = {"train": np.zeros((3, 1)), "held": np.ones((2, 1))}
    monkeypatch.setattr(Mohammed, "_described", lambda self, part: described[part.store])
    model = Mohammed(32)
    model.facts_, model.arrays_ = {}, {}
    model._learn_machine(train, held)
    assert model.facts_ == {"C": 10, "validation_accuracy": 1.0}
    assert model.arrays_ == {"C": 10}
    assert fitted == [(0, [2, 2], "scale")] * 3


def test_a_repeated_row_is_its_picture_s_sequence(tiny_densenet, cells, tmp_path):
    model = Mohammed(32, weights=None, cache=tmp_path)
    model._open()
    np.save(tmp_path / "pictures.npy", cells[0][0][:4])
    part = Part(tmp_path / "pictures.npy", np.array([0, 1, 0, 1]))
    model._take(model._frozen(part)[0])
    plain, _ = model.pictures(part)[0]
    x, y = model.pictures(part, rows=np.array([3, 3, 0]))[0]
    assert np.array_equal(x, plain[[3, 3, 0]])
    assert y.argmax(1).tolist() == [1, 1, 0]
