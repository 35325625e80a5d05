"""The Swin branch's layers against plain loops, by hand, in training, through config and file."""

from math import erf, exp, sqrt

import keras
import numpy as np
import pytest

from leukocytenet.swin import (
    PatchEmbedding,
    PatchExtract,
    PatchMerging,
    SwinBlock,
    WindowAttention,
    shift_mask,
)

pytestmark = pytest.mark.contract

# (grid, window, shift): the paper's kind, unshifted, an oblong one, a wider window.
CASES = [((4, 4), 2, 1), ((4, 4), 2, 0), ((4, 6), 2, 1), ((6, 9), 3, 2), ((6, 9), 3, 1)]


def _random(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def _filled(layer, shape, seed=1):
    """The layer, built, every weight random: zeros and ones would hide mistakes."""
    layer.build((None, *shape))
    rng = np.random.default_rng(seed)
    layer.set_weights([rng.normal(0, 0.3, w.shape) for w in layer.get_weights()])
    return layer


def _call(layer, inputs, **arguments):
    return keras.ops.convert_to_numpy(layer(keras.ops.convert_to_tensor(inputs), **arguments))


def _neighbours(grid, window, shift):
    """For each token, those in its window. The window's lattice is moved; nothing is rolled."""
    places = [(r, c) for r in range(grid[0]) for c in range(grid[1])]
    cells = [((r - shift) // window, (c - shift) // window) for r, c in places]
    return places, [[j for j, cell in enumerate(cells) if cell == mine] for mine in cells]


def _attention(tokens, layer, grid, window, shift):
    """Window attention of one picture's tokens (n, dim), one query and one head at a time."""
    dim, heads = layer.dim, layer.num_heads
    width = dim // heads
    kernel, bias = (np.asarray(w, np.float64) for w in layer.qkv.get_weights())
    table = np.asarray(layer.bias_table, np.float64)
    qkv = tokens.astype(np.float64) @ kernel + bias
    places, neighbours = _neighbours(grid, window, shift)
    mixed = np.zeros((len(tokens), dim))
    for i, seen in enumerate(neighbours):
        for head in range(heads):
            own = slice(head * width, (head + 1) * width)
            query = qkv[i, :dim][own]
            shares = []
            for j in seen:
                down, right = places[i][0] - places[j][0], places[i][1] - places[j][1]
                row = (down + window - 1) * (2 * window - 1) + right + window - 1
                key = qkv[j, dim : 2 * dim][own]
                shares.append(exp(query @ key / sqrt(width) + table[row, head]))
            for share, j in zip(shares, seen, strict=True):
                mixed[i, own] += share / sum(shares) * qkv[j, 2 * dim :][own]
    kernel, bias = (np.asarray(w, np.float64) for w in layer.projection.get_weights())
    return mixed @ kernel + bias


def _normalised(tokens, layer):
    gamma, beta = layer.get_weights()
    mean, variance = tokens.mean(1, keepdims=True), tokens.var(1, keepdims=True)
    return (tokens - mean) / np.sqrt(variance + 1e-5) * gamma + beta


def _block(tokens, block, grid, window, shift):
    """The whole Swin block for one picture's tokens."""
    mixed = _attention(_normalised(tokens, block.norm1), block.attention, grid, window, shift)
    tokens = tokens + mixed
    kernel, bias = block.widen.get_weights()
    hidden = _normalised(tokens, block.norm2) @ kernel + bias
    hidden = np.vectorize(lambda x: x / 2 * (1 + erf(x / sqrt(2))))(hidden)
    kernel, bias = block.narrow.get_weights()
    return tokens + hidden @ kernel + bias


@pytest.mark.parametrize(("grid", "window", "shift"), CASES)
def test_a_swin_block_equals_plain_loops_over_windows(grid, window, shift):
    shape = (grid[0] * grid[1], 8)
    block = SwinBlock(8, grid, num_heads=2, window_size=window, shift_size=shift, mlp_width=12)
    _filled(block, shape)
    inputs = _random(2, *shape)
    for picture, output in zip(inputs, _call(block, inputs), strict=True):
        assert np.allclose(output, _block(picture, block, grid, window, shift), atol=1e-4)


def test_attention_inside_single_windows_equals_plain_loops():
    layer = _filled(WindowAttention(12, 3, 3), (9, 12))
    inputs = _random(4, 9, 12)
    expected = [_attention(tokens, layer, (3, 3), 3, 0) for tokens in inputs]
    assert np.allclose(_call(layer, inputs), expected, atol=1e-4)


@pytest.mark.parametrize(("grid", "window", "shift"), CASES)
def test_shifted_windows_do_not_see_across_the_border(grid, window, shift):
    n = grid[0] * grid[1]
    block = SwinBlock(8, grid, num_heads=2, window_size=window, shift_size=shift)
    _filled(block, (n, 8))
    # Picture 0 as it is, picture j + 1 with token j changed.
    inputs = np.repeat(_random(1, n, 8), n + 1, axis=0)
    for token in range(n):
        inputs[token + 1, token] += _random(8, seed=2)
    outputs = _call(block, inputs)
    changed = np.abs(outputs[1:] - outputs[0]).max(-1) > 1e-5
    _, neighbours = _neighbours(grid, window, shift)
    for token in range(n):
        assert np.flatnonzero(changed[token]).tolist() == neighbours[token]


def test_the_mask_of_a_four_by_four_grid_is_the_one_drawn_by_hand():
    free, blocked = 0, -100
    # After the roll by one, the last row and column hold what was first.
    right = [
        [free, blocked, free, blocked],
        [blocked, free, blocked, free],
        [free, blocked, free, blocked],
        [blocked, free, blocked, free],
    ]
    bottom = [
        [free, free, blocked, blocked],
        [free, free, blocked, blocked],
        [blocked, blocked, free, free],
        [blocked, blocked, free, free],
    ]
    corner = np.where(np.eye(4), free, blocked)
    mask = shift_mask((4, 4), 2, 1)
    assert np.array_equal(mask, [np.zeros((4, 4)), right, bottom, corner])


def test_mask_and_index_are_constants_not_weights():
    blocks = [_filled(SwinBlock(64, (12, 12), shift_size=shift), (144, 64)) for shift in (0, 1)]
    for block in blocks:
        assert block.count_params() == 33_544
        assert not block.non_trainable_weights
    assert [w.path.split("/", 1)[1] for w in blocks[0].weights] == [
        w.path.split("/", 1)[1] for w in blocks[1].weights
    ]
    inputs = _random(1, 144, 64)
    assert not np.allclose(*(_call(block, inputs) for block in blocks), atol=1e-3)


def test_a_grid_no_larger_than_the_window_is_not_shifted():
    inputs = _random(2, 4, 8)
    blocks = [
        _filled(SwinBlock(8, (2, 2), num_heads=2, shift_size=shift), (4, 8)) for shift in (0, 1)
    ]
    assert np.array_equal(*(_call(block, inputs) for block in blocks))


def test_patches_come_row_by_row_and_their_pixels_too():
    image = np.arange(4 * 6 * 2, dtype=np.float32).reshape(1, 4, 6, 2)
    patches = _call(PatchExtract(2), image)
    assert patches.shape == (1, 6, 8)
    for number, (row, column) in enumerate((r, c) for r in (0, 2) for c in (0, 2, 4)):
        by_hand = [
            *image[0, row, column], *image[0, row, column + 1],
            *image[0, row + 1, column], *image[0, row + 1, column + 1],
        ]  # fmt: skip
        assert patches[0, number].tolist() == by_hand


def test_an_embedding_is_a_projection_and_a_position():
    layer = _filled(PatchEmbedding(5), (6, 8))
    inputs = _random(3, 6, 8)
    position = np.asarray(layer.position)
    kernel, bias = layer.projection.get_weights()
    assert np.allclose(_call(layer, inputs), inputs @ kernel + bias + position, atol=1e-5)
    assert position.shape == (6, 5)


def test_merging_joins_two_by_two_neighbours_and_projects_them():
    layer = _filled(PatchMerging((2, 4)), (8, 3))
    tokens = _random(2, 8, 3)
    outputs = _call(layer, tokens)
    (kernel,) = layer.get_weights()
    assert kernel.shape == (12, 6)
    for picture in range(2):
        for number, first in enumerate((0, 2)):
            joined = np.concatenate([tokens[picture, first + k] for k in (0, 1, 4, 5)])
            assert np.allclose(outputs[picture, number], joined @ kernel, atol=1e-5)


@pytest.mark.parametrize(
    ("make", "shape", "message"),
    [
        (lambda: PatchExtract(2), (5, 4, 3), "patch_size=2 does not divide"),
        (lambda: PatchMerging((3, 4)), (12, 8), "even sides"),
        (lambda: SwinBlock(8, (4, 5)), (20, 8), "window_size=2 does not divide"),
        (lambda: SwinBlock(8, (4, 4), shift_size=2), (16, 8), "shift_size=2: must lie in 0..1"),
        (lambda: SwinBlock(8, (4, 4), num_heads=3), (16, 8), "num_heads=3 does not divide dim=8"),
        (lambda: SwinBlock(8, (4, 4)), (12, 8), "12 tokens do not fill the grid"),
    ],
)
def test_sizes_that_do_not_fit_are_refused(make, shape, message):
    with pytest.raises(ValueError, match=message):
        make().build((None, *shape))


MASK = shift_mask((4, 4), 2, 1)
# Every layer with no argument at its default, and the shape of one input.
LAYERS = [
    (lambda: PatchExtract(patch_size=4, name="other", dtype="float16"), (8, 8, 3)),
    (lambda: PatchEmbedding(dim=7, name="other"), (6, 8)),
    (
        lambda: WindowAttention(
            dim=6, window_size=2, num_heads=3, mask=MASK.tolist(), qkv_bias=False, dropout=0.3,
            name="other",
        ),
        (4, 6),
    ),
    (
        lambda: SwinBlock(
            dim=6, grid=(6, 9), num_heads=2, window_size=3, shift_size=2, mlp_width=10,
            qkv_bias=False, dropout=0.1, attention_dropout=0.2, drop_path=0.3, name="other",
        ),
        (54, 6),
    ),
    (lambda: PatchMerging(grid=(2, 4), name="other"), (8, 3)),
]  # fmt: skip
NAMES = ["PatchExtract", "PatchEmbedding", "WindowAttention", "SwinBlock", "PatchMerging"]


@pytest.mark.parametrize(("make", "shape"), LAYERS, ids=NAMES)
def test_a_layer_can_be_rebuilt_from_its_config(make, shape):
    layer = _filled(make(), shape)
    twin = type(layer).from_config(layer.get_config())
    assert twin.get_config() == layer.get_config()
    twin.build((None, *shape))
    assert [w.shape for w in twin.weights] == [w.shape for w in layer.weights]
    twin.set_weights(layer.get_weights())
    inputs = _random(4, *shape)
    assert np.array_equal(_call(twin, inputs), _call(layer, inputs))


@pytest.mark.parametrize(("make", "shape"), LAYERS, ids=NAMES)
def test_a_layer_survives_a_file(make, shape, tmp_path):
    layer = _filled(make(), shape)
    inputs = keras.Input(shape)
    model = keras.Model(inputs, layer(inputs))
    model.save(tmp_path / "model.keras")
    twin = keras.saving.load_model(tmp_path / "model.keras")
    assert twin.layers[1].get_config() == layer.get_config()
    pictures = _random(4, *shape)
    assert np.array_equal(_call(twin, pictures), _call(model, pictures))


@pytest.mark.parametrize(("make", "shape"), LAYERS, ids=NAMES)
def test_a_layer_trains_and_is_deterministic_in_inference(make, shape):
    layer = _filled(make(), shape)
    inputs = _random(4, *shape)
    assert np.array_equal(_call(layer, inputs), _call(layer, inputs))
    if not layer._call_has_training_arg:
        return
    noisy = [_call(layer, inputs, training=True) for _ in range(2)]
    assert np.isfinite(noisy).all()
    assert not np.array_equal(*noisy)


def test_drop_path_drops_whole_branches_of_a_picture():
    block = _filled(SwinBlock(8, (4, 4), num_heads=2, drop_path=0.5), (16, 8))
    inputs = _random(200, 16, 8)
    kept = _call(block, inputs, training=True) != inputs
    # A picture is left whole if both branches fall away: a quarter of them (± 4 deviations).
    whole = ~kept.any((1, 2))
    assert 25 <= whole.sum() <= 75
    assert kept[~whole].mean() > 0.99


def test_layers_compute_in_the_policy_they_are_given():
    block = SwinBlock(8, (4, 4), num_heads=2, dtype="mixed_bfloat16")
    outputs = block(_random(1, 16, 8))
    assert keras.backend.standardize_dtype(outputs.dtype) == "bfloat16"
    assert {keras.backend.standardize_dtype(w.dtype) for w in block.weights} == {"float32"}
    inner = (block.norm1, block.attention, block.widen, block.attention.qkv)
    assert {layer.compute_dtype for layer in inner} == {"bfloat16"}
