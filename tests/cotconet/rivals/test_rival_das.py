"""ResNet-18 with an orthogonal softmax layer: its size, its mask, its rates, its weights files."""

import re

import keras
import numpy as np
import pytest

from cotconet import rivals
from cotconet.rivals import das
from cotconet.rivals.das import Das, OrthogonalSoftmax, TwoRates, resnet18, with_head


@pytest.fixture(scope="module")
def backbone():
    return resnet18(32)


@pytest.fixture
def tiny(monkeypatch):
    def build(size):
        pixels = keras.Input((size, size, 3))
        x = keras.layers.Conv2D(8, 3, strides=4, padding="same", activation="relu")(pixels)
        return keras.Model(pixels, x, name="tiny")

    monkeypatch.setattr(das, "resnet18", build)


def test_it_has_the_parameters_that_its_parts_imply(backbone):
    assert backbone.count_params() == 11_186_112
    assert with_head(backbone).count_params() == 11_317_954


@pytest.mark.contract
def test_the_layer_is_a_dense_one_under_a_mask_of_consecutive_inputs():
    layer = OrthogonalSoftmax(3)
    x = np.random.default_rng(0).normal(size=(4, 8)).astype(np.float32)
    found = keras.ops.convert_to_numpy(layer(x))
    kernel, bias = layer.get_weights()
    mask = np.zeros((8, 3))
    mask[0:2, 0] = mask[2:4, 1] = mask[4:8, 2] = 1  # the last class has the remainder too
    assert np.array_equal(layer.mask, mask)
    assert np.allclose(found, x @ (kernel * mask) + bias, atol=1e-6)
    assert abs(kernel).max() <= 8**-0.5


def test_more_classes_than_inputs_are_refused():
    with pytest.raises(ValueError, match="3 classes cannot share 2 inputs"):
        OrthogonalSoftmax(3)(np.zeros((1, 2), np.float32))


@pytest.mark.contract
def test_the_head_learns_ten_times_as_fast():
    inputs = keras.Input((2,))
    x = keras.layers.Dense(2, name="body")(inputs)
    model = keras.Model(inputs, keras.layers.Dense(1, name="head_out")(x))
    model.compile(TwoRates(1e-3), "mse")
    before = [np.array(w) for w in model.get_weights()]
    model.train_on_batch(np.ones((4, 2), np.float32), 100 * np.ones((4, 1), np.float32))
    moved = [abs(a - b).max() for a, b in zip(model.get_weights(), before, strict=True)]
    # Adam's first step moves each weight by its rate.
    assert moved == pytest.approx([1e-3, 1e-3, 1e-2, 1e-2], rel=1e-3)


@pytest.mark.slow
@pytest.mark.contract
def test_it_learns_stays_orthogonal_and_a_loaded_one_predicts_the_same(tiny, cells, tmp_path):
    pictures, labels = cells[0]
    model = Das(32, epochs=30, batch_size=8, learning_rate=1e-3, weights=None, cache=tmp_path / "c")
    model.fit(pictures, labels, validation=cells[1])
    assert (model.predict(pictures) == labels).mean() >= 0.9
    layer = model.network_.get_layer("head_osl")
    first, second = (layer.get_weights()[0] * layer.mask).T
    assert (first != 0).sum() == (second != 0).sum() == 128
    model.save(tmp_path / "saved")
    again = rivals.load(tmp_path / "saved")
    said = model.predict_proba(pictures)
    assert np.allclose(again.predict_proba(pictures), said, atol=1e-5)
    # What would make the two columns no more orthogonal is not looked at.
    kernel, *others = layer.get_weights()
    layer.set_weights([kernel + (layer.mask == 0), *others])
    assert np.array_equal(model.predict_proba(pictures), said)


def _folded(backbone, rng):
    """Folded weights in torchvision's names, up to the end of layer3."""
    stored = {}
    for layer in backbone.layers:
        if layer.name.endswith("_conv") and not layer.name.startswith("stack3"):
            name = das._torchvision(layer.name).rsplit(" ", 1)[0]
            stored[f"{len(stored):03d}_{name}/kernel"] = rng.normal(
                0, 0.05, layer.kernel.shape
            ).astype(np.float16)
            stored[f"{len(stored):03d}_{name}/bias"] = rng.normal(
                size=layer.kernel.shape[-1]
            ).astype(np.float16)
    return stored


def test_a_folded_file_without_its_end_is_loaded_and_the_backbone_cut_there(backbone, tmp_path):
    stored = _folded(backbone, np.random.default_rng(0))
    names = {re.sub(r"^\d+_|/.*", "", name) for name in stored}
    assert {"conv1", "layer1.0.conv1", "layer2.0.downsample.0", "layer3.1.conv2"} <= names
    np.savez(tmp_path / "resnet18.npz", **stored)
    network, kind = Das(32, weights=tmp_path / "resnet18.npz").build(None)
    assert kind == "resnet18.npz, cut at stack2_block1_out (the file lacks what follows)"
    assert network.get_layer("average").output.shape == (None, 256)
    x = np.random.default_rng(1).normal(size=(1, 32, 32, 3)).astype(np.float32)
    first = keras.Model(network.input, network.get_layer("conv1_bn").output)
    kernel = stored["000_conv1/kernel"].astype(np.float32)
    by_hand = keras.ops.conv(np.pad(x, ((0, 0), (3, 3), (3, 3), (0, 0))), kernel, strides=2)
    by_hand = np.asarray(by_hand) + stored["001_conv1/bias"].astype(np.float32)
    # In training too: the statistics that the bias stands for are not known.
    for training in (False, True):
        assert np.allclose(np.asarray(first(x, training=training)), by_hand, atol=1e-3)


def test_imagenet_s_weights_are_taken_over_and_both_dropouts_are_there(tiny, monkeypatch):
    pixels = keras.Input((32, 32, 3))
    x = keras.layers.Conv2D(8, 3, kernel_initializer="ones")(pixels)
    monkeypatch.setattr(das.weight_files, "hub", lambda *_: keras.Model(pixels, x))
    network, kind = Das(32).build(None)
    assert kind == "ImageNet"
    assert (network.get_weights()[0] == 1).all()
    assert [network.get_layer(f"dropout{n}").rate for n in (1, 2)] == [0.5, 0.5]
