"""MIRNet-v2: its authors' number of weights, layers by hand, and learning to undo darkness."""

import keras
import numpy as np
import pytest

from cotconet import enhancement, mirnet
from cotconet.mirnet import Enhancer, MIRNetV2, Pairs, ResidualContext, SelectiveFusion, degraded
from smears import drawing
from smears.runs import Run

SMALL = {"side": 32, "features": 8, "blocks": 1, "groups": (1, 2)}


def test_the_default_network_has_its_authors_number_of_weights():
    assert MIRNetV2().count_params() == 5_858_560


@pytest.mark.contract
def test_fusion_is_a_softmax_over_both_maps_by_hand():
    layer = SelectiveFusion(reduction=4, name="fuse")
    rng = np.random.default_rng(0)
    maps = [rng.normal(size=(2, 3, 3, 8)).astype(np.float32) for _ in range(2)]
    found = np.asarray(layer(maps))
    squeeze, first, second = (np.asarray(w)[0, 0] for w in layer.weights)
    narrow = (maps[0] + maps[1]).mean((1, 2)) @ squeeze
    narrow = np.where(narrow > 0, narrow, 0.2 * narrow)
    powers = np.exp(np.stack([narrow @ first, narrow @ second]))
    share = (powers / powers.sum(0))[:, :, None, None]
    assert np.allclose(found, share[0] * maps[0] + share[1] * maps[1], atol=1e-5)


@pytest.mark.contract
@pytest.mark.parametrize("groups", [2, 4])
def test_grouped_convolution_is_as_keras_has_it(groups):
    settings = {"padding": "same", "groups": groups, "use_bias": False}
    own, kerass = mirnet.GroupedConv2D(8, 3, **settings), keras.layers.Conv2D(8, 3, **settings)
    x = np.random.default_rng(0).normal(size=(2, 5, 5, 8)).astype(np.float32)
    own.build(x.shape)
    kerass.build(x.shape)
    kerass.set_weights(own.get_weights())
    assert own.kernel.shape == (3, 3, 8 // groups, 8)
    assert np.allclose(own(x), kerass(x), atol=1e-6)


@pytest.mark.contract
@pytest.mark.parametrize(
    ("layer", "count"), [(ResidualContext(2, name="a"), 1), (SelectiveFusion(2, name="b"), 2)]
)
def test_layers_can_be_rebuilt_from_config_and_file(layer, count, tmp_path):
    inputs = [keras.Input((4, 4, 8)) for _ in range(count)]
    model = keras.Model(inputs, layer(inputs if count > 1 else inputs[0]))
    x = [np.random.default_rng(n).normal(size=(2, 4, 4, 8)).astype("float32") for n in range(count)]
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    assert np.allclose(again.predict_on_batch(x), model.predict_on_batch(x), atol=1e-6)
    assert type(layer).from_config(layer.get_config()).get_config() == layer.get_config()


def test_a_degraded_picture_is_darker_and_stays_in_range():
    picture = np.linspace(0, 1, 48, dtype=np.float32).reshape(4, 4, 3)
    bad = degraded(picture, np.random.default_rng(0))
    assert bad.mean() < picture.mean()
    assert bad.min() >= 0
    assert bad.max() <= 1
    assert np.array_equal(bad, degraded(picture, np.random.default_rng(0)))


def test_pairs_are_a_function_of_seed_epoch_and_index(tmp_path):
    np.save(tmp_path / "p.npy", np.random.default_rng(0).integers(0, 255, (5, 8, 8, 3), np.uint8))
    pairs = Pairs(tmp_path / "p.npy", batch_size=2, seed=3)
    first = pairs[1]
    assert len(pairs) == 3
    assert all(map(np.array_equal, first, pairs[1]))
    pairs.epoch = 1
    assert not np.array_equal(first[0], pairs[1][0])


@pytest.mark.slow
@pytest.mark.contract
def test_it_learns_to_undo_darkness_and_is_the_same_after_loading(tmp_path):
    pictures = [drawing.draw("AML", 3, n, 40)[0] for n in range(6)]
    run = Run(tmp_path, "mirnet", {})
    step = Enhancer(**SMALL, seed=0).fit(pictures, run, epochs=25, batch_size=6, learning_rate=5e-3)
    losses = run.history["loss"]
    assert losses.iloc[-1] < 0.6 * losses.iloc[0]
    rng = np.random.default_rng(0)
    dark = [
        np.round(255 * mirnet.degraded(p / np.float32(255), rng)).astype(np.uint8) for p in pictures
    ]
    before, after = (
        np.mean(
            [np.abs(one.astype(float) - p).mean() for one, p in zip(shown, pictures, strict=True)]
        )
        for shown in (dark, [step(one) for one in dark])
    )
    assert after < 0.7 * before
    found = step(pictures[0])
    assert (found.shape, found.dtype) == ((40, 40, 3), np.uint8)
    again = Enhancer.load(run.folder)
    assert np.array_equal(again(pictures[0]), found)
    both = enhancement.enhance(pictures[0], (again, "sharpen"))
    assert np.array_equal(both, enhancement.sharpen(found))
    assert Enhancer(**SMALL, seed=9).fit(pictures, run)(pictures[0]).tolist() == found.tolist()
    assert not (run.folder / "cache").exists()
    assert mirnet.MIRNetV2(None, 8, blocks=1, groups=(1,)).input_shape == (None, None, None, 3)
