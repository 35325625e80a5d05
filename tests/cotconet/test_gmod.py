"""GMod: the transformer against loops, its fold, its weights, both backends."""

import math
import os
import subprocess
import sys
import textwrap

import keras
import numpy as np
import pytest

from cotconet import gmod
from cotconet.gmod import Fold, GMod, TokenAndPositions, copy_vit, start_as_picture
from smears import backend
from smears.flops import flops
from smears.weights import NotAvailable, WrongFile

OTHER = {"tensorflow": "jax", "jax": "tensorflow"}
SMALL = {"input_shape": (12, 8, 3), "patch_size": 4, "depth": 2, "num_heads": 3}


def _pixels(n=2, shape=(12, 8, 3), seed=0):
    return np.random.default_rng(seed).uniform(-1, 1, (n, *shape)).astype(np.float32)


def _shaken(model, seed=1):
    """Give every weight a value of its own, biases and positions included."""
    rng = np.random.default_rng(seed)
    model.set_weights([w + rng.normal(0, 0.1, w.shape) for w in model.get_weights()])
    return model


def _patches(picture, p):
    """Patch by patch, pixel by pixel: (n, p * p * c)."""
    rows, columns = picture.shape[0] // p, picture.shape[1] // p
    found = []
    for row in range(rows):
        for column in range(columns):
            values = []
            for y in range(p):
                for x in range(p):
                    values.extend(picture[row * p + y, column * p + x])
            found.append(values)
    return np.array(found)


def _norm(vector, gamma, beta):
    mean = sum(vector) / len(vector)
    variance = sum((v - mean) ** 2 for v in vector) / len(vector)
    return np.array([(v - mean) / math.sqrt(variance + 1e-6) for v in vector]) * gamma + beta


def _gelu(v):
    return v * 0.5 * (1 + math.erf(v / math.sqrt(2)))


def _looped(model, picture, p, heads, depth):
    """Equations 3 to 8 token by token, in float64. Returns all normalised tokens."""
    weights = {
        layer.name: [np.asarray(w, np.float64) for w in layer.get_weights()]
        for layer in model.layers
    }
    kernel, bias = weights["patch_embedding"]
    token, positions = weights["positions"]
    kernel = kernel.reshape(-1, kernel.shape[-1])
    tokens = [token[0, 0]] + [patch @ kernel + bias for patch in _patches(picture, p)]
    tokens = [z + position for z, position in zip(tokens, positions, strict=True)]
    for number in range(1, depth + 1):
        normed = [_norm(z, *weights[f"block{number}_norm1"]) for z in tokens]
        wq, bq, wk, bk, wv, bv, wo, bo = weights[f"block{number}_attention"]
        mixed = [bo.copy() for _ in tokens]
        for head in range(heads):
            query = [z @ wq[:, head] + bq[head] for z in normed]
            key = [z @ wk[:, head] + bk[head] for z in normed]
            value = [z @ wv[:, head] + bv[head] for z in normed]
            for place, q in enumerate(query):
                scores = [math.exp(q @ k / math.sqrt(len(q))) for k in key]
                seen = sum(s * v for s, v in zip(scores, value, strict=True)) / sum(scores)
                mixed[place] += seen @ wo[head]
        tokens = [z + m for z, m in zip(tokens, mixed, strict=True)]
        widen, bw = weights[f"block{number}_widen"]
        narrow, bn = weights[f"block{number}_narrow"]
        for place, z in enumerate(tokens):
            hidden = _norm(z, *weights[f"block{number}_norm2"]) @ widen + bw
            tokens[place] = z + np.array([_gelu(v) for v in hidden]) @ narrow + bn
    return np.array([_norm(z, *weights["final_norm"]) for z in tokens])


def test_the_default_is_vit_b_16():
    model = GMod()
    assert model.count_params() == 85_798_656
    assert model.output["map"].shape == (None, 224, 224, 3)
    assert model.output["token"].shape == (None, 768)


@pytest.mark.contract
@pytest.mark.slow
def test_vit_b_16_costs_what_is_known_of_it():
    # 17.58 G multiply-adds, as torchvision lists for vit_b_16 with its last dense layer.
    assert flops(GMod()) == pytest.approx(2 * 17.58e9, rel=0.01)


@pytest.mark.contract
@pytest.mark.parametrize("depth", [1, 2])
def test_it_computes_what_the_equations_say(depth):
    model = _shaken(GMod(**{**SMALL, "depth": depth}))
    pixels = _pixels()
    found = model.predict_on_batch(pixels)
    for n, picture in enumerate(pixels):
        tokens = _looped(model, picture.astype(np.float64), 4, 3, depth)
        assert np.allclose(found["token"][n], tokens[0], atol=2e-5)
        assert np.allclose(_patches(found["map"][n], 4), tokens[1:], atol=2e-5)


@pytest.mark.contract
def test_the_fold_puts_every_pixel_back_where_its_patch_was():
    picture = np.arange(12 * 8 * 3, dtype=np.float32).reshape(12, 8, 3)
    folded = Fold((3, 2), 4)(_patches(picture, 4)[None])
    assert np.array_equal(np.asarray(folded)[0], picture)


@pytest.mark.contract
def test_it_can_start_as_the_picture_itself_normalised_patch_by_patch():
    model = GMod(**SMALL)
    start_as_picture(model)
    pixels = _pixels()
    pixels[0, :4, :4] = -1  # black: stays of one colour
    patches = _patches(pixels[0], 4).astype(np.float64)
    normed = np.array([_norm(patch, 1.0, 0.0) for patch in patches])
    assert np.allclose(_patches(model.predict_on_batch(pixels)["map"][0], 4), normed, atol=1e-5)


def test_a_token_of_another_width_cannot_start_as_the_picture():
    with pytest.raises(ValueError, match="width 48"):
        start_as_picture(GMod(**SMALL, width=24))


def test_another_width_is_mapped_to_pixels_by_one_dense_layer_more():
    model = GMod(**SMALL, width=24)
    assert model.get_layer("to_pixels").count_params() == 24 * 48 + 48
    assert model.output["map"].shape == (None, 12, 8, 3)
    assert model.output["token"].shape == (None, 24)


def test_the_class_token_sees_every_patch_and_every_patch_the_others():
    model = _shaken(GMod(**{**SMALL, "depth": 1}))
    pixels = _pixels(1)
    base = model.predict_on_batch(pixels)
    for row in range(3):
        for column in range(2):
            other = pixels.copy()
            other[0, row * 4 : row * 4 + 4, column * 4 : column * 4 + 4] *= -1
            found = model.predict_on_batch(other)
            assert np.abs(found["token"] - base["token"]).max() > 1e-4
            apart = np.abs(_patches(found["map"][0], 4) - _patches(base["map"][0], 4)).max(1)
            assert apart.min() > 1e-5


@pytest.mark.parametrize("shape", [(12, 10, 3), (10, 12, 3), (None, 12, 3)])
def test_a_size_that_patches_do_not_fill_is_refused(shape):
    with pytest.raises(ValueError, match=r"patch_size=4 does not divide .* like 24"):
        GMod(**{**SMALL, "input_shape": shape})


def test_heads_that_do_not_divide_the_width_are_refused():
    with pytest.raises(ValueError, match="num_heads=5 does not divide the width of a token, 48"):
        GMod(**{**SMALL, "num_heads": 5})


@pytest.mark.contract
@pytest.mark.parametrize(
    "layer", [Fold((3, 2), 4, name="folded", dtype="float64"), TokenAndPositions(name="marked")]
)
def test_layers_come_back_from_their_config(layer):
    twin = type(layer).from_config(layer.get_config())
    assert twin.get_config() == layer.get_config()
    assert (
        keras.saving.deserialize_keras_object(
            keras.saving.serialize_keras_object(layer)
        ).get_config()
        == layer.get_config()
    )


@pytest.mark.contract
def test_a_saved_model_loads_without_help_and_gives_the_same(tmp_path):
    model = _shaken(GMod(**SMALL, width=24))
    model.save(tmp_path / "gmod.keras")
    twin = keras.saving.load_model(tmp_path / "gmod.keras")
    found, expected = (m.predict_on_batch(_pixels()) for m in (twin, model))
    assert all(np.array_equal(found[name], expected[name]) for name in ("map", "token"))


@pytest.mark.contract
@pytest.mark.usefixtures("op_by_op")
def test_a_training_step_moves_every_weight():
    backend.seed(0)
    model = GMod(**SMALL)
    model.compile(keras.optimizers.Adam(1e-3), {"map": "mse", "token": "mse"})
    before = model.get_weights()
    targets = {"map": _pixels(seed=5), "token": np.ones((2, 48), np.float32)}
    assert np.isfinite(model.train_on_batch(_pixels(), targets)[0])
    for weight, old in zip(model.weights, before, strict=True):
        # A bias added to every key shifts all scores of a query alike: softmax does not see it.
        if not weight.path.endswith("key/bias"):
            assert not np.array_equal(np.asarray(weight), old), weight.path


def test_keras_hubs_vit_with_the_same_weights_gives_the_same_tokens():
    keras_hub = pytest.importorskip("keras_hub")
    backbone = keras_hub.models.ViTBackbone(
        image_shape=(12, 12, 3), patch_size=4, num_layers=2, num_heads=3, hidden_dim=48, mlp_dim=192
    )
    model = GMod((12, 12, 3), 4, depth=2, num_heads=3)
    assert model.count_params() == backbone.count_params()
    copy_vit(model, _shaken(backbone))
    pixels = _pixels(2, (12, 12, 3))
    tokens = backbone.predict_on_batch(pixels)
    found = model.predict_on_batch(pixels)
    assert np.allclose(found["token"], tokens[:, 0], atol=1e-5)
    for n in range(2):
        assert np.allclose(_patches(found["map"][n], 4), tokens[n, 1:], atol=1e-5)


def test_pretrained_weights_go_in_under_the_name_of_their_size(monkeypatch):
    keras_hub = pytest.importorskip("keras_hub")
    asked = []

    def download(kind, preset):
        asked.append((kind, preset))
        return _shaken(keras_hub.models.ViTBackbone(
            image_shape=(224, 224, 3), patch_size=32, num_layers=1, num_heads=3, hidden_dim=48,
            mlp_dim=192,
        ))  # fmt: skip

    monkeypatch.setattr(gmod.weight_files, "hub", download)
    monkeypatch.setattr(gmod, "PRESETS", {(32, 1, 48): "tiny"})
    model = GMod((224, 224, 3), 32, 48, 1, 3, weights="imagenet21k")
    assert asked == [("ViTBackbone", "tiny")]
    assert np.std(model.get_layer("block1_norm1").get_weights()[1]) > 0.05
    with pytest.raises(ValueError, match="no ImageNet-21k weights for"):
        GMod(**SMALL, weights="imagenet21k")


def test_without_network_the_pretrained_weights_are_said_to_be_unavailable(monkeypatch):
    keras_hub = pytest.importorskip("keras_hub")

    def unreachable(preset):
        raise ConnectionError("no route")

    monkeypatch.setattr(keras_hub.models.ViTBackbone, "from_preset", unreachable)
    with pytest.raises(NotAvailable, match=r"could not be downloaded \(ConnectionError\).*file"):
        gmod.weight_files.hub("ViTBackbone", "vit_base_patch16_224_imagenet21k")


def test_weights_come_from_a_file(tmp_path):
    model = _shaken(GMod(**SMALL))
    model.save_weights(tmp_path / "gmod.weights.h5")
    twin = GMod(**SMALL, weights=tmp_path / "gmod.weights.h5")
    assert all(map(np.array_equal, twin.get_weights(), model.get_weights()))
    with pytest.raises(WrongFile):
        GMod(**{**SMALL, "depth": 3}, weights=tmp_path / "gmod.weights.h5")
    with pytest.raises(FileNotFoundError):
        GMod(**SMALL, weights=tmp_path / "absent.npz")


def test_a_file_that_lacks_layers_of_the_transformer_is_refused(tmp_path):
    model = GMod(**SMALL)
    arrays = {
        f"{layer.name}/{number}": value
        for layer in model.layers if not layer.name.startswith("block1_")
        for number, value in enumerate(layer.get_weights())
    }  # fmt: skip
    np.savez(tmp_path / "part.npz", **arrays)
    with pytest.raises(WrongFile, match=r"lacks layers of the transformer.*block1_norm1"):
        GMod(**SMALL, weights=tmp_path / "part.npz")


def test_weights_come_from_a_preset_folder(tmp_path):
    hub = pytest.importorskip("keras_hub")
    theirs = hub.models.ViTBackbone(
        image_shape=(32, 32, 3), patch_size=8, num_layers=2, num_heads=3, hidden_dim=192,
        mlp_dim=768, use_class_token=True,
    )  # fmt: skip
    theirs.save_to_preset(str(tmp_path / "vit"))
    own = {"input_shape": (32, 32, 3), "patch_size": 8, "num_heads": 3, "width": 192}
    model = GMod(**own, depth=2, weights=tmp_path / "vit")
    kernel = theirs.get_layer("vit_patching_and_embedding").patch_embedding.kernel
    assert np.array_equal(model.get_layer("patch_embedding").kernel, kernel)
    with pytest.raises(WrongFile, match=r"no preset folder of keras-hub.*2 layers, not 1"):
        GMod(**own, depth=1, weights=tmp_path / "vit")
    (tmp_path / "empty").mkdir()
    with pytest.raises(WrongFile, match="no preset folder of keras-hub"):
        GMod(**own, depth=2, weights=tmp_path / "empty")


OTHER_SIDE = """
    import sys
    from smears.backend import start
    start()
    import keras, numpy as np
    import cotconet.gmod
    folder = sys.argv[1]
    model = keras.saving.load_model(folder + "/gmod.keras", compile=False)
    found = model.predict_on_batch(np.load(folder + "/pixels.npy"))
    np.savez(folder + "/found.npz", **{name: np.asarray(found[name]) for name in found})
"""


@pytest.mark.slow
@pytest.mark.contract
def test_the_same_weights_give_the_same_outputs_on_the_other_backend(tmp_path):
    mine = keras.backend.backend()
    pytest.importorskip(OTHER[mine])
    model = _shaken(GMod(**SMALL))
    model.save(tmp_path / "gmod.keras")
    np.save(tmp_path / "pixels.npy", _pixels())
    subprocess.run(
        [sys.executable, "-c", textwrap.dedent(OTHER_SIDE), str(tmp_path)],
        env={**os.environ, "KERAS_BACKEND": OTHER[mine]},
        check=True,
    )
    ours = model.predict_on_batch(_pixels())
    with np.load(tmp_path / "found.npz") as theirs:
        for name in ("map", "token"):
            assert np.abs(ours[name] - theirs[name]).max() <= 1e-4
            assert ours[name].std() > 0.1
