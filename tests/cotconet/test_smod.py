"""SMod: counts, orders of its blocks, sizes, one batch."""

import keras
import numpy as np
import pytest

from cotconet.smod import SMod
from smears import backend, training


def _picture(n=8, size=32, seed=0):
    coarse = np.random.default_rng(seed).uniform(-1, 1, (n, 8, 8, 3)).astype(np.float32)
    return coarse.repeat(size // 8, 1).repeat(size // 8, 2)


@pytest.mark.parametrize("order", ["equation", "algorithm"])
def test_it_has_the_papers_parameters_and_features(order):
    model = SMod(order=order)
    trained = sum(int(np.prod(w.shape)) for w in model.trainable_weights)
    assert (trained, model.count_params() - trained) == (979_968, 1_472)
    assert model.output_shape == (None, 12_544)


def test_larger_pictures_end_in_more_features():
    assert SMod((256, 256, 3)).output_shape == (None, 16_384)
    assert SMod((100, 64, 3)).output_shape == (None, 3 * 2 * 256)


@pytest.mark.parametrize(
    ("order", "kinds"),
    [
        # Equation 9 and Figure 5; Algorithm 1.
        ("equation", ["Conv2D", "BatchNormalization", "ReLU", "MaxPooling2D", "Dropout"]),
        ("algorithm", ["MaxPooling2D", "Conv2D", "BatchNormalization", "Dropout"]),
    ],
)
def test_each_block_has_the_order_that_was_asked_for(order, kinds):
    model = SMod(order=order)
    found = [type(layer).__name__ for layer in model.layers[1:-1]]
    assert found == 5 * kinds


@pytest.mark.contract
def test_a_block_computes_equation_9():
    model = SMod((4, 4, 1), filters=(2,))
    rng = np.random.default_rng(0)
    model.set_weights([rng.uniform(0.5, 1.5, w.shape) - 0.8 * (w.ndim > 1) for w in model.weights])
    kernel, bias, gamma, beta, mean, variance = model.get_weights()
    picture = rng.normal(size=(4, 4)).astype(np.float32)
    padded = np.pad(picture, 1)
    expected = []
    for row in (0, 2):
        for column in (0, 2):
            for f in range(2):
                best = 0.0
                for y in (row, row + 1):
                    for x in (column, column + 1):
                        seen = (padded[y : y + 3, x : x + 3] * kernel[:, :, 0, f]).sum() + bias[f]
                        norm = (seen - mean[f]) / np.sqrt(variance[f] + 1e-3)
                        best = max(best, gamma[f] * norm + beta[f])
                expected.append(best)
    found = model.predict_on_batch(picture[None, :, :, None])[0]
    assert np.allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize("shape", [(31, 64, 3), (64, 16, 3)])
def test_a_picture_of_which_nothing_is_left_is_refused(shape):
    with pytest.raises(ValueError, match=r"5 poolings leave nothing .* at least 32"):
        SMod(shape)


def test_an_unknown_order_is_refused():
    with pytest.raises(ValueError, match="order='text': give one of equation, algorithm"):
        SMod(order="text")


@pytest.mark.contract
def test_dropout_is_off_in_inference_and_on_in_training():
    model = SMod((32, 32, 3), filters=(4, 4))
    pixels = _picture(2)
    quiet = [np.asarray(model(pixels, training=False)) for _ in range(2)]
    noisy = [np.asarray(model(pixels, training=True)) for _ in range(2)]
    assert np.array_equal(*quiet)
    assert not np.array_equal(*noisy)


@pytest.mark.contract
def test_it_overfits_one_batch_and_a_saved_one_gives_the_same(tmp_path):
    backend.seed(0)
    body = SMod((32, 32, 3), filters=(8, 8, 8, 8, 8), dropout=0.0)
    output = keras.layers.Dense(1, activation="sigmoid")(body.output)
    model = keras.Model(body.input, output)
    model.compile(keras.optimizers.Adam(1e-2), "binary_crossentropy")
    pixels, labels = _picture(), np.arange(8, dtype=np.float32)[:, None] % 2
    training.trace_once(model, labels, 0 * labels)
    losses = [float(model.train_on_batch(pixels, labels)) for _ in range(40)]
    assert losses[0] > 0.3
    assert losses[-1] < 0.05
    body.save(tmp_path / "smod.keras")
    twin = keras.saving.load_model(tmp_path / "smod.keras")
    assert np.array_equal(twin.predict_on_batch(pixels), body.predict_on_batch(pixels))
