"""LIME here is the package lime's, faster, with intervals, and it says when it is not stable."""

import keras
import numpy as np
import pytest

from smears import drawing, images
from smears.classifier import Classifier
from smears.explain import lime


class Kept:
    """A classifier whose answer tells how much of each place is as it was in a picture.

    Args:
        picture: uint8 (h, w, 3). gains: list of (mask or pair of slices, what it adds).
    """

    classes = ("without", "with")

    def __init__(self, picture, gains):
        self.picture = picture
        self.gains = [(_place(place), gain) for place, gain in gains]

    def scores(self, pictures):
        same = (np.asarray(pictures) == self.picture).all(-1)
        found = 0.4 + sum(gain * same[(..., *place)].mean(-1) for place, gain in self.gains)
        return np.stack([1 - found, found], axis=1)


def _place(place):
    """Indices of a mask's or a rectangle's pixels, so that they come out as one axis."""
    mask = np.zeros((80, 96), bool)
    mask[place] = True
    return mask.nonzero()


class Chance:
    """Answers by chance, the same to the same picture."""

    classes = ("a", "b")

    def scores(self, pictures):
        places = np.arange(1, np.size(pictures[0]) + 1).reshape(np.shape(pictures)[1:])
        found = np.einsum("nhwc,hwc->n", pictures, places) * 2654435761 % 2**32 / 2**32
        return np.stack([1 - found, found], axis=1)


class Both:
    """The mean of two classifiers' answers, the first counted twice."""

    classes = ("a", "b")

    def __init__(self, *parts):
        self.parts = parts

    def scores(self, pictures):
        first, second = (part.scores(pictures) for part in self.parts)
        return (2 * first + second) / 3


RED = slice(8, 24), slice(12, 28)
BLUE = slice(50, 66), slice(60, 76)


@pytest.fixture(autouse=True)
def cut_once(monkeypatch):
    """Superpixels of the same picture are found once for all tests."""
    real = lime.superpixels

    def cut(picture):
        key = picture.shape, picture.tobytes()
        if key not in CUT:
            CUT[key] = real(picture)
        return CUT[key]

    monkeypatch.setattr(lime, "superpixels", cut)


CUT = {}


@pytest.fixture(scope="module")
def planted():
    """Grey noise with a red and a blue patch, uint8 (80, 96, 3): no pixel has its mean colour."""
    picture = np.random.default_rng(0).integers(110, 140, (80, 96, 3))
    picture[RED] += 90, -60, -60
    picture[BLUE] += -60, -60, 90
    return picture.astype(np.uint8)


@pytest.fixture(scope="module")
def patches(planted):
    return Kept(planted, [(RED, 0.4), (BLUE, -0.3)])


@pytest.fixture(scope="module")
def five(planted):
    """Five superpixels matter, the others do not."""
    regions = lime.superpixels(planted)
    order = np.argsort(-np.bincount(regions.ravel()))[:5]
    gains = (0.3, 0.25, 0.2, -0.15, -0.1)
    return Kept(planted, [(regions == n, gain) for n, gain in zip(order, gains, strict=True)])


@pytest.fixture(scope="module")
def cell():
    return drawing.draw("AML", 1, 0, 96)[0]


def test_a_planted_patch_is_found_with_its_sign(planted, patches):
    found = lime.explain(patches, [planted], 1)[0]
    best, worst = found.weights.argmax(), found.weights.argmin()
    assert (found.regions[RED] == best).mean() > 0.5
    assert (found.regions[BLUE] == worst).mean() > 0.5
    assert found.map[RED].mean() > 0.5 > 0.05 > np.delete(found.map, RED[0], axis=0).mean()
    assert found.map[found.regions == worst].max() == 0
    assert found.weights[worst] < -3 * found.spread[worst] < 0
    assert (found.map.shape, found.map.max(), found.map.min()) == ((80, 96), 1, 0)
    other = lime.explain(patches, [planted], 0)[0]
    np.testing.assert_allclose(other.weights, -found.weights, atol=1e-9)


def test_weights_are_those_of_the_package_for_the_same_seed(planted, patches):
    from lime.lime_image import LimeImageExplainer

    theirs = LimeImageExplainer(random_state=5).explain_instance(
        planted, patches.scores, num_samples=100, segmentation_fn=lime.superpixels
    )
    found = lime.explain(patches, [planted], 1, samples=100, most=100, seed=5)[0]
    np.testing.assert_array_equal(found.regions, theirs.segments)
    np.testing.assert_allclose(
        found.weights, [weight for _, weight in sorted(theirs.local_exp[1])], rtol=1e-7
    )


def test_samples_in_two_steps_are_those_of_one(planted):
    once, grown = (
        lime.explain(Chance(), [planted], 1, samples=samples, most=400)[0] for samples in (400, 100)
    )
    assert grown.source["samples"] == once.source["samples"] == 400
    np.testing.assert_array_equal(once.weights, grown.weights)


def test_the_same_seed_gives_the_same_bytes_and_numpys_own_state_is_left_alone(planted):
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    first, again, other = (
        lime.explain(Chance(), [planted], samples=64, most=64, seed=seed)[0] for seed in (2, 2, 3)
    )
    for part in ("map", "regions", "weights", "spread"):
        assert getattr(first, part).tobytes() == getattr(again, part).tobytes()
    assert first.weights.tobytes() != other.weights.tobytes()
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


def test_samples_grow_to_the_limit_and_an_unstable_explanation_says_so(planted, five):
    found = lime.explain(Chance(), [planted], 1, samples=64, most=200)[0]
    assert found.source["samples"] == 200
    assert found.note == "the 5 strongest superpixels are not stable at 200 samples"
    settled = lime.explain(five, [planted], 1, samples=64, most=2048)[0]
    assert settled.note == ""
    assert settled.source["samples"] < 2048


def test_the_spread_is_that_of_the_weights_over_seeds(planted, five):
    answers = Both(five, Chance())
    runs = [
        lime.explain(answers, [planted], 1, samples=160, most=160, seed=seed)[0]
        for seed in range(25)
    ]
    seen = 1.96 * np.std([run.weights for run in runs], axis=0)
    told = np.mean([run.spread for run in runs], axis=0)
    assert 0.85 < np.median(told / seen) < 1.2


def test_flat_explanations_say_why(planted):
    def explained(gains):
        return lime.explain(Kept(planted, gains), [planted], 1, samples=256, most=256)[0]

    found = explained([(RED, 0.0)])
    assert found.note == "the class's probability is the same whatever is hidden"
    assert not found.map.any()
    assert not found.weights.any()
    assert not found.spread.any()
    regions = lime.superpixels(planted)
    found = explained([(regions == n, -0.4 / regions.max()) for n in range(regions.max() + 1)])
    assert found.note == "no superpixel speaks for the class"
    assert not found.map.any()
    assert found.weights.max() < 0


def test_a_picture_of_one_superpixel_has_nothing_to_compare(planted, monkeypatch):
    monkeypatch.setattr(lime, "superpixels", lambda picture: np.zeros(picture.shape[:2], int))
    found = lime.explain(Chance(), [planted], samples=32, most=32)[0]
    assert found.note == "the picture is a single superpixel: nothing to compare"


def test_a_picture_is_cut_up_alike_at_any_size_and_shown_at_the_classifiers(cell):
    class Sized(Chance):
        size, shapes = 32, set()

        def scores(self, pictures):
            self.shapes.update(picture.shape for picture in pictures)
            return super().scores(pictures)

    large = np.kron(cell, np.ones((8, 8, 1), np.uint8))
    found, of_small = lime.explain(Sized(), [large, cell], samples=32, most=32)
    assert found.regions.shape == found.map.shape == large.shape[:2]
    assert Sized.shapes == {(32, 32, 3)}
    for one in (found, of_small):
        assert 20 < one.source["segments"] < 100
        assert one.source["segments"] == len(one.weights) == len(one.spread)


@pytest.mark.contract
def test_a_network_is_explained_by_its_own_answers_to_what_it_was_trained_on(cell):
    keras.utils.set_random_seed(0)
    inputs = keras.Input((32, 32, 3))
    x = keras.layers.Conv2D(4, 3, activation="relu")(inputs)
    x = keras.layers.Dense(3, activation="softmax")(keras.layers.GlobalAveragePooling2D()(x))
    classifier = Classifier(keras.Model(inputs, x), tuple("abc"), 32, "tf")
    found = lime.explain(classifier, [cell, cell], 2, samples=48, most=48)
    assert [one.target for one in found] == [2, 2]
    assert found[0].weights.tobytes() == found[1].weights.tobytes()
    most = lime.explain(classifier, [cell], samples=48, most=48)[0]
    assert most.target == classifier.scores([images.resize(cell, 32)]).argmax()


def test_the_picture_shows_the_strongest_superpixels_in_green_and_red(planted, patches):
    found = lime.explain(patches, [planted], 1)[0]
    shown = lime.regions_picture(planted, found, most=2).astype(int)
    change = shown - planted
    for region, channel in ((found.weights.argmax(), 1), (found.weights.argmin(), 0)):
        place = found.regions == region
        inner = place & (shown.max(2) < 255) & (shown.max(2) > 0)
        assert change[inner].mean(0).argmax() == channel
        assert change[place].any()
    top = np.isin(found.regions, [found.weights.argmax(), found.weights.argmin()])
    assert not change[~top].any()
