"""The API does what its description says, tried by schemathesis."""

import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import tiny_service

from leukocytenet.service.__main__ import server

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
