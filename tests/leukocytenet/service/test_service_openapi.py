"""The API does what its description says, tried by schemathesis."""

import http.client
import io
import json
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import tiny_service

from leukocytenet.service.__main__ import server
from leukocytenet.service.app import create_app
from leukocytenet.service.worker import Worker

PROGRAM = shutil.which("schemathesis", path=str(Path(sys.executable).parent))


def test_the_description_names_every_address_field_and_answer(client):
    description = client.get("/openapi.json").json
    assert set(description["paths"]) == {"/api/predict", "/api/explain", "/api/model", "/health"}
    form = description["paths"]["/api/explain"]["post"]["requestBody"]["content"]
    fields = form["multipart/form-data"]["schema"]["properties"]
    assert fields["class"]["enum"] == list(tiny_service.CLASSES)
    assert fields["method"]["enum"] == list(tiny_service.METHODS)
    for path, ways in description["paths"].items():
        for way, operation in ways.items():
            answer = client.open(path, method=way.upper())
            assert str(answer.status_code) in operation["responses"], path


def _agrees(answer, description, path, way="get"):
    """Whether an answer is among those that the description lists, and has its error's form."""
    told = description["paths"][path][way]["responses"][str(answer.status_code)]
    form = description["components"]["schemas"]["Error"]
    assert told["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/Error"}
    assert set(form["required"]) <= set(answer.json) <= set(form["properties"])
    assert (answer.json["status"], type(answer.json["error"])) == (answer.status_code, str)
    return answer.json["error"]


def test_a_network_that_has_stopped_is_told_as_the_description_says(client, monkeypatch, encoded):
    description = client.get("/openapi.json").json
    assert client.get("/health").status_code == 200
    monkeypatch.setattr(Worker, "alive", False)
    answer = client.get("/health")
    assert answer.status_code == 503
    assert "has stopped: start the server again" in _agrees(answer, description, "/health")
    for path, field in (("/api/predict", "images"), ("/api/explain", "image")):
        answer = client.post(path, data={field: (io.BytesIO(encoded()), "a.png")})
        assert answer.status_code == 503
        assert "has stopped" in _agrees(answer, description, path, "post")


def test_what_nobody_foresaw_is_described_everywhere(classifier, encoded):
    def broken(*_):
        raise RuntimeError

    client = create_app(classifier, methods={"gradcam": broken}).test_client()
    description = client.get("/openapi.json").json
    answer = client.post("/api/explain", data={"image": (io.BytesIO(encoded()), "a.png")})
    assert answer.status_code == 500
    _agrees(answer, description, "/api/explain", "post")
    for ways in description["paths"].values():
        for operation in ways.values():
            assert {"408", "431", "500"} <= set(operation["responses"])


def test_headers_that_are_too_long_are_refused_as_the_description_says(app):
    listening = server(app, "127.0.0.1", 0)
    threading.Thread(target=listening.run, daemon=True).start()
    connection = http.client.HTTPConnection("127.0.0.1", listening.effective_port, timeout=30)
    connection.request("GET", "/health", headers={"X-Long": "x" * 262_144})
    answer = connection.getresponse()
    told = json.load(answer)
    listening.close()
    assert (answer.status, told["status"]) == (431, 431)
    assert set(told) == {"status", "error"}


@pytest.mark.slow
@pytest.mark.skipif(PROGRAM is None, reason="no schemathesis: pip install -r .ci/requirements.txt")
def test_schemathesis_finds_no_answer_that_the_description_does_not_allow(app, tmp_path):
    listening = server(app, "127.0.0.1", 0)
    thread = threading.Thread(target=listening.run, daemon=True)
    thread.start()
    config = Path(__file__).with_name("schemathesis.toml")
    url = f"http://127.0.0.1:{listening.effective_port}/openapi.json"
    done = subprocess.run(
        [PROGRAM, "--config-file", str(config), "run", url, "--max-examples", "10", "--no-color"],
        capture_output=True, text=True, cwd=tmp_path, check=False,
    )  # fmt: skip
    listening.close()
    assert done.returncode == 0, done.stdout[-4000:]
    assert "4 selected / 4 total" in done.stdout
