"""Augmentation: the pixels and the draws of Keras's ImageDataGenerator, from one warp."""

import dataclasses
import warnings

import cv2
import numpy as np
import pytest
from scipy import stats

from smears.augmentation import Augmenter, Band, Transform

EVERYTHING = Augmenter(
    rotation_range=30,
    width_shift_range=0.1,
    height_shift_range=0.2,
    shear_range=15,
    zoom_range=0.5,
    horizontal_flip=True,
    vertical_flip=True,
)


@pytest.fixture(scope="module")
def image():
    noise = np.random.default_rng(0).integers(0, 256, (48, 48, 3), np.uint8)
    return cv2.GaussianBlur(noise, (0, 0), 2)


@pytest.fixture(scope="module")
def generator():
    tensorflow = pytest.importorskip("tensorflow")
    return tensorflow.keras.preprocessing.image.ImageDataGenerator


def _keras(generator, image, transform, fill_mode="nearest"):
    height, width = image.shape[:2]
    numbers = dataclasses.asdict(transform)
    numbers |= {"tx": transform.tx * width, "ty": transform.ty * height}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return generator(fill_mode=fill_mode).apply_transform(image.astype(np.float32), numbers)


SINGLE = {
    "turn": Transform(theta=25),
    "sideways": Transform(tx=0.2),
    "up": Transform(ty=0.2),
    "shear": Transform(shear=-15),
    "zoom": Transform(zx=0.6, zy=1.3),
    "mirror": Transform(flip_horizontal=True),
    "upside down": Transform(flip_vertical=True),
    "all": Transform(20, 0.1, -0.05, 12, 0.8, 1.2, True, True),
}


@pytest.mark.parametrize("fill_mode", ["nearest", "reflect"])
@pytest.mark.parametrize("name", SINGLE)
def test_pixels_equal_those_of_imagedatagenerator(name, fill_mode, image, generator):
    transform = SINGLE[name]
    ours = Augmenter(fill_mode=fill_mode).apply(image.astype(np.float32), transform)
    theirs = _keras(generator, image, transform, fill_mode)
    # OpenCV 4 rounds coordinates to 1/32 pixel; OpenCV 5 does not.
    assert np.abs(ours - theirs).max() < 2
    assert np.abs(ours - theirs).mean() < 0.1
    assert np.abs(theirs - image).mean() > 1


def test_drawn_transforms_give_the_pixels_of_imagedatagenerator(image, generator):
    rng = np.random.default_rng(1)
    for _ in range(10):
        transform = EVERYTHING.draw(rng)
        ours = EVERYTHING.apply(image, transform)
        assert ours.dtype == np.uint8
        assert np.abs(ours - _keras(generator, image, transform)).max() < 2.5


def test_draws_are_distributed_as_those_of_imagedatagenerator(generator):
    rng = np.random.default_rng(2)
    ours = [EVERYTHING.draw(rng) for _ in range(1500)]
    keras_draws = generator(
        rotation_range=30,
        width_shift_range=0.1,
        height_shift_range=0.2,
        shear_range=15,
        zoom_range=0.5,
        horizontal_flip=True,
        vertical_flip=True,
    )
    theirs = [keras_draws.get_random_transform((100, 100, 3), seed=i) for i in range(1500)]
    # ImageDataGenerator of Keras 3 calls the vertical shift "tx" when it draws and moves the
    # image sideways by it.
    pairs = {"theta": "theta", "tx": "ty", "ty": "tx", "shear": "shear", "zx": "zx", "zy": "zy"}
    for name, other in pairs.items():
        scale = 100 if name in ("tx", "ty") else 1
        values = [getattr(draw, name) * scale for draw in ours]
        assert stats.ks_2samp(values, [draw[other] for draw in theirs]).pvalue > 0.001, name
    for name in ("flip_horizontal", "flip_vertical"):
        assert abs(np.mean([getattr(draw, name) for draw in ours]) - 0.5) < 0.05
        assert abs(np.mean([draw[name] for draw in theirs]) - 0.5) < 0.05
    assert abs(np.corrcoef([d.zx for d in ours], [d.zy for d in ours])[0, 1]) < 0.1


def test_draws_depend_on_the_generator_alone():
    first, again = (EVERYTHING.draw(np.random.default_rng([3, 1, 4])) for _ in range(2))
    assert first == again
    assert first != EVERYTHING.draw(np.random.default_rng([3, 1, 5]))


def test_a_band_draws_size_and_sign_apart():
    augmenter = Augmenter(rotation_range=Band(15, 30), zoom_range=Band(0.15, 0.5))
    rng = np.random.default_rng(4)
    draws = [augmenter.draw(rng) for _ in range(500)]
    theta = np.array([draw.theta for draw in draws])
    zoom = np.array([[draw.zx, draw.zy] for draw in draws]) - 1
    for values, low, high in ((theta, 15, 30), (zoom, 0.15, 0.5)):
        assert np.abs(values).min() >= low
        assert np.abs(values).max() <= high
        assert 0.4 < (values > 0).mean() < 0.6


def test_an_object_goes_where_the_names_say():
    image = np.zeros((40, 80, 3), np.uint8)
    image[10, 60] = 255
    apply = Augmenter(fill_mode="constant").apply
    assert apply(image, Transform(tx=0.125))[10, 50, 0] == 255
    assert apply(image, Transform(ty=-0.25))[20, 60, 0] == 255
    assert apply(image, Transform(flip_horizontal=True))[10, 19, 0] == 255
    assert apply(image, Transform(flip_vertical=True))[29, 60, 0] == 255
    assert apply(image, Transform(theta=180))[29, 19, 0] == 255


def test_the_identity_returns_the_very_pixels(image):
    assert np.array_equal(
        Augmenter().apply(image, Augmenter().draw(np.random.default_rng(0))), image
    )


def test_edge_pixels_fill_the_gap_when_fill_mode_is_nearest(image):
    moved = Augmenter().apply(image, Transform(tx=0.25))
    assert np.array_equal(moved[:, -12:], np.repeat(image[:, -1:], 12, axis=1))


@pytest.mark.parametrize(
    "wrong",
    [
        {"zoom_range": 1.0},
        {"zoom_range": (0.8, 1.2)},
        {"rotation_range": -5},
        {"rotation_range": Band(30, 15)},
        {"width_shift_range": 12},
        {"fill_mode": "wrap"},
    ],
)
def test_impossible_ranges_are_refused_by_name(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Augmenter(**wrong)


def test_quarter_turns_and_flips_move_pixels_and_change_none():
    image = np.random.default_rng(0).integers(0, 256, (8, 8, 3), np.uint8)
    augmenter = Augmenter(horizontal_flip=True, quarter_turns=True)
    rng = np.random.default_rng(1)
    shown = {augmenter.apply(image, augmenter.draw(rng)).tobytes() for _ in range(80)}
    turned = [np.rot90(side, turns) for side in (image, image[:, ::-1]) for turns in range(4)]
    assert shown == {np.ascontiguousarray(picture).tobytes() for picture in turned}
