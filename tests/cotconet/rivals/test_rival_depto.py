"""DenseNet-121 with weights and a conditional GAN: its size, parity, the GAN's labels."""

import keras
import numpy as np
import pytest

from cotconet import rivals
from cotconet.rivals import conditional, pretrained
from cotconet.rivals.conditional import ConditionalGAN, Labelled
from cotconet.rivals.depto import Depto, with_head
from smears import training
from smears.runs import Run
from smears.weights import NotAvailable


@pytest.fixture
def asked(cells, monkeypatch):
    """What a conditional GAN that is not trained was asked for, (label, count); it gives cells."""
    made = []

    def synthesise(gan, label, count, seed):
        made.append((label, count))
        return cells[1][0][:count]

    monkeypatch.setattr(conditional, "train", lambda *arguments, **settings: None)
    monkeypatch.setattr(conditional, "synthesise", synthesise)
    return made


@pytest.mark.slow
def test_it_has_the_parameters_that_its_parts_imply():
    network = with_head(pretrained.densenet("DenseNet121", 224, None)[0])
    assert network.count_params() == 7_038_529
    assert network.layers[-1].activation.__name__ == "sigmoid"


def test_the_gan_is_told_the_label_and_shows_it_in_a_fourth_channel():
    gan = ConditionalGAN(16, latent=4, width=8)
    assert gan.generator.input_shape == (None, 5)
    assert gan.discriminator.input_shape == (None, 16, 16, 4)
    assert gan.generator.get_layer("embedding").count_params() == 2 * 50
    noise = np.random.default_rng(0).uniform(-1, 1, (1, 4))
    given = np.concatenate([np.repeat(noise, 2, 0), [[0], [1]]], axis=1).astype(np.float32)
    made = gan.generator.predict_on_batch(given)
    assert (made[0, ..., 3] == -1).all()
    assert (made[1, ..., 3] == 1).all()
    # An untrained generator's values are of the order of 1e-9.
    assert not np.allclose(made[0, ..., :3], made[1, ..., :3], atol=0)


def test_real_pictures_carry_their_label_and_the_generator_is_asked_for_the_same(tmp_path):
    pictures = np.random.default_rng(0).integers(0, 255, (3, 16, 16, 3)).astype(np.uint8)
    codes = np.array([1, 0, 1])
    shown = Labelled(
        pictures, np.arange(3), codes, classes=1, batch_size=3, preprocess="tf"
    )[0][0]  # fmt: skip
    assert shown.shape == (3, 16, 16, 4)
    assert (shown[..., 3] == np.array([1, -1, 1])[:, None, None]).all()
    given = np.asarray(ConditionalGAN(16, latent=4, width=8).inputs_like(shown))
    assert given.shape == (3, 5)
    assert given[:, 4].tolist() == [1, 0, 1]


def test_a_gan_learns_from_even_batches_and_leaves_no_checkpoint(tmp_path, monkeypatch):
    def fit(gan, real, held, run, *_, **__):
        sizes.extend(len(real[number][1]) for number in range(len(real)))
        (run.folder / "checkpoint").mkdir(parents=True)

    sizes, run = [], Run(tmp_path, "gan", {})
    monkeypatch.setattr(conditional.training, "fit", fit)
    np.save(tmp_path / "pictures.npy", np.zeros((9, 16, 16, 3), np.uint8))
    codes = np.arange(9) % 2
    conditional.train(tmp_path / "pictures.npy", codes, run, size=16, width=8, batch_size=8)
    assert sizes == [5, 4]
    assert not (run.folder / "checkpoint").exists()


@pytest.mark.slow
@pytest.mark.contract
def test_after_training_a_light_class_comes_out_lighter_than_a_dark_one(tmp_path):
    rng = np.random.default_rng(0)
    codes = np.array([0, 1] * 8)
    pictures = 30 + 190 * codes[:, None, None, None] + rng.integers(0, 20, (16, 32, 32, 3))
    np.save(tmp_path / "pictures.npy", pictures.astype(np.uint8))
    run = Run(tmp_path, "gan", {})
    arguments = {"size": 32, "width": 128, "epochs": 60, "batch_size": 8}
    gan = conditional.train(tmp_path / "pictures.npy", codes, run, **arguments)
    dark, light = (conditional.synthesise(gan, label, 5) for label in (0, 1))
    assert dark.shape == (5, 32, 32, 3)
    assert light.mean() > dark.mean() + 20
    again = conditional.train(tmp_path / "pictures.npy", codes, run, **arguments)
    assert np.array_equal(conditional.synthesise(again, 1, 3), light[:3])
    assert len(run.history) == 60


@pytest.mark.slow
@pytest.mark.contract
def test_it_learns_with_synthetic_pictures_to_parity_and_a_loaded_one_predicts_the_same(
    tiny_densenet, cells, tmp_path, asked
):
    pictures, labels = cells[0]
    fewer = [*range(16), 17, 19, 21, 23]  # twelve "b", eight "a"
    model = Depto(
        32, epochs=25, batch_size=8, learning_rate=5e-3, weights=None, gan={"size": 32},
        cache=tmp_path / "cache",
    )  # fmt: skip
    model.fit(pictures[fewer], labels[fewer], validation=cells[1])
    assert asked == [(0, 4)]
    assert model.facts_["synthesised"] == 4
    assert (model.predict(pictures) == labels).mean() >= 0.9
    model.save(tmp_path / "saved")
    again = rivals.load(tmp_path / "saved")
    assert np.allclose(again.predict_proba(pictures), model.predict_proba(pictures), atol=1e-5)
    assert isinstance(again.network_, keras.Model)


def test_without_synthesis_no_gan_is_trained(tiny_densenet, cells, tmp_path, monkeypatch):
    monkeypatch.setattr(Depto, "trained", lambda self, train, held: (train, held))
    model = Depto(32, weights=None, synthesise=False, cache=tmp_path).fit(
        *cells[0], validation=cells[1]
    )
    assert model.facts_["synthesised"] == 0
    assert len(model.network_[0].codes) == 24


@pytest.mark.slow
def test_few_steps_of_a_deep_network_need_no_graph(cells, tmp_path, monkeypatch):
    def deep(name, size, weights):
        x = pixels = keras.Input((size, size, 3))
        x = keras.layers.Conv2D(2, 3, strides=8)(x)
        for _ in range(101):
            x = keras.layers.Activation("linear")(keras.layers.BatchNormalization()(x))
        return keras.Model(pixels, x), "random"

    eager = []
    fit = training.fit

    def watched(model, *arguments, **settings):
        eager.append(model.run_eagerly)
        return fit(model, *arguments, **settings)

    monkeypatch.setattr(pretrained, "densenet", deep)
    monkeypatch.setattr(training, "fit", watched)
    model = Depto(32, epochs=1, batch_size=12, weights=None, synthesise=False, cache=tmp_path)
    model.fit(*cells[0], validation=cells[1])
    assert eager == [True]
    assert np.isfinite(model.history_[["loss", "val_loss"]].to_numpy()).all()
    assert model.predict_proba(cells[1][0]).shape == (12, 2)


def test_weights_that_cannot_be_had_end_it_before_the_gan_is_trained(tmp_path, monkeypatch):
    def unavailable(*_):
        raise NotAvailable("no network")

    monkeypatch.setattr(pretrained, "densenet", unavailable)
    monkeypatch.setattr(conditional, "train", lambda *_, **__: pytest.fail("the GAN was trained"))
    pictures = np.zeros((8, 32, 32, 3), np.uint8)
    method = Depto(size=32, cache=tmp_path)
    with pytest.raises(NotAvailable):
        method.fit(pictures[:6], [0, 0, 0, 0, 1, 1], validation=(pictures[6:], [0, 1]))


def test_synthetic_pictures_of_the_smaller_class_stand_behind_the_real_ones(cells, tmp_path, asked):
    model = Depto(32, weights=None, gan={"size": 32}, cache=tmp_path)
    model.facts_, model.classes_, model.positive_ = {}, np.array(["a", "b"]), "b"
    model._open()
    fewer = [*range(16), 17, 19, 21, 23]  # twelve "b", eight "a"
    part = model._balanced(model._part(cells[0][0][fewer], cells[0][1][fewer]))
    assert asked == [(0, 4)]
    assert part.codes[20:].tolist() == [0, 0, 0, 0]
    shown = np.load(part.store)
    assert np.array_equal(shown[:20], cells[0][0][fewer])
    assert np.array_equal(shown[20:], cells[1][0][:4])
    assert Depto.class_weight
