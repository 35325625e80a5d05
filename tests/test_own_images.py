"""From a folder of one's own pictures to the first prediction: the commands of the README."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from PIL import Image

from smears import drawing

ROOT = Path(__file__).parent.parent


def _run(command, cwd):
    """(exit code, output) of a command line whose python is this one."""
    words = shlex.split(command)
    words[0] = {"python": sys.executable}[words[0]]
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        words, cwd=cwd, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": path}
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_three_commands_after_the_installation_give_the_first_prediction(tmp_path):
    for label in ("blast", "normal"):
        (tmp_path / "my cells" / label).mkdir(parents=True)
        for n in range(8):
            kind = "ALL-Pro-B" if label == "blast" else "Healthy"
            picture, _ = drawing.draw(kind, n, n, 64)
            Image.fromarray(picture).save(tmp_path / "my cells" / label / f"{n}.png")
    (tmp_path / "new").mkdir()
    for n in range(2):
        Image.fromarray(drawing.draw("Healthy", 90 + n, n, 64)[0]).save(tmp_path / f"new/{n}.png")

    code, out = _run('python -m smears check "my cells" --out o', tmp_path)
    assert code == 0, out
    train = re.search(r"^Train: +(.*)$", out, re.MULTILINE)[1]
    assert "experiments/table5.py" in train
    # The same command, in a cheap row.
    train = train.replace("experiments/", f"{ROOT}/experiments/")
    train = train.replace("--rows LeukocyteNet", "--rows MobileNet")

    code, out = _run(train, tmp_path)
    assert code == 0, out
    use = re.search(r"^Use MobileNet: (.*) PICTURES$", out, re.MULTILINE)[1]

    code, out = _run(f"{use} new --out answers", tmp_path)
    assert code == 0, out
    table = pd.read_csv(tmp_path / "answers" / "predictions.csv")
    assert len(table) == 2
    assert set(table["predicted"]) <= {"blast", "normal"}
    assert len(list((tmp_path / "answers" / "overlays").iterdir())) == 2
    assert "Research use only" in (tmp_path / "answers" / "report.html").read_text("utf-8")
    run = next((tmp_path / "o" / "runs").iterdir())
    assert "| blast |" in (run / "MODEL_CARD.md").read_text(encoding="utf-8")
