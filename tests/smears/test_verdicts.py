"""Verdicts follow from stored predictions and from findings, and say how firm they are."""

import numpy as np
import pandas as pd
import pytest

from smears import InputError, verdicts
from smears.published import Finding
from smears.runs import Run

CLASSES = ["ALL", "normal"]


def _store(root, name, right, seed=0, count=200, **settings):
    """A finished run of which the first `right` of `count` test pictures are right."""
    frame = pd.DataFrame(
        {
            "path": [f"/data/{n}.png" for n in range(count)], "subject": "",
            "source": [f"image {n}" for n in range(count)], "part": "test",
            "label": [CLASSES[n % 2] for n in range(count)],
        }
    )  # fmt: skip
    truth = np.arange(count) % 2
    said = np.where(np.arange(count) < right, truth, 1 - truth)
    run = Run(root / "set" / "runs", f"{name} {seed}", {"model": name, "seed": seed, **settings})
    run.write_predictions(frame, CLASSES, np.eye(2)[said] * 0.8 + 0.1)


def _claim(first, second, **more):
    return {
        "folder": "set", "note": "", "first": {"name": first, "settings": {"model": first, **more}},
        "second": {"name": second, "settings": {"model": second}},
    }  # fmt: skip


def test_a_clear_gain_is_met_at_half_and_twice_its_tolerance(tmp_path):
    _store(tmp_path, "good", 190)
    _store(tmp_path, "poor", 100)
    found = verdicts.better(tmp_path, _claim("good", "poor"))
    assert found.result == verdicts.MET
    assert found.firmness == "the same at half and twice of it"
    assert "good 95.0%, poor 50.0%: +45.0 points" in found.evidence
    assert "200 test pictures, 1 seed, the most frequent class 50.0%, set." in found.evidence
    # 45% of 200 pictures differ, all one way: 1.96 * sqrt(0.45 * 0.55 / 200) = 6.9 points.
    assert float(found.tolerance.split()[0]) == pytest.approx(6.9, abs=0.6)
    assert verdicts.better(tmp_path, _claim("poor", "good")).result == verdicts.NOT_MET


def test_a_gain_within_chance_is_not_met_and_what_half_the_tolerance_says_is_told(tmp_path):
    _store(tmp_path, "good", 184)
    _store(tmp_path, "poor", 182)
    found = verdicts.better(tmp_path, _claim("good", "poor"))
    assert found.result == verdicts.NOT_MET
    assert found.firmness == "at half of it: met"


def test_seeds_are_paired_and_settings_choose_the_runs(tmp_path):
    for seed, right in ((0, 190), (1, 150), (2, 170)):
        _store(tmp_path, "good", right, seed, kind="a")
    _store(tmp_path, "good", 0, 0, kind="b")
    _store(tmp_path, "good", 10, 0, kind="a", paper_split=True)
    for seed in (0, 1):
        _store(tmp_path, "poor", 100, seed)
    found = verdicts.better(tmp_path, _claim("good", "poor", kind="a"))
    assert "+35.0 points" in found.evidence
    assert "2 seeds" in found.evidence
    assert "over subjects and seeds" in found.tolerance
    with pytest.raises(InputError, match="no finished run with the settings"):
        verdicts.better(tmp_path, _claim("good", "other"))


def test_a_contradiction_needs_its_finding():
    findings = [Finding("two values of F1: 0.95, 0.96")]
    claim = {"finding": "two values of F1", "note": "Both are printed."}
    found = verdicts.contradicted(findings, claim)
    assert found.result == verdicts.CONTRADICTED
    assert found.evidence == "two values of F1: 0.95, 0.96. Both are printed."
    with pytest.raises(InputError, match="no finding begins with"):
        verdicts.contradicted(findings, {"finding": "three", "note": ""})


def test_numbers_of_the_network_are_met_or_not_without_tolerance():
    assert verdicts.equal("1,000", "1,000", "parameters").result == verdicts.MET
    missed = verdicts.equal("1,000", "1,001", "parameters")
    assert missed.result == verdicts.NOT_MET
    assert missed.evidence == "Parameters: published 1,000, ours 1,001."
    assert verdicts.tally([(1, "", "", missed)]).startswith("0 met, 1 not met, 0 not testable")


def test_what_cannot_be_tested_tells_what_was_measured_near_it(tmp_path):
    _store(tmp_path, "good", 190)
    near = {"name": "Other data", "folder": "set", "settings": {"model": "good"}}
    found = verdicts.untestable(tmp_path, {"reason": "No data.", "beside": [near]})
    assert found.result == verdicts.NOT_TESTABLE
    assert found.evidence.startswith("No data. Other data: 95.0% (")
    assert found.tolerance == ""
