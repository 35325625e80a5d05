"""Served from a run's folder, the network answers as it did in the run."""

import io
from pathlib import Path

import numpy as np
import pytest
import tiny_service

from leukocytenet.service import __main__ as command
from leukocytenet.service.app import create_app
from smears import InputError, calibration
from smears.classifier import Classifier


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return tiny_service.run(tmp_path_factory.mktemp("run"))


@pytest.fixture(scope="module")
def client(run):
    loaded = Classifier.load(run[0].folder)
    return create_app(loaded, run[0], methods=tiny_service.METHODS).test_client()


def test_probabilities_equal_the_stored_predictions(run, client):
    made, frame = run
    stored = made.predictions
    paths = {Path(path).name: path for path in frame["path"]}
    files = [(paths[Path(name).name], Path(name).name) for name in stored["path"]]
    answer = client.post("/api/predict", data={"images": files})
    classes = list(tiny_service.CLASSES)
    temperature = calibration.of(stored)["temperature"]
    assert len(stored) == len(answer.json["images"]) == 18
    for entry, (_, row) in zip(answer.json["images"], stored.iterrows(), strict=True):
        own = {found["class"]: found["uncalibrated"] for found in entry["probabilities"]}
        expected = row[classes].to_numpy(float)
        np.testing.assert_allclose([own[name] for name in classes], expected, rtol=1e-5)
        scaled = calibration.scale(expected[None], temperature)[0]
        shown = {found["class"]: found["probability"] for found in entry["probabilities"]}
        np.testing.assert_allclose([shown[name] for name in classes], scaled, rtol=1e-4)


def test_the_card_tells_what_the_run_measured(run, client):
    made, _ = run
    model = client.get("/api/model").json
    assert model["name"] == "Tiny"
    assert model["run"] == made.folder.name
    test = made.predictions[made.predictions["part"] == "test"]
    classes = list(tiny_service.CLASSES)
    right = test[classes].to_numpy().argmax(1) == [classes.index(name) for name in test["label"]]
    assert model["metrics"]["pictures"] == 9
    assert model["metrics"]["accuracy"] == pytest.approx(right.mean())
    assert [row["support"] for row in model["metrics"]["classes"]] == [3, 3, 3]
    assert model["calibration"]["validation"] == 9
    assert model["warnings"] == {"size": True, "blur": True, "unlike_training": True, "reason": ""}
    assert model["training"]["pictures"]["width"] == [64, 64, 64]
    assert str(made.folder.parent) not in client.get("/api/model").text


def test_a_card_in_the_run_is_shown(run):
    made, _ = run
    (made.folder / "MODEL_CARD.md").write_text("# Tiny\n\nFor tests.", encoding="utf-8")
    app = create_app(Classifier.load(made.folder), made, methods=tiny_service.METHODS)
    assert app.test_client().get("/api/model").json["card"] == "# Tiny\n\nFor tests."


def test_pictures_unlike_the_training_data_are_told_and_training_pictures_are_not(
    run, client, encoded
):
    _, frame = run
    usual = frame.loc[frame["part"] == "train", "path"].iloc[:8]
    data = {"images": [(path, "a.png") for path in usual]}
    entries = client.post("/api/predict", data=data).json["images"]
    assert sum(bool(entry["warnings"]) for entry in entries) <= 1
    noise = {"images": [(io.BytesIO(encoded(size=(64, 64))), "x")]}
    (entry,) = client.post("/api/predict", data=noise).json["images"]
    assert any("Unlike the training data" in text for text in entry["warnings"])


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--model", "x", "--cors", "*"], "give scheme and host"),
        (["--model", "x", "--cors", "https://a/b"], "give scheme and host"),
        (["--model", "x", "--port", "70000"], "0 to 65535"),
        ([], "--model"),
    ],
)
def test_wrong_arguments_are_refused(arguments, reason, capsys):
    with pytest.raises(SystemExit) as ended:
        command.parse(arguments)
    assert ended.value.code == 2
    assert reason in capsys.readouterr().err


def test_the_command_refuses_what_is_no_run(tmp_path, capsys):
    with pytest.raises(SystemExit) as ended:
        command.main(["--model", str(tmp_path)])
    assert ended.value.code == 2
    assert "no run's folder" in capsys.readouterr().err
    with pytest.raises(InputError):
        Classifier.load("gs://bucket/model.keras")
