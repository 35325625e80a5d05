"""Served from a run's folder, the network answers as it did in the run."""

import contextlib
import io
import json
import shutil
import socket
import threading
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import tiny_service

from leukocytenet.service import __main__ as command
from leukocytenet.service import card as service_card
from leukocytenet.service import channel
from leukocytenet.service.app import create_app
from smears import InputError, calibration, card, splits
from smears.classifier import Classifier
from smears.runs import Run


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


def test_a_failed_check_is_told_beside_the_map(run, client, tmp_path):
    scores = {"Light": {"check with random weights": "fails", "pictures": 1}}
    known = {"zheng": {"explained": "the most probable class", "scores": scores}}
    other = shutil.copytree(run[0].folder, tmp_path / "measured")
    (other / "explanations.json").write_text(json.dumps(known))
    loaded = Classifier.load(other)
    warned = create_app(loaded, Run.read(other), methods=tiny_service.METHODS).test_client()
    path = run[1]["path"].iloc[0]
    notes = [
        asked.post("/api/explain", data={"image": (path, "a.png")}).json["note"]
        for asked in (client, warned)
    ]
    assert notes[0] == ""
    assert notes[1].startswith("Light fails the check with random weights on zheng: a network")


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
    assert model["metrics"]["intervals"] == "95%, bootstrap over subjects"
    assert model["calibration"]["validation"] == 9
    assert model["warnings"] == {"size": True, "blur": True, "unlike_training": True, "reason": ""}
    assert model["training"]["pictures"]["width"] == [64, 64, 64]
    assert str(made.folder.parent) not in client.get("/api/model").text


def _as_printed(entry, name):
    value, bounds = 100 * entry[name], entry[f"{name}_interval"]
    return f"{value:.2f} ({f'{100 * bounds[0]:.1f}–{100 * bounds[1]:.1f}' if bounds else '–'})"


def test_scores_have_the_intervals_of_the_runs_own_card_and_are_described(run, client):
    chances = np.random.default_rng(0).dirichlet(np.ones(3), 18)
    columns = dict(zip(tiny_service.CLASSES, chances.T, strict=True))
    predictions = run[0].predictions.assign(**columns)
    found = service_card._metrics(predictions)
    text = "\n".join([*card._scores(predictions), *card._by_class(predictions)])
    assert f"| Accuracy | {_as_printed(found, 'accuracy')} |" in text
    assert f"| F1, macro | {_as_printed(found, 'f1_macro')} |" in text
    for row in found["classes"]:
        printed = " | ".join(_as_printed(row, name) for name in ("precision", "recall"))
        assert f"| {row['class']} | {printed} | 3 |" in text
    low, high = found["accuracy_interval"]
    assert 0 <= low < found["accuracy"] < high <= 1
    assert set(client.get("/api/model").json["metrics"]) == set(found)
    described = client.get("/openapi.json").json["components"]["schemas"]["Model"]["properties"]
    wanted = described["metrics"]
    assert set(wanted["required"]) == set(found)
    assert set(wanted["properties"]["classes"]["items"]["required"]) == set(found["classes"][0])


def test_an_interval_is_null_where_no_resample_differs_and_pictures_count_without_subjects(run):
    predictions = run[0].predictions
    predictions = predictions.assign(subject="", source=predictions["path"])
    classes = list(tiny_service.CLASSES)
    chances = np.random.default_rng(0).dirichlet(np.ones(3), 18)
    guessed = predictions.assign(**dict(zip(classes, chances.T, strict=True)))
    found = service_card._metrics(guessed)
    low, high = found["accuracy_interval"]
    assert low < found["accuracy"] < high
    sure = np.eye(3)[predictions["label"].map(classes.index)]
    found = service_card._metrics(predictions.assign(**dict(zip(classes, sure.T, strict=True))))
    assert (found["accuracy"], found["accuracy_interval"]) == (1, None)
    assert (found["subjects"], found["intervals"]) == (0, "95%, bootstrap over source images")
    assert service_card._metrics(predictions[predictions["part"] != "test"]) is None


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


def test_the_card_names_the_training_data(run):
    made, frame = run
    described = card.describe(frame, frame["part"], splits.audit(frame, frame["part"]))
    loaded = replace(Classifier.load(made.folder), about={"facts": {"described": described}})
    data = service_card.card(loaded)["training"]["data"]
    assert data["sets"] == ["drawn"]
    assert data["counts"]["AML"] == {"train": 6, "validation": 3, "test": 3}
    assert data["audit"].startswith(
        "Split as the data gives it: train 18 / validation 9 / test 9 of 36"
    )


def test_results_that_were_kept_without_their_network_say_so(run, tmp_path):
    kept = tmp_path / "kept"
    shutil.copytree(run[0].folder, kept, ignore=shutil.ignore_patterns("*.keras"))
    with pytest.raises(InputError, match=r"its network is not there.*another --out"):
        Classifier.load(kept)


def test_hosts_that_cannot_be_listened_on_are_named(run, capsys):
    with pytest.raises(SystemExit) as end:
        command.main(["--model", str(run[0].folder), "--host", "nosuchhost.invalid"])
    assert end.value.code == 2
    assert "Cannot listen on nosuchhost.invalid:8000" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("host", "url"), [("::1", "http://[::1]:80/"), ("localhost", "http://localhost:80/")]
)
def test_the_address_that_is_printed_can_be_opened(run, host, url, monkeypatch, capsys):
    listening = SimpleNamespace(effective_port=80, run=lambda: None)
    monkeypatch.setattr(command, "server", lambda *given: listening)
    command.main(["--model", str(run[0].folder), "--host", host])
    assert f"Serving {url} " in capsys.readouterr().out


def test_ctrl_c_while_the_network_loads_says_nothing_of_a_training(run, monkeypatch, capsys):
    def interrupt(*given):
        raise KeyboardInterrupt

    monkeypatch.setattr(Classifier, "load", interrupt)
    with pytest.raises(SystemExit) as end:
        command.main(["--model", str(run[0].folder)])
    assert end.value.code == 130
    assert capsys.readouterr().err == "\nStopped.\n"


def test_localhost_is_one_server_with_a_port(run, client):
    found = command.server(client.application, "localhost", 0)
    try:
        assert int(found.effective_port) > 0
    finally:
        found.close()


def test_requests_that_come_too_slowly_end_and_let_others_in(client, monkeypatch):
    monkeypatch.setattr(channel, "GRACE", 0.5)
    monkeypatch.setattr(command, "CONNECTIONS", 20)
    found = command.server(client.application, "127.0.0.1", 0)
    threading.Thread(target=found.run, daemon=True).start()
    head = b"POST /api/predict HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000\r\n\r\n"
    slow = [socket.create_connection(("127.0.0.1", found.effective_port)) for _ in range(40)]
    for connection in slow:
        connection.sendall(head)
    # While they send a byte now and then, somebody else asks.
    with socket.create_connection(("127.0.0.1", found.effective_port), timeout=20) as other:
        other.sendall(b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        for _ in range(12):
            for connection in slow:
                with contextlib.suppress(OSError):
                    connection.sendall(b"x")
            time.sleep(0.25)
        assert b" 200 OK" in other.recv(200)
    answer = slow[0].recv(2000)
    assert b" 408 " in answer.partition(b"\r\n")[0]
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["status"] == 408
    for connection in slow:
        connection.close()
