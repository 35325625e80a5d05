"""What the compared methods share, on the smallest of them: training, files, bad input."""

import json
from copy import copy

import numpy as np
import pytest
from sklearn.base import clone

from cotconet import rivals
from cotconet.rivals.classifier import oversampled
from cotconet.rivals.das import Das
from cotconet.rivals.jawahar import Jawahar
from smears import InputError

# What TensorFlow says of its datasets where networks run op by op.
pytestmark = pytest.mark.filterwarnings("ignore:Even though the .tf.config")


def _method(cache, **more):
    settings = {"size": 32, "epochs": 12, "batch_size": 8, "learning_rate": 3e-3, "patience": 20}
    return Jawahar(**{**settings, "cache": cache, **more})


@pytest.fixture(scope="module")
def fitted(cells, tmp_path_factory, all_op_by_op):
    """A method after one epoch."""
    train, held = cells
    return _method(tmp_path_factory.mktemp("cache"), epochs=1).fit(*train, validation=held)


@pytest.mark.slow
@pytest.mark.contract
def test_it_learns_a_separable_set(cells, tmp_path):
    train, (pictures, labels) = cells
    learnt = _method(tmp_path).fit(*train, validation=cells[1])
    assert (learnt.predict(pictures) == labels).mean() >= 0.9
    assert learnt.history_["accuracy"].iloc[-1] >= 0.9


def test_probabilities_are_the_same_each_time_and_follow_the_order_of_the_classes(fitted, cells):
    pictures = cells[1][0]
    found = fitted.predict_proba(pictures)
    assert found.shape == (len(pictures), 2)
    assert np.allclose(found.sum(1), 1)
    assert np.array_equal(found, fitted.predict_proba(pictures))
    assert fitted.predict_proba(pictures[:0]).shape == (0, 2)


def test_without_a_cache_a_prediction_leaves_nothing(fitted, cells, tmp_path):
    pictures, model = cells[1][0], copy(fitted)
    model.cache, model._root = None, tmp_path
    assert np.array_equal(model.predict_proba(pictures), fitted.predict_proba(pictures))
    assert not list(tmp_path.iterdir())


def test_the_positive_class_changes_the_code_and_not_the_columns(fitted, cells):
    pictures = cells[1][0]
    other = copy(fitted)
    other.positive_ = "a"
    assert other._part(*cells[1]).codes.tolist() == [1, 0] * 6
    assert fitted._part(*cells[1]).codes.tolist() == [0, 1] * 6
    assert np.array_equal(other.predict_proba(pictures), fitted.predict_proba(pictures)[:, ::-1])


@pytest.mark.slow
@pytest.mark.contract
def test_a_loaded_one_predicts_the_same(fitted, cells, tmp_path):
    fitted.save(tmp_path)
    assert {path.suffix for path in tmp_path.iterdir()} == {".json", ".keras", ".npz"}
    again = rivals.load(tmp_path)
    assert type(again) is Jawahar
    pictures = cells[1][0]
    assert np.allclose(again.predict_proba(pictures), fitted.predict_proba(pictures), atol=1e-6)
    assert again.facts_ == fitted.facts_


def test_a_finished_fit_is_read_and_not_trained_again(fitted, cells):
    train, held = cells
    before = {path: path.stat().st_mtime_ns for path in fitted._root.rglob("*.keras")}
    again = clone(fitted).fit(*train, validation=held)
    assert {path: path.stat().st_mtime_ns for path in fitted._root.rglob("*.keras")} == before
    assert np.allclose(again.predict_proba(train[0]), fitted.predict_proba(train[0]), atol=1e-6)


def test_other_labels_pictures_or_settings_are_another_training(fitted, cells):
    part, fewer = fitted._part(*cells[0]), fitted._part(cells[0][0][:8], cells[0][1][:8])
    other = clone(fitted).set_params(learning_rate=1e-4)
    other._root = fitted._root
    runs = [
        fitted.kept("network", part), fitted.kept("network", fewer), other.kept("network", part),
        fitted.kept("network", part._replace(codes=1 - part.codes)),
    ]  # fmt: skip
    assert len({run.folder for run in runs}) == 4
    assert fitted.kept("network", part).folder == runs[0].folder


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"y": ["a"] * 24}, "tells two classes apart; these are 1: a"),
        ({"y": ["a"] * 3}, "24 pictures, but 3 labels"),
        ({"validation": ([], ["c"])}, "0 pictures and 1 labels"),
    ],
)
def test_bad_input_is_refused_with_its_reason(cells, change, message, tmp_path):
    (pictures, labels), held = cells
    arguments = {"y": labels, "validation": held, **change}
    with pytest.raises(InputError, match=message):
        _method(tmp_path).fit(pictures, **arguments)


def test_numpy_s_scalars_are_plain_values(fitted, cells, tmp_path):
    y, held = ((labels == "b").astype(int) for _, labels in cells)
    numbers = {"positive": np.unique(y)[1], "random_state": np.int64(0), "epochs": np.int64(1)}
    model = _method(fitted.cache, **numbers).fit(cells[0][0], y, validation=(cells[1][0], held))
    model.save(tmp_path)
    assert rivals.load(tmp_path).positive_ == 1
    assert np.array_equal(model.predict_proba(cells[1][0]), fitted.predict_proba(cells[1][0]))


def test_an_unknown_positive_class_is_refused(cells, tmp_path):
    with pytest.raises(InputError, match="positive='c' is none of"):
        _method(tmp_path, positive="c").fit(*cells[0], validation=cells[1])


def test_what_is_no_saved_method_or_another_one_is_refused(fitted, tmp_path):
    with pytest.raises(InputError, match="no saved method"):
        rivals.load(tmp_path)
    fitted.save(tmp_path)
    with pytest.raises(InputError, match="holds Jawahar in format 1, not Das"):
        Das.load(tmp_path)
    known = json.loads((tmp_path / "settings.json").read_text())
    (tmp_path / "settings.json").write_text(json.dumps({**known, "arguments": {"more": 1}}))
    with pytest.raises(InputError, match=r"may be damaged: TypeError .*more"):
        rivals.load(tmp_path)
    (tmp_path / "settings.json").write_text(json.dumps({**known, "method": "Pickle"}))
    with pytest.raises(InputError, match="names one of"):
        rivals.load(tmp_path)


def test_every_named_method_can_be_imported():
    for name, kind in rivals.METHODS.items():
        assert rivals.method(name).__name__ == kind


def test_oversampling_keeps_every_picture_and_draws_the_smaller_class_to_parity():
    codes = np.array([0, 0, 0, 0, 0, 1, 1])
    rows = oversampled(codes, 0)
    assert rows[:7].tolist() == list(range(7))
    assert set(rows[7:]) <= {5, 6}
    assert np.bincount(codes[rows]).tolist() == [5, 5]
    assert np.array_equal(rows, oversampled(codes, 0))
    assert oversampled(np.array([0, 1]), 0).tolist() == [0, 1]


class Weighted(Jawahar):
    """A method with weighted classes that keeps the epoch of the best accuracy."""

    class_weight = True
    monitor = "val_accuracy"


class Oversampled(Weighted):
    """The same, with the smaller class drawn to parity."""

    def rows(self, codes):
        return oversampled(codes, self.random_state)


@pytest.mark.parametrize(
    ("kind", "counts", "weights", "watched"),
    [
        (Jawahar, [8, 12], None, ("val_loss", "min")),
        (Weighted, [8, 12], {0: 20 / 16, 1: 20 / 24}, ("val_accuracy", "max")),
        (Oversampled, [12, 12], {0: 1, 1: 1}, ("val_accuracy", "max")),
    ],
)
def test_it_learns_from_training_pictures_and_is_stopped_by_the_others(
    cells, tmp_path, monkeypatch, kind, counts, weights, watched
):
    seen, stops = {}, []

    def fit(model, train, held, run, epochs, class_weight, callbacks, **_):
        seen.update(train=train, held=held, weights=class_weight)

    def stop(**settings):
        stops.append(settings)

    monkeypatch.setattr("cotconet.rivals.classifier.training.fit", fit)
    monkeypatch.setattr("cotconet.rivals.classifier.keras.callbacks.EarlyStopping", stop)
    pictures, labels = cells[0]
    fewer = [*range(16), 17, 19, 21, 23]  # twelve "b", eight "a"
    kind(32, patience=7, cache=tmp_path).fit(pictures[fewer], labels[fewer], validation=cells[1])
    assert np.bincount(seen["train"].labels).tolist() == counts
    assert seen["train"].shuffle
    assert seen["held"].labels.tolist() == [0, 1] * 6
    assert seen["weights"] == (weights and pytest.approx(weights))
    (known,) = stops
    assert (known["monitor"], known["mode"]) == watched
    assert (known["patience"], known["restore_best_weights"]) == (7, True)
