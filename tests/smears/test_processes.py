"""Rows in processes of their own end as rows one after the other, with one bar."""

import os

import pandas as pd
import pytest
import standin
from table5 import COMPARISON

from smears import commandline, processes

GPU_MEMORY = ("TF_FORCE_GPU_ALLOW_GROWTH", "XLA_PYTHON_CLIENT_PREALLOCATE")


@pytest.mark.slow
def test_rows_at_a_time_give_the_predictions_of_rows_in_turn(tmp_path, capfd, monkeypatch):
    for name in GPU_MEMORY:
        monkeypatch.setenv(name, "as it was")
    rows = ("--rows", "MobileNet", "VGG19", "LeukocyteNet")
    turn = standin.results(COMPARISON, tmp_path / "turn", *rows)
    quiet = dict(os.environ)
    capfd.readouterr()
    both = standin.results(COMPARISON, tmp_path / "both", *rows, "--jobs", "2", "--seeds", "1")
    assert dict(os.environ) == quiet
    bars = capfd.readouterr().err
    assert "2 rows at a time: 100%" in bars
    assert "step/s" not in bars
    assert both.runs.keys() == turn.runs.keys() == {"MobileNet", "VGG19", "LeukocyteNet"}
    for label in both.runs:
        one, other = turn.predictions(label)[0], both.predictions(label)[0]
        pd.testing.assert_frame_equal(one, other)


@pytest.mark.parametrize(("jobs", "expected"), [("1", [None, None]), ("2", ["true", "kept"])])
def test_rows_at_a_time_share_a_gpu(jobs, expected, tmp_path, monkeypatch):
    for name in GPU_MEMORY:
        monkeypatch.setenv(name, "")  # so that what parsing sets is put back
        monkeypatch.delenv(name)
    if jobs == "2":
        monkeypatch.setenv(GPU_MEMORY[1], "kept")
    asked = []
    monkeypatch.setattr(commandline, "_gpu", lambda: asked.extend(map(os.environ.get, GPU_MEMORY)))
    commandline.parse([COMPARISON], ["--jobs", jobs, "--out", str(tmp_path)])
    assert asked == expected


def test_nothing_left_starts_no_process(monkeypatch):
    monkeypatch.setattr(processes, "Parallel", None)
    processes.train(None, [])
