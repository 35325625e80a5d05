"""Khandekar et al.'s method with a tiny detector: boxes from masks, labels from boxes, loading."""

import keras
import numpy as np
import pytest

from cotconet import rivals
from cotconet.rivals import khandekar
from cotconet.rivals.khandekar import Khandekar, Steps, probability


def cells(count, seed):
    """Pictures of 64 pixels with one dark disc each: "ALL" large, "normal" small; labels."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:64, :64]
    pictures = np.full((count, 64, 64, 3), (235, 215, 225), np.uint8)
    labels = np.array(["ALL", "normal"] * (count // 2))
    for picture, label in zip(pictures, labels, strict=True):
        x, y = rng.integers(22, 42, 2)
        radius = 16 if label == "ALL" else 9
        picture[(rows - y) ** 2 + (columns - x) ** 2 <= radius**2] = (90, 40, 130)
    return pictures, labels


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    """(fitted method with a network of three convolutions, its cache, arguments of fit)."""

    def tiny(size, classes, width, depth):
        pixels = keras.Input((size, size, 3))
        x = keras.layers.Rescaling(1 / 255)(pixels)
        heads = []
        for stride in (8, 16, 32):
            pooled = keras.layers.AveragePooling2D(stride)(x)
            heads.append(keras.layers.Conv2D(21, 3, padding="same", dtype="float32")(pooled))
        return keras.Model(pixels, heads)

    cache = tmp_path_factory.mktemp("cache")
    known = cells(16, 0), cells(8, 1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(khandekar, "yolov4", tiny)
        model = Khandekar(64, epochs=4, batch_size=8, positive="ALL", cells="main", cache=cache)
        model.fit(*known[0], validation=known[1])
    return model, cache, known


@pytest.mark.slow
@pytest.mark.contract
def test_it_is_fitted_and_answers_in_probabilities(fitted):
    model, _, (_, (pictures, labels)) = fitted
    found = model.predict_proba(pictures)
    np.testing.assert_allclose(found.sum(1), 1)
    np.testing.assert_array_equal(found, model.predict_proba(pictures))
    # A batch's other pictures have no say.
    np.testing.assert_allclose(found[3:5], model.predict_proba(pictures[3:5]), atol=1e-5)
    assert len(model.history_) == 4
    assert {"loss", "val_loss"} <= set(model.history_)
    assert model.history_["loss"].iloc[-1] < model.history_["loss"].iloc[0]
    assert 0 <= model.facts_["map_validation"] <= 1
    assert model.facts_["map_validation"] == model.mean_average_precision(pictures, labels)
    assert model.judged(pictures, labels) == {"map_test": model.facts_["map_validation"]}


@pytest.mark.slow
@pytest.mark.contract
def test_the_label_is_that_of_the_surest_box_of_the_positive_class(fitted):
    model, _, (_, (pictures, _)) = fitted
    every = model.detect(pictures, confidence=0)
    column = model.classes_.tolist().index("ALL")
    for rows, probabilities in zip(every, model.predict_proba(pictures), strict=True):
        surest = rows[rows[:, 5] == 1][:, 4].max(initial=0)
        assert probabilities[column] == pytest.approx(probability(surest))
    assert all((rows[:, 4] >= 0.25).all() for rows in model.detect(pictures))


def test_confidence_025_is_an_even_chance_and_the_ranking_is_kept():
    assert [probability(value) for value in (0, 0.125, 0.25, 1)] == [0, 0.25, 0.5, 1]
    line = [probability(value) for value in np.linspace(0, 1, 101)]
    assert (np.diff(line) > 0).all()


@pytest.mark.slow
@pytest.mark.contract
def test_what_is_saved_answers_the_same(fitted, tmp_path):
    model, _, (_, (pictures, _)) = fitted
    model.save(tmp_path)
    again = rivals.load(tmp_path)
    assert isinstance(again, Khandekar)
    np.testing.assert_allclose(
        again.predict_proba(pictures), model.predict_proba(pictures), atol=1e-6
    )


@pytest.mark.slow
def test_a_fit_that_is_kept_is_not_repeated(fitted, monkeypatch):
    model, cache, ((pictures, labels), held) = fitted
    monkeypatch.setattr(Khandekar, "train_network", None)
    again = Khandekar(64, epochs=4, batch_size=8, positive="ALL", cells="main", cache=cache)
    again.fit(pictures, labels, validation=held)
    found = again.predict_proba(pictures)
    np.testing.assert_allclose(found, model.predict_proba(pictures), atol=1e-6)


@pytest.mark.slow
def test_boxes_come_from_thresholds_or_from_the_masks_at_hand(fitted):
    model, _, ((pictures, labels), _) = fitted
    found = model._part(pictures, labels)
    assert found.codes.tolist() == (labels == "ALL").astype(int).tolist()
    sides = [rows[0, 2:] - rows[0, :2] for rows in found.boxes]
    np.testing.assert_allclose(sides[0], 33 / 64, atol=5 / 64)
    np.testing.assert_allclose(sides[1], 19 / 64, atol=5 / 64)
    assert [rows[0, 4] for rows in found.truths[:2]] == [1, 0]

    class Masked:
        """Pictures whose data set has masks."""

        def __getitem__(self, index):
            return pictures[index]

        def true_mask(self, index):
            mask = np.zeros((64, 64), bool)
            mask[8:16, 32:64] = True
            return mask

    np.testing.assert_allclose(model._boxes(Masked(), 0), [[0.5, 0.125, 1, 0.25]])


def test_a_cell_on_black_has_the_box_of_what_is_not_black():
    picture = np.zeros((80, 80, 3), np.uint8)
    picture[20:60, 10:70] = 150
    np.testing.assert_allclose(
        Khandekar()._boxes([picture], 0), [[0.125, 0.25, 0.875, 0.75]], atol=1e-6
    )


@pytest.mark.contract
def test_the_rate_rises_with_the_fourth_power_and_falls_twice():
    rate = Steps(1e-3, 100, (800, 900))
    found = [float(rate(step)) for step in (0, 49, 99, 500, 799, 800, 900)]
    np.testing.assert_allclose(found, [1e-11, 1e-3 / 16, 1e-3, 1e-3, 1e-3, 1e-4, 1e-5], rtol=1e-5)


@pytest.mark.parametrize(
    ("count", "batch_size", "first", "patience"),
    [(64, 64, 1000, 1000), (64, 1, 16, 16), (640, 1, 2, 10)],
)
def test_it_is_not_stopped_before_the_rate_has_risen(
    tmp_path, monkeypatch, count, batch_size, first, patience
):
    seen = {}

    def fit(network, train, held, run, epochs, callbacks, **more):
        seen.update(epochs=epochs, stop=callbacks[-1])

    monkeypatch.setattr(khandekar.training, "fit", fit)
    store = tmp_path / "pictures.npy"
    np.save(store, np.zeros((count, 64, 64, 3), np.uint8))
    part = khandekar.Part(store, np.zeros(count, int), [np.zeros((0, 4))] * count)
    model = Khandekar(64, batch_size=batch_size)
    model.arrays_ = {"anchors": np.full((9, 2), 0.5, np.float32)}
    pixels = keras.Input((64, 64, 3))
    network = keras.Model(pixels, keras.layers.Conv2D(21, 1)(pixels))
    model.train_network(network, part, part, None)
    assert seen["epochs"] == -(-6000 // -(-count // batch_size))
    assert (seen["stop"].start_from_epoch, seen["stop"].patience) == (first, patience)


def test_each_head_learns_its_own_anchors_from_the_training_part(tmp_path, monkeypatch):
    seen = {}

    def fit(network, train, held, run, epochs, **_):
        seen.update(train=train, held=held, loss=network.loss)

    monkeypatch.setattr(khandekar.training, "fit", fit)
    parts = []
    for name, count in (("train", 6), ("held", 4)):
        np.save(tmp_path / f"{name}.npy", np.zeros((count, 64, 64, 3), np.uint8))
        boxes = [np.array([[0, 0, 0.5, 0.5]], np.float32)] * count
        parts.append(khandekar.Part(tmp_path / f"{name}.npy", np.zeros(count, int), boxes))
    model = Khandekar(64, batch_size=4)
    model.arrays_ = {"anchors": np.linspace(0.1, 0.9, 18, dtype=np.float32).reshape(9, 2)}
    pixels = keras.Input((64, 64, 3))
    heads = [keras.layers.Conv2D(21, 1)(pixels) for _ in range(3)]
    model.train_network(keras.Model(pixels, heads), *parts, None)
    assert (seen["train"].store, seen["held"].store) == (parts[0].store, parts[1].store)
    assert (seen["train"].augment, seen["held"].augment) == (True, False)
    assert [loss.head for loss in seen["loss"]] == [0, 1, 2]


def test_each_head_is_read_with_its_own_anchors():
    model = Khandekar(64)
    model.arrays_ = {"anchors": np.repeat(np.linspace(0.1, 0.9, 9)[:, None], 2, 1)}
    for number in range(3):
        heads = [np.full((1, 1, 1, 21), -20, np.float32) for _ in range(3)]
        heads[number] = np.zeros((1, 1, 1, 21), np.float32)
        (rows,) = model._read(heads)
        # Of boxes about one middle the first of equals suppresses what overlaps it.
        assert rows[0, 2] - rows[0, 0] == pytest.approx(0.1 + 0.3 * number)
        assert rows[:, 4] == pytest.approx(0.25)
