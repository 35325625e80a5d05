"""SDCT-AuxNet: its layers by hand, its size, its auxiliary machine and its rule."""

import keras
import numpy as np
import pytest
import scipy.fft

from cotconet import rivals
from cotconet.rivals import gehlot, svm
from cotconet.rivals.classifier import Part, Rival
from cotconet.rivals.gehlot import Gehlot, SDCTNet, Shaken, spectral_average
from cotconet.rivals.stain import (
    DCT,
    BilinearPooling,
    StainDeconvolution,
    dct_matrix,
    stain_matrix,
)


def _smear(size=96, seed=0):
    """A picture of two stains in varying amounts, with a black corner."""
    rng = np.random.default_rng(seed)
    stains = np.array([[0.65, 0.70, 0.29], [0.07, 0.99, 0.11]])
    amounts = rng.uniform(0.1, 1.2, (size, size, 2))
    picture = np.round(255 * np.exp(-amounts @ stains)).astype(np.uint8)
    picture[:4, :4] = 0
    return picture


def test_it_has_the_parameters_and_maps_that_the_authors_code_implies():
    network = SDCTNet(350)
    trained = sum(int(np.prod(w.shape)) for w in network.trainable_weights)
    assert trained == 95_371
    assert network.count_params() - trained == 480
    sides = [network.get_layer(name).output.shape[1] for name in ("conv1", "pool2", "pool3")]
    sides += [network.get_layer(name).output.shape[1] for name in ("pool4", "pool5", "map")]
    assert sides == [174, 87, 43, 21, 10, 10]
    assert network.get_layer("map").output.shape == (None, 10, 10, 64)


def test_the_dct_matrix_is_orthonormal_and_scipy_s():
    matrix = dct_matrix(350)
    assert np.allclose(matrix @ matrix.T, np.eye(350), atol=1e-5)
    assert np.allclose(matrix, scipy.fft.dct(np.eye(350), axis=0, norm="ortho"), atol=1e-6)


@pytest.mark.contract
def test_the_dct_layer_is_scipy_s_with_a_signed_logarithm():
    x = np.random.default_rng(0).normal(size=(2, 6, 5, 3)).astype(np.float32)
    plain = scipy.fft.dctn(x, axes=(1, 2), norm="ortho")
    expected = np.sign(plain) * np.log10(np.abs(plain) + 1)
    assert np.allclose(keras.ops.convert_to_numpy(DCT()(x)), expected, atol=1e-5)


@pytest.mark.contract
def test_the_stain_layer_by_hand():
    layer = StainDeconvolution(dtype="float32")
    layer.build((None, 1, 2, 3))
    matrix = np.random.default_rng(0).normal(size=(3, 3)).astype(np.float32)
    layer.set_weights([matrix])
    x = np.array([[[[255, 51, 0], [1, 2, 3]]]], np.float32)
    density = -np.log10(np.where(x > 0, x / 255, 1))
    found = keras.ops.convert_to_numpy(layer(x))
    assert np.allclose(found, np.tanh(density @ matrix), atol=1e-5)


@pytest.mark.contract
def test_bilinear_pooling_by_hand():
    x = np.random.default_rng(0).normal(size=(1, 2, 3, 4)).astype(np.float32)
    pairs = np.zeros((4, 4))
    for a in range(4):
        for b in range(4):
            pairs[a, b] = sum(x[0, i, j, a] * x[0, i, j, b] for i in range(2) for j in range(3))
    flat = pairs.ravel()
    flat = np.sign(flat) * np.sqrt(np.abs(flat) + 1e-5)
    expected = flat / np.sqrt((flat**2).sum())
    found = keras.ops.convert_to_numpy(BilinearPooling(dtype="float32")(x))
    assert np.allclose(found[0], expected, atol=1e-5)


def test_the_stain_matrix_is_macenko_s_as_plain_numpy_computes_it():
    picture = _smear()
    share = picture.reshape(-1, 3) / 255
    share = np.where(share == 0, share[share > 0].min(), share)
    density = -np.log(share).T
    stained = density[:, np.linalg.norm(density, axis=0) > 0.15]
    basis = np.linalg.svd(stained, full_matrices=False)[0]
    for column in range(3):
        if (basis[:, column] < 0).sum() > 1:
            basis[:, column] *= -1
    along = np.linalg.inv(basis) @ density
    angle = np.arctan(along[1] / along[0])
    axis = np.cross(basis[:, 0], basis[:, 1])
    for column, percentile in enumerate((99.9, 0.1)):
        turn, start = np.percentile(angle, percentile), basis[:, 0]
        # Rodrigues' formula.
        expected = (
            start * np.cos(turn) + np.cross(axis, start) * np.sin(turn)
            + axis * (axis @ start) * (1 - np.cos(turn))
        )  # fmt: skip
        assert np.allclose(stain_matrix(picture)[:, column], expected, atol=1e-9)
    assert np.allclose(stain_matrix(picture)[:, 2], basis[:, 2])


def test_the_stain_layer_starts_at_the_inverse_of_the_first_leukemic_picture(tmp_path):
    store = tmp_path / "pictures.npy"
    np.save(store, np.stack([_smear(64, 1), np.full((64, 64, 3), 99, np.uint8), _smear(64, 2)]))
    model = Gehlot(64, cache=tmp_path)
    network, _ = model.build(Part(store, np.array([0, 1, 1])))
    kernel = network.get_layer("stains").get_weights()[0]
    # The second picture, of one colour, has no two stains.
    matrix = stain_matrix(_smear(64, 2))
    pixel = matrix @ [0.3, 0.5, 0.1]
    assert np.allclose(pixel @ kernel, [0.3, 0.5, 0.1], atol=1e-5)
    with pytest.raises(rivals.Unsuited, match="no positive training picture has two stains"):
        model.build(Part(store, np.array([0, 1, 0])))


def test_the_spectral_average_is_over_channels_and_the_legacy_one_mixes_places():
    maps = np.arange(2 * 2 * 3, dtype=float).reshape(1, 2, 2, 3)
    assert spectral_average(maps).tolist() == [[1, 4, 7, 10]]
    # Channels first: 0 3 6 9, 1 4 7 10, 2 5 8 11, cut into threes.
    assert spectral_average(maps, legacy=True).tolist() == [[3, 14 / 3, 19 / 3, 8]]


def test_the_crop_is_the_middle_of_the_resized_picture():
    picture = np.zeros((450, 450, 3), np.uint8)
    picture[50:400, 50:400] = 255
    assert (Gehlot(350).view(picture) == 255).all()
    assert Gehlot(64).view(picture).shape == (64, 64, 3)


def test_augmentation_is_a_function_of_its_generator_and_keeps_the_format():
    picture, change = _smear(64), Shaken()
    drawn = [change.draw(np.random.default_rng(n)) for n in range(200)]
    assert drawn[3] == change.draw(np.random.default_rng(3))
    assert 0.4 < np.mean([shear != 0 for _, shear, _, _ in drawn]) < 0.6
    assert 0.12 < np.mean([sigma > 0 for _, _, sigma, _ in drawn]) < 0.28
    assert max(abs(shear) for _, shear, _, _ in drawn) <= 20
    assert max(sigma for _, _, sigma, _ in drawn) <= 0.75
    made = change.apply(picture, drawn[0])
    assert made.shape == picture.shape
    assert made.dtype == np.uint8


def test_the_rate_falls_to_a_tenth_after_epochs_70_105_and_115():
    optimizer = Gehlot().optimizer(steps=10)
    rate = optimizer._learning_rate
    assert [float(rate(epoch * 10 + 1)) for epoch in (0, 69, 70, 105, 115)] == pytest.approx(
        [1e-3, 1e-3, 1e-4, 1e-5, 1e-6]
    )
    assert optimizer.momentum == 0.9


def test_a_machine_of_arrays_decides_as_scikit_learn_s():
    from sklearn.svm import SVC

    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(60, 5)), rng.integers(0, 2, 60)
    for gamma in (100, "scale"):
        theirs = SVC(C=10, gamma=gamma).fit(x, y)
        ours = svm.decide(svm.fit(x, y, 10, gamma), x, rows=7)
        assert np.allclose(ours, theirs.decision_function(x), atol=1e-9)


def test_the_machine_overrules_the_network_only_where_it_is_unsure(monkeypatch):
    model = Gehlot(64)
    model.arrays_ = {"machine": 1}
    monkeypatch.setattr(Gehlot, "_seen", lambda self, part: (np.array([0.95, 0.8, 0.3, 0.9]), 0))
    monkeypatch.setattr(svm, "decide", lambda arrays, x: np.array([-1.0, -1.0, -1.0, -1.0]))
    assert model.scores(None).tolist() == pytest.approx([0.95, 0.2, 0.3, 0.1])
    model.arrays_ = {}
    assert model.scores(None).tolist() == [0.95, 0.8, 0.3, 0.9]


@pytest.mark.slow
@pytest.mark.contract
def test_it_learns_and_a_loaded_one_predicts_the_same(tmp_path, monkeypatch):
    pictures = [_smear(90, n) for n in range(16)]
    for picture in pictures[1::2]:
        picture[:] = 255 - (255 - picture) // 4
    labels = np.array(["ALL", "normal"] * 8)
    # Half as many epochs are too few from one start in three: the rate falls too soon.
    model = Gehlot(64, epochs=80, batch_size=4, learning_rate=3e-3, positive="ALL")
    model.fit(pictures, labels, validation=(pictures, labels))
    assert (model.predict(pictures) == labels).mean() >= 0.9
    assert model.facts_["auxiliary_trained_on"] >= 14
    assert model.arrays_["weights"].size > 0
    model.save(tmp_path)
    again = rivals.load(tmp_path)
    assert np.allclose(again.predict_proba(pictures), model.predict_proba(pictures), atol=1e-5)
    monkeypatch.setattr(keras, "Model", None)  # nothing is traced anew
    for known in (model, again):
        known.predict_proba(pictures[:3])
    assert gehlot.C == 10


def test_the_network_is_stains_cosines_convolutions_and_bilinear_pooling_all_decayed():
    network = SDCTNet(64)
    kinds = [type(layer).__name__ for layer in network.layers]
    assert kinds[1:3] == ["StainDeconvolution", "DCT"]
    assert kinds[-3:] == ["BilinearPooling", "Dense", "Activation"]
    assert len(network.losses) == len(network.trainable_weights)


def test_the_smaller_class_is_drawn_to_parity():
    codes = np.array([0, 1, 1, 1, 1])
    assert np.bincount(codes[Gehlot().rows(codes)]).tolist() == [4, 4]


def test_the_machine_learns_from_what_the_network_gets_right(monkeypatch):
    features = np.arange(8.0).reshape(4, 2)
    seen = np.array([0.9, 0.2, 0.6, 0.4]), features
    monkeypatch.setattr(Rival, "learn", lambda *_: None)
    monkeypatch.setattr(Gehlot, "_seen", lambda self, part: seen)
    monkeypatch.setattr(gehlot, "_answer_and_map", lambda network: None)
    monkeypatch.setattr(svm, "fit", lambda *given: given)
    model = Gehlot(64)
    model.facts_, model.arrays_, model.network_ = {}, {}, None
    model.learn(Part("", np.array([1, 0, 0, 1])), None)
    x, codes, penalty, gamma = model.arrays_
    assert x.tolist() == features[:2].tolist()
    assert codes.tolist() == [1, 0]
    assert (penalty, gamma) == (10, 100)
    assert model.facts_["auxiliary_trained_on"] == 2
