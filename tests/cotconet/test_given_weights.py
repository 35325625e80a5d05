"""--weights SAM=... and ViT=... reach LeuSAM and GMod, are named, and make another run."""

from types import SimpleNamespace

import numpy as np
import pytest
import two_classes
from table2 import CNMC
from table7 import STEPS

from cotconet import fitting, recipe
from smears import InputError, commandline, weights


@pytest.fixture
def files(tmp_path):
    """(file of a SAM, of a ViT)."""
    paths = tmp_path / "sam.weights.h5", tmp_path / "vit.weights.h5"
    for path in paths:
        path.write_text(path.name)
    return paths


class Recorded:
    """Stands in for a fitted CoTCoNet: says what it was given, and what it starts from."""

    classes_ = np.array(["ALL", "normal"])
    segmenter_ = SimpleNamespace(frozen=True)
    history_ = SimpleNamespace(to_dict=lambda kind: [{"loss": 1.0}])

    def __init__(self, **arguments):
        Recorded.given = arguments
        vars(self).update(arguments)
        start = weights.by_content(self.extractor)["weights"]
        self.facts_ = {"synthesised": 0, "weights": start}

    def fit(self, *_, **__):
        pass

    def predict_proba(self, pictures):
        return np.full((len(pictures), 2), 0.5)

    def save(self, folder):
        Recorded.kept = {"leusam": self.leusam, "extractor": self.extractor}


def test_files_given_by_name_reach_their_networks_and_are_named(files, tmp_path, monkeypatch):
    monkeypatch.setattr(fitting, "CoTCoNet", Recorded)
    given = [text for name, path in zip(("SAM", "ViT"), files, strict=True)
             for text in ("--weights", f"{name}={path}")]  # fmt: skip
    standin = two_classes.recipe(fitting.train)
    found = two_classes.results(CNMC, standin, tmp_path / "out", "--rows", "CoTCoNet", *given)
    (run,) = found.runs["CoTCoNet"]
    marks = [weights.label(path) for path in files]
    assert Recorded.given["leusam"]["weights"] == str(files[0])
    assert Recorded.given["extractor"]["weights"] == str(files[1])
    assert [Recorded.kept[name]["weights"] for name in ("leusam", "extractor")] == marks
    assert run.settings["weights_file"] == f"SAM: {marks[0]}; ViT: {marks[1]}"
    assert run.facts["weights"].startswith(f"extractor: {marks[1]}; LeuSAM: {marks[0]}; ")
    assert any(run.facts["weights"] in line for line in found.captions())


def _networks(profile, **row):
    return recipe.networks(recipe.settings(profile, **row))


def test_each_row_takes_the_weights_of_its_own_networks():
    assert _networks("paper") == {"SAM": True, "ViT": True}
    assert _networks("quick") == {"SAM": False, "ViT": False}
    assert _networks("paper", segment=None, features=["smod"]) == {}
    assert _networks("paper", segment="unet") == {"ViT": True}
    assert _networks("paper", method="das") == {"ResNet18": True}
    assert _networks("paper", method="gehlot") == {}
    others = {"features": ["gmod"], "segment": None}
    assert _networks("paper", extractor="ViT-L/32", **others) == {"ViT-L/32": True}
    assert _networks("paper", extractor="ViT-H/16", **others) == {"ViT-H/16": False}


def test_a_folder_is_searched_where_the_row_starts_from_published_weights(files):
    folder = files[0].parent
    found = weights.files({"": folder}, _networks("paper"))
    assert found == {"SAM": files[0], "ViT": files[1]}
    assert weights.files({"": folder}, _networks("quick")) == {}
    with pytest.raises(InputError, match="no file of ViT-L/32"):
        weights.files({"ViT-L/32": folder}, {"ViT-L/32": True})


def test_the_command_line_knows_the_networks(files, tmp_path, capsys):
    for given in ("SAM", "ViT", "ViT-B/32"):
        arguments = ["--weights", f"{given}={files[1]}", "--out", str(tmp_path / "out")]
        assert commandline.parse([STEPS], arguments).weights == {given: files[1]}
    with pytest.raises(SystemExit):
        commandline.parse([CNMC], ["--weights", f"SMod={files[1]}"])
    assert "SAM, ViT" in capsys.readouterr().err


def test_runs_without_weights_keep_their_names(tmp_path):
    def train(task, run):
        part = task.catalogue.iloc[task.positions("test")].assign(part="test")
        run.write_predictions(part, task.classes, np.full((len(part), 2), 0.5))

    standin = two_classes.recipe(train)
    found = two_classes.results(CNMC, standin, tmp_path / "out", "--rows", "CoTCoNet")
    settings = found.runs["CoTCoNet"][0].settings
    assert (settings["trunk"], settings["weights_file"]) == (None, "")
    assert "networks" not in settings
