"""Rows in processes of their own end as rows one after the other, with one bar."""

import os

import pandas as pd
import pytest
import standin
from table5 import COMPARISON

from smears import processes


@pytest.mark.slow
def test_rows_at_a_time_give_the_predictions_of_rows_in_turn(tmp_path, capfd):
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


def test_nothing_left_starts_no_process(monkeypatch):
    monkeypatch.setattr(processes, "Parallel", None)
    processes.train(None, [])
