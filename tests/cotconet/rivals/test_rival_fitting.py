"""From a table's row to a compared method's run: weights, copies before the split, predictions."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import pytest
import two_classes
from table2 import CNMC, METHODS

from cotconet import recipe, rivals
from cotconet.rivals import fitting, profiles
from cotconet.rivals.classifier import Rival
from smears import weights as weight_files

seen = []


@dataclass(eq=False, repr=False)
class Standin(Rival):
    """Needs pretrained weights, which cannot be had; predicts the same for every picture."""

    weights: str | None = "imagenet"
    before_split = True

    def fit(self, pictures, y, validation=None):
        if self.weights == "imagenet":
            raise weight_files.NotAvailable("no network")
        seen.append((pictures.marks, y, validation[0].marks, validation[1], self.get_params()))
        self.classes_ = np.unique(y)
        self.facts_ = {"weights": str(self.weights), "parameters": 7}
        self.history_ = pd.DataFrame({"loss": [1.0]})
        return self

    def predict_proba(self, pictures):
        return np.tile([0.8, 0.2], (len(pictures), 1))

    def save(self, folder):
        folder.mkdir()


def _results(out, monkeypatch, *argv, profile="quick"):
    seen.clear()
    monkeypatch.setattr(rivals, "method", lambda name: Standin)
    study = replace(CNMC, rows={"Mohammed et al.": {"method": "mohammed"}})
    standin = two_classes.recipe(fitting.train)
    standin.PROFILES[profile] = standin.PROFILES["quick"]
    standin.settings = lambda _, **row: recipe.settings("quick", **row)
    return two_classes.results(study, standin, out, "--profile", profile, *argv)


def test_the_quick_profile_goes_on_with_random_weights_and_says_so(tmp_path, monkeypatch):
    results = _results(tmp_path, monkeypatch)
    run = results.runs["Mohammed et al."][0]
    assert run.facts["weights"].startswith("random, because the ImageNet weights could not be")
    assert run.facts["copies_test"] == 0
    assert run.facts["method_version"] == 1
    assert "Mohammed-et-al-seed-0" in run.folder.name
    table = run.predictions
    assert set(table["part"]) == {"validation", "test"}
    # Columns in the order of the table's classes, ALL first; the method's own are sorted.
    assert (table["ALL"] == 0.8).all()
    marks, labels, held, _, arguments = seen[0]
    assert len(marks) == len(labels) == (results.split[0] == "train").sum()
    assert not set(marks) & set(held)
    assert arguments["positive"] == "ALL"
    assert arguments["size"] == profiles.PROFILES["quick"]["mohammed"]["size"]


def test_the_positive_class_that_is_asked_for_is_the_method_s(tmp_path, monkeypatch):
    _results(tmp_path, monkeypatch, "--positive", "normal")
    assert seen[0][4]["positive"] == "normal"


def test_other_profiles_leave_the_row_out(tmp_path, monkeypatch):
    results = _results(tmp_path, monkeypatch, profile="laptop")
    assert results.missing == {"Mohammed et al.": "no weights"}
    assert not results.runs


def test_pictures_that_a_method_cannot_learn_from_end_its_row_alone(tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise rivals.Unsuited("all are of one colour")

    monkeypatch.setattr(Standin, "fit", refuse)
    results = _results(tmp_path, monkeypatch)
    assert results.missing == {"Mohammed et al.": "all are of one colour"}


def test_a_given_file_is_used(tmp_path, monkeypatch):
    file = tmp_path / "densenet201.h5"
    file.write_bytes(b"weights")
    _results(tmp_path / "out", monkeypatch, "--weights", f"DenseNet201={file}")
    assert seen[0][4]["weights"] == file


def test_with_the_paper_s_protocol_copies_stand_in_all_parts(tmp_path, monkeypatch):
    def unequal(task, run):
        keep = np.flatnonzero((task.catalogue["label"] == "ALL") | (np.arange(72) % 2 == 0))
        catalogue = task.catalogue.iloc[keep].reset_index(drop=True)
        parts = task.parts.iloc[keep].reset_index(drop=True)
        fitting.train(replace(task, catalogue=catalogue, parts=parts), run)

    monkeypatch.setattr(rivals, "method", lambda name: Standin)
    seen.clear()
    study = replace(CNMC, rows={"Mohammed et al.": {"method": "mohammed"}})
    results = two_classes.results(
        study, two_classes.recipe(unequal), tmp_path, "--split", "paper", "--seeds", "2"
    )  # fmt: skip
    run, other = results.runs["Mohammed et al."]
    # Scores of several seeds are those of one test part.
    names = ["path", "part", "label"]
    pd.testing.assert_frame_equal(run.predictions[names], other.predictions[names])
    marks, labels, _, held_labels, _ = seen[0]
    test = run.predictions[run.predictions["part"] == "test"]
    names, counts = np.unique([*labels, *held_labels, *test["label"]], return_counts=True)
    leukemic = (results.catalogue["label"] == "ALL").sum()
    assert dict(zip(names, counts, strict=True)) == {"ALL": leukemic, "normal": leukemic}
    # Nearly a tenth of what was drawn to parity.
    normal = (results.catalogue["label"] == "normal").sum()
    assert run.facts["copies_test"] == (leukemic - normal // 2) // 10
    assert len(set(marks)) < len(marks)


def test_tables_and_methods_agree_on_versions():
    for name, known in profiles.METHODS.items():
        assert rivals.method(name).version == known.version


def test_every_row_and_profile_has_settings_that_its_method_takes():
    for profile in profiles.PROFILES:
        for name in profiles.METHODS:
            found = recipe.settings(profile, method=name)
            assert found["model"] == profiles.METHODS[name].label
            if name in rivals.METHODS:
                known = set(rivals.method(name)().get_params())
                assert set(found) - {"model", "trunk", "method"} <= known
    labels = {label: row["method"] for label, row in METHODS.items() if row}
    assert labels == {profiles.METHODS[name].label: name for name in labels.values()}


@pytest.mark.parametrize(
    ("row", "message"),
    [({"method": "vgg"}, "give one of mohammed"), ({"method": "das", "head": 1}, "unknown set")],
)
def test_what_nothing_reads_is_refused(row, message):
    with pytest.raises(ValueError, match=message):
        recipe.settings("quick", **row)
