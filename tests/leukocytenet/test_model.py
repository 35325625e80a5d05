"""LeukocyteNet and its single branches: Table 3, sizes, training, files, precision, backends."""

import functools
import os
import subprocess
import sys
import textwrap

import keras
import numpy as np
import pytest

from leukocytenet.model import LeukocyteNet, SwinOnly, VGG19Only, table3
from smears import backend
from smears.initialisation import unit_variance
from smears.pictures import preprocess
from smears.training import trace_once
from smears.weights import WrongFile

CLASSES = 10
OTHER = {"tensorflow": "jax", "jax": "tensorflow"}


def _pixels(n=8, size=64, seed=0):
    """Coarse random pictures, as the network takes them."""
    coarse = np.random.default_rng(seed).integers(0, 256, (n, 8, 8, 3), np.uint8)
    return preprocess(coarse.repeat(size // 8, 1).repeat(size // 8, 2), "caffe")


def _ready(make, size=64, n=8):
    """A network without dropout, with random weights that the signal survives, and its batch."""
    keras.utils.set_random_seed(0)
    network = make((size, size, 3), CLASSES, weights=None, alpha_dropout=0.0)
    pixels = _pixels(n, size)
    convolutions = [layer.name for layer in network.layers if "_conv" in layer.name]
    unit_variance(network, pixels, only=convolutions, by_channel=True)
    return network, pixels


@pytest.fixture(scope="module")
def ready():
    """`_ready`, each network made once: a test must not mind that another has trained it."""
    return functools.cache(_ready)


def _targets(n=8):
    return np.eye(CLASSES, dtype=np.float32)[np.arange(n) % CLASSES]


def _compile(network, rate, **options):
    optimizer = keras.optimizers.Adam(rate, clipnorm=1.0)
    network.compile(optimizer, "categorical_crossentropy", **options)


def test_every_row_of_table_3_has_its_shape_and_parameters():
    network = LeukocyteNet(weights=None)
    assert table3(network) == [
        ("Input Layer", "384 × 384 × 3", 0),
        ("VGG19", "24 × 24 × 512", 20_024_384),
        ("Patch Extract", "144 × 2048", 0),
        ("Patch Embedding", "144 × 64", 140_352),
        ("TFOpLambda", "144 × 64", 0),
        ("SWIN Block", "144 × 64", 33_544),
        ("Patch Merging", "36 × 128", 32_768),
        ("Swin Head", "128", 512),
        ("Conv Head", "512", 0),
        # Printed as 128, which 6,410 parameters of the next row contradict (D6).
        ("Concatenation", "640", 0),
        ("Dense Layer", "10", 6_410),
        ("Total Param", "", 20_237_970),
    ]
    free = sum(int(np.prod(w.shape)) for w in network.trainable_weights)
    assert (network.count_params(), free) == (20_237_970, 20_237_714)
    fixed = [w for layer in network.layers for w in layer.non_trainable_weights]
    assert [w.name for w in fixed] == ["moving_mean", "moving_variance"]
    assert sum(int(np.prod(w.shape)) for w in fixed) == 256


def test_vgg19s_convolutions_are_those_of_keras_applications():
    original = keras.applications.VGG19(include_top=False, weights=None, input_shape=(64, 64, 3))
    network = VGG19Only((64, 64, 3), weights=None)
    for layer in original.layers[1:-1]:
        own = network.get_layer(layer.name)
        assert [w.shape for w in own.weights] == [w.shape for w in layer.weights]
        own.set_weights(layer.get_weights())
    cut = {n: keras.Model(n.input, n.get_layer("block5_conv4").output) for n in (original, network)}
    ours, theirs = (model(_pixels(2)) for model in cut.values())
    assert np.allclose(ours, theirs, atol=1e-4)


@pytest.mark.contract
@pytest.mark.parametrize("shape", [(64, 64, 3), (64, 128, 3), (192, 128, 3)])
def test_any_size_that_64_divides_works(shape):
    network = LeukocyteNet(shape, 4, weights=None)
    assert network.get_layer("block5_conv4").output.shape[1:3] == (shape[0] // 16, shape[1] // 16)
    assert network.get_layer("swin_tokens").grid == (shape[0] // 32, shape[1] // 32)
    probabilities = network.predict_on_batch(np.ones((1, *shape), np.float32))
    assert probabilities.shape == (1, 4)
    assert np.isclose(probabilities.sum(), 1, atol=1e-5)


@pytest.mark.parametrize(
    ("make", "shape", "multiple"),
    [
        (LeukocyteNet, (96, 64, 3), 64),
        (LeukocyteNet, (64, 100, 3), 64),
        (LeukocyteNet, (0, 64, 3), 64),
        (LeukocyteNet, (None, None, 3), 64),
        (LeukocyteNet, (64, 64), 64),
        (LeukocyteNet, (64, 64, 1), 64),
        (VGG19Only, (72, 64, 3), 16),
        (SwinOnly, (96, 64, 3), 64),
    ],
)
def test_other_sizes_are_refused_with_an_example(make, shape, multiple):
    with pytest.raises(ValueError, match=f"divisible by {multiple}.*e.g. .{6 * multiple}, "):
        make(shape, weights=None)


@pytest.mark.parametrize("head", ["pooled", "pooled_alpha_dropout", "flatten"])
def test_vgg19_alone_has_each_of_its_heads(head):
    network = VGG19Only((64, 64, 3), 4, weights=None, head=head)
    width = 4 * 4 * 512 if head == "flatten" else 512
    assert network.count_params() == 20_024_384 + width * 4 + 4
    names = [layer.name for layer in network.layers]
    assert ("conv_dropout" in names) == (head == "pooled_alpha_dropout")
    assert not network.non_trainable_weights


def test_an_unknown_head_is_refused_by_name():
    with pytest.raises(ValueError, match="head='wide': give 'pooled'"):
        VGG19Only((64, 64, 3), weights=None, head="wide")


def test_the_swin_branch_alone_has_the_hybrids_tokens():
    network = SwinOnly()
    assert network.get_layer("patch_extract").output.shape[1:] == (144, 32 * 32 * 3)
    assert network.get_layer("swin_tokens").output.shape[1:] == (144, 64)
    assert network.get_layer("swin_tokens").count_params() == 33_544
    assert network.get_layer("patch_merging").output.shape[1:] == (36, 128)


def test_shift_0_has_the_same_weights_and_other_outputs(ready):
    shifted, pixels = ready(LeukocyteNet, 128, 2)
    plain = LeukocyteNet((128, 128, 3), CLASSES, weights=None, shift_size=0)
    plain.set_weights(shifted.get_weights())
    assert not np.allclose(plain(pixels), shifted(pixels), atol=1e-5)


@pytest.mark.contract
def test_inference_is_deterministic(ready):
    network, pixels = ready(LeukocyteNet)
    first, second = (network.predict_on_batch(pixels[:2]) for _ in range(2))
    assert np.array_equal(first, second)
    assert np.allclose(first.sum(1), 1, atol=1e-5)


@pytest.mark.contract
@pytest.mark.parametrize("make", [LeukocyteNet, VGG19Only, SwinOnly])
def test_a_training_step_moves_every_trainable_weight_and_starts_near_chance(make, ready):
    network, pixels = ready(make)
    # TensorFlow traces a step through VGG19 much longer than the step takes.
    long = keras.backend.backend() == "tensorflow" and make is not SwinOnly
    _compile(network, 1e-3, run_eagerly=long)
    trace_once(network, _targets(), np.zeros((8, CLASSES)))
    before = [np.asarray(w) for w in network.trainable_weights]
    loss = float(network.train_on_batch(pixels, _targets()))
    # A head with logits of deviation 1 adds half of their variance to the loss of chance.
    assert np.log(CLASSES) - 0.5 < loss < np.log(CLASSES) + 0.8
    for old, weight in zip(before, network.trainable_weights, strict=True):
        assert not np.array_equal(old, np.asarray(weight)), weight.path
        assert np.isfinite(np.asarray(weight)).all(), weight.path


@pytest.mark.slow
@pytest.mark.parametrize(
    ("make", "rate"), [(LeukocyteNet, 3e-4), (VGG19Only, 3e-4), (SwinOnly, 3e-3)]
)
def test_each_network_overfits_one_batch(make, rate):
    network, pixels = _ready(make)
    _compile(network, rate)
    targets = _targets()
    losses = []
    while len(losses) < 60 and (not losses or losses[-1] > 0.05):
        losses.append(float(network.train_on_batch(pixels, targets)))
    assert losses[-1] <= 0.05


@pytest.mark.slow
@pytest.mark.contract
def test_mixed_precision_ends_in_float32_probabilities():
    plain, pixels = _ready(LeukocyteNet)
    with backend.policy("mixed_bfloat16"):
        network = LeukocyteNet((64, 64, 3), CLASSES, weights=None)
    assert keras.config.dtype_policy().name == "float32"
    assert network.get_layer("block5_conv4").compute_dtype == "bfloat16"
    assert network.get_layer("swin_tokens").attention.compute_dtype == "bfloat16"
    network.set_weights(plain.get_weights())
    probabilities = network.predict_on_batch(pixels)
    assert probabilities.dtype == np.float32
    assert np.isfinite(probabilities).all()
    assert np.allclose(probabilities.sum(1), 1, atol=1e-5)
    assert np.allclose(probabilities, plain.predict_on_batch(pixels), atol=0.1)
    _compile(network, 1e-4)
    assert np.isfinite(network.train_on_batch(pixels, _targets()))


@pytest.mark.contract
def test_a_saved_network_loads_without_help_and_predicts_the_same(ready, tmp_path):
    network, pixels = ready(LeukocyteNet, 128, 2)
    network.save(tmp_path / "network.keras")
    twin = keras.saving.load_model(tmp_path / "network.keras")
    assert np.array_equal(twin(pixels), network(pixels))
    assert twin.get_layer("swin_tokens").get_config() == (
        network.get_layer("swin_tokens").get_config()
    )


def test_weights_come_from_a_file_of_the_whole_network_or_of_a_part(ready, tmp_path):
    network, pixels = ready(LeukocyteNet)
    network.save_weights(tmp_path / "whole.weights.h5")
    twin = LeukocyteNet((64, 64, 3), CLASSES, weights=tmp_path / "whole.weights.h5")
    assert np.array_equal(twin(pixels[:2]), network(pixels[:2]))
    layer = network.get_layer("block1_conv1")
    kernel, bias = layer.get_weights()
    np.savez(tmp_path / "part.npz", **{"block1_conv1/kernel": kernel, "block1_conv1/bias": bias})
    with pytest.warns(UserWarning, match="part.npz lacks block1_conv2, .*: these layers"):
        part = LeukocyteNet((64, 64, 3), CLASSES, weights=tmp_path / "part.npz")
    assert np.array_equal(part.get_layer("block1_conv1").get_weights()[0], kernel)


@pytest.mark.parametrize("name", ["absent.npz", "absent.keras", "imagnet"])
def test_a_weights_file_that_is_not_there_is_named(name, tmp_path):
    with pytest.raises(FileNotFoundError, match=f"no weights file .*{name}: give 'imagenet'"):
        SwinOnly((64, 64, 3), weights=tmp_path / name)


def test_weights_of_another_number_of_classes_are_refused(tmp_path):
    SwinOnly((64, 64, 3), 4).save_weights(tmp_path / "four.weights.h5")
    with pytest.raises(WrongFile, match=r"four\.weights\.h5: does not fit swin_only"):
        SwinOnly((64, 64, 3), 5, weights=tmp_path / "four.weights.h5")


OTHER_SIDE = """
    import sys
    from smears.backend import start
    start()
    import keras, numpy as np
    import leukocytenet.model
    folder = sys.argv[1]
    network = keras.saving.load_model(folder + "/network.keras", compile=False)
    pixels = np.load(folder + "/pixels.npy")
    np.save(folder + "/" + keras.backend.backend() + ".npy", network.predict_on_batch(pixels))
"""


@pytest.mark.slow
@pytest.mark.contract
def test_the_same_weights_give_the_same_outputs_on_the_other_backend(tmp_path):
    mine = keras.backend.backend()
    pytest.importorskip(OTHER[mine])
    # 128 px: a grid of 4 x 4 tokens, whose windows are shifted.
    network, pixels = _ready(LeukocyteNet, 128)
    network.save(tmp_path / "network.keras")
    np.save(tmp_path / "pixels.npy", pixels)
    subprocess.run(
        [sys.executable, "-c", textwrap.dedent(OTHER_SIDE), str(tmp_path)],
        env={**os.environ, "KERAS_BACKEND": OTHER[mine]},
        check=True,
    )
    theirs = np.load(tmp_path / f"{OTHER[mine]}.npy")
    ours = network.predict_on_batch(pixels)
    assert np.abs(ours - theirs).max() <= 1e-4
    assert ours.std(0).max() > 1e-3


def test_the_swin_branch_alone_refuses_imagenet_weights():
    with pytest.raises(ValueError, match="SwinOnly has no ImageNet weights: give weights=None"):
        SwinOnly((64, 64, 3), weights="imagenet")


def test_both_branches_are_averaged_and_dropped_at_the_rate_that_was_asked_for():
    network = LeukocyteNet((64, 64, 3), 3, weights=None, alpha_dropout=0.4)
    pools = [network.get_layer(f"{branch}_pooling") for branch in ("conv", "swin")]
    assert isinstance(pools[0], keras.layers.GlobalAveragePooling2D)
    assert isinstance(pools[1], keras.layers.GlobalAveragePooling1D)
    drops = [network.get_layer(f"{branch}_dropout") for branch in ("conv", "swin")]
    assert all(isinstance(drop, keras.layers.AlphaDropout) for drop in drops)
    assert [drop.rate for drop in drops] == [0.4, 0.4]
