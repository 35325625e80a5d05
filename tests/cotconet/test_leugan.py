"""LeuGAN: sizes of the paper, Equation 2 by hand, and one step that teaches both networks."""

import keras
import numpy as np
import pytest
from keras import ops

from cotconet import leugan
from cotconet.leugan import LeuGAN


def trainable(model):
    return sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)


def value(variable):
    return np.asarray(ops.convert_to_numpy(variable))


def real(count=8):
    return np.random.default_rng(0).uniform(-1, 1, (count, 16, 16, 3)).astype(np.float32)


def generators(gan):
    """The states of dropout and noise: among the variables, but no weights."""
    known = {id(variable) for variable in gan.weights}
    return [variable for variable in gan.variables if id(variable) not in known]


@pytest.fixture(
    scope="module",
    params=[("saturating", "float32", False), ("non-saturating", "mixed_bfloat16", True)],
)
def stepped(request):
    """(a GAN after one step, its logs, its weights before it, its random states before it)."""
    kind, policy, batch_norm = request.param
    gan = LeuGAN(16, latent=8, width=16, loss=kind, batch_norm=batch_norm, seed=5, dtype=policy)
    gan.compile(keras.optimizers.Adam(1e-3), keras.optimizers.Adam(2e-3, beta_1=0.3))
    weights = [value(weight) for weight in gan.trainable_weights]
    states = [value(state) for state in generators(gan)]
    return gan, gan.fit(real(), batch_size=8, verbose=0).history, weights, states


@pytest.fixture(scope="module")
def still():
    """(a GAN whose generator has a rate of zero, its logs, its weights as they were before)."""
    keras.utils.set_random_seed(0)
    gan = LeuGAN(32, latent=8, width=128, seed=3)
    # Else the generator learns to please as fast as it is found out.
    gan.compile(g_optimizer=keras.optimizers.SGD(0.0))
    networks = (gan.generator, gan.discriminator)
    before = [[value(w) for w in network.trainable_weights] for network in networks]
    # Halves, for a batch's mean is what batch normalisation takes away.
    halved = np.random.default_rng(1).uniform(-0.2, 0.2, (32, 32, 32, 3)).astype(np.float32)
    halved += np.where(np.arange(32) < 16, 0.8, -0.8).astype(np.float32)[:, None]
    return gan, gan.fit(halved, batch_size=8, epochs=4, verbose=0).history, before


def test_the_networks_have_the_sizes_that_follow_from_the_paper():
    generator, discriminator = leugan.generator(), leugan.discriminator()
    assert trainable(generator) == 44_574_467
    # Moving averages of batch normalisation: two numbers for each of 1024 + 512 + 256 + 128 maps.
    assert generator.count_params() - trainable(generator) == 2 * 1920
    # 128 + 256 + 512 maps have two numbers of batch normalisation instead of a bias.
    assert trainable(discriminator) == 2_887_617 + 896
    assert discriminator.count_params() - trainable(discriminator) == 2 * 896
    other = leugan.discriminator(batch_norm=False)
    assert other.count_params() == trainable(other) == 2_887_617
    shapes = [layer.output.shape[1:] for layer in generator.layers if "transpose" in layer.name]
    assert shapes == [(32, 32, 512), (64, 64, 256), (128, 128, 128), (256, 256, 3)]
    assert generator.input_shape == (None, 128)
    assert discriminator.output_shape == (None, 1)


@pytest.mark.parametrize(("size", "start"), [(64, 4), (128, 8)])
def test_smaller_pictures_keep_the_four_steps(size, start):
    generator = leugan.generator(size, 128, 64)
    reshaped = next(layer for layer in generator.layers if "reshape" in layer.name)
    assert reshaped.output.shape[1:] == (start, start, 64)
    assert sum("conv2d_transpose" in layer.name for layer in generator.layers) == 4
    assert generator.output_shape == (None, size, size, 3)


@pytest.mark.parametrize(("width", "filters"), [(256, [16, 32, 64, 128]), (64, [8, 8, 16, 32])])
def test_a_narrow_discriminator_goes_with_a_narrow_generator(width, filters):
    layers = leugan.discriminator(64, width=width).layers
    assert [x.filters for x in layers if isinstance(x, keras.layers.Conv2D)] == filters


@pytest.mark.parametrize("size", [0, 8, 100])
def test_a_side_that_four_steps_cannot_reach_is_refused(size):
    with pytest.raises(ValueError, match="multiple of 16"):
        LeuGAN(size)


@pytest.mark.parametrize("wrong", [{"width": 12}, {"loss": "wasserstein"}])
def test_other_arguments_that_do_not_fit_are_refused_by_name(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        LeuGAN(16, **{"width": 8, **wrong})


@pytest.mark.contract
def test_the_losses_are_equation_2_on_the_logits():
    of_real, of_fake = np.array([2.0, -1.0], np.float32), np.array([0.5, -3.0], np.float32)

    def chance(logit):
        return 1 / (1 + np.exp(-logit))

    smoothed = 0.9 * np.log(chance(of_real)) + 0.1 * np.log(1 - chance(of_real))
    by_hand = -smoothed.mean() - np.log(1 - chance(of_fake)).mean()
    assert np.isclose(value(leugan.discriminator_loss(of_real, of_fake)), by_hand, atol=1e-6)
    saturating = value(leugan.generator_loss(of_fake, "saturating"))
    assert np.isclose(saturating, np.log(1 - chance(of_fake)).mean(), atol=1e-6)
    other = value(leugan.generator_loss(of_fake, "non-saturating"))
    assert np.isclose(other, -np.log(chance(of_fake)).mean(), atol=1e-6)


@pytest.mark.contract
@pytest.mark.parametrize("kind", leugan.LOSSES)
def test_the_slope_where_the_discriminator_is_sure_differs_as_derived(kind):
    logits = np.array([[-6.0], [-1.0], [3.0]], np.float32)
    chance = 1 / (1 + np.exp(-logits))
    by_hand = (-chance if kind == "saturating" else chance - 1) / 3
    variable = keras.Variable(logits)
    if keras.backend.backend() == "jax":
        import jax

        slope = jax.grad(lambda x: leugan.generator_loss(x, kind))(variable.value)
    else:
        import tensorflow as tf

        with tf.GradientTape() as tape:
            loss = leugan.generator_loss(variable, kind)
        slope = tape.gradient(loss, variable)
    assert np.allclose(slope, by_hand, atol=1e-6)
    # Sure of a synthetic picture: next to nothing to learn from, or nearly all there is.
    assert (abs(by_hand[0, 0]) * 3 < 0.01) == (kind == "saturating")


@pytest.mark.contract
def test_a_step_moves_both_networks_and_its_losses_are_finite(stepped):
    gan, history, before, _ = stepped
    assert set(history) == {"d_loss", "g_loss", "real_accuracy", "fake_accuracy"}
    assert np.isfinite(list(history.values())).all()
    for weight, was in zip(gan.trainable_weights, before, strict=True):
        assert not np.array_equal(value(weight), was), weight.path
    trained = gan.generator.trainable_weights + gan.discriminator.trainable_weights
    assert len(trained) == len(before)
    assert int(value(gan.optimizer.first.iterations)) == 1
    assert int(value(gan.optimizer.second.iterations)) == 1


@pytest.mark.contract
def test_dropout_and_noise_move_on_with_each_step(stepped):
    gan, _, _, before = stepped
    assert len(before) == (1 if gan.batch_norm else 5)  # one of noise, four of dropout
    for state, was in zip(generators(gan), before, strict=True):
        assert not np.array_equal(value(state), was)


@pytest.mark.contract
def test_each_network_learns_with_its_own_rate(still):
    gan, _, (generator, discriminator) = still
    for weight, was in zip(gan.generator.trainable_weights, generator, strict=True):
        assert np.array_equal(value(weight), was)
    assert not np.array_equal(value(gan.discriminator.trainable_weights[0]), discriminator[0])


@pytest.mark.contract
def test_the_discriminator_learns_to_tell_easy_pictures(still):
    _, history, _ = still
    assert history["d_loss"][-1] < history["d_loss"][0]
    assert history["real_accuracy"][-1] > 0.9


@pytest.mark.contract
def test_noise_lies_within_one_and_is_new_each_time(still):
    gan, *_ = still
    first, second = value(gan.noise(500)), value(gan.noise(500))
    assert first.shape == (500, 8)
    assert np.abs(first).max() <= 1
    assert np.abs(first).max() > 0.99
    assert abs(first.mean()) < 0.05
    assert not np.array_equal(first, second)


@pytest.mark.contract
@pytest.mark.usefixtures("op_by_op")
@pytest.mark.filterwarnings("ignore:Even though the .tf.config")
def test_a_saved_gan_goes_on_with_both_optimizers(tmp_path, stepped):
    gan, *_ = stepped
    gan.save(tmp_path / "gan.keras")
    again = keras.saving.load_model(tmp_path / "gan.keras")
    assert again.get_config() == gan.get_config()
    assert again.generator.layers[1].dtype_policy.name == gan.dtype_policy.name
    assert np.isclose(float(value(again.optimizer.second.learning_rate)), 2e-3)
    assert again.optimizer.second.beta_1 == 0.3
    for kind in ("weights", "optimizer"):
        old, new = (m.weights if kind == "weights" else m.optimizer.variables for m in (gan, again))
        assert len(old) == len(new) > 0
        for a, b in zip(old, new, strict=True):
            assert np.array_equal(value(a), value(b)), a.path
    noise = np.random.default_rng(0).uniform(-1, 1, (2, 8)).astype(np.float32)
    assert np.array_equal(gan.predict(noise, verbose=0), again.predict(noise, verbose=0))
    again.fit(real(), batch_size=8, verbose=0)
    assert int(value(again.optimizer.first.iterations)) == 2


def test_outputs_become_pixels_and_back():
    from smears.pictures import preprocess

    pixels = np.arange(256, dtype=np.uint8).repeat(3).reshape(1, 16, 16, 3)
    assert np.array_equal(leugan.to_pictures(preprocess(pixels, "tf")), pixels)
    assert leugan.to_pictures(np.array([-2.0, 2.0])).tolist() == [0, 255]


@pytest.mark.parametrize(("width", "rate"), [(1024, 2e-4), (256, 4e-4)])
def test_a_narrow_generator_learns_faster_and_the_discriminator_as_ever(width, rate):
    gan = LeuGAN(16, latent=2, width=width)
    gan.compile()
    assert np.isclose(float(value(gan.optimizer.first.learning_rate)), 2e-4)
    assert np.isclose(float(value(gan.optimizer.second.learning_rate)), rate)


@pytest.mark.contract
@pytest.mark.parametrize("kind", leugan.LOSSES)
def test_the_generator_minimises_the_loss_that_was_chosen(kind):
    loss, _ = LeuGAN(16, latent=8, width=8, loss=kind)._generate(real())
    # log(1 - D) is below 0, -log D above.
    assert (float(value(loss)) < 0) == (kind == "saturating")
