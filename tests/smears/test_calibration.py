"""Temperature scaling by hand: learnt on the validation part, measured on the test part."""

import numpy as np
import pandas as pd
import pytest

from smears import calibration, metrics

CLASSES = ["a", "b", "c"]


def _honest(seed, count=4000):
    """(labels, probabilities) that are right as often as they say."""
    rng = np.random.default_rng(seed)
    probabilities = rng.dirichlet([1, 1, 1], count)
    return (rng.random(count)[:, None] > probabilities.cumsum(1)).sum(1), probabilities


def _table(part, labels, probabilities):
    table = pd.DataFrame(probabilities, columns=CLASSES)
    columns = {"path": "", "subject": "", "source": "", "part": part}
    return table.assign(**columns, label=np.array(CLASSES)[labels])


def test_logits_are_divided_by_the_temperature():
    # Logits 0 and log 4, halved 0 and log 2.
    found = calibration.scale(np.array([[0.2, 0.8], [0.5, 0.5]]), 2.0)
    assert found == pytest.approx(np.array([[1 / 3, 2 / 3], [0.5, 0.5]]))


@pytest.mark.parametrize("change", [0.5, 2.0])
def test_the_temperature_undoes_what_sharpened_or_softened_the_answers(change):
    labels, probabilities = _honest(0)
    found = calibration.fit(labels, calibration.scale(probabilities, change))
    assert found == pytest.approx(1 / change, rel=0.1)


def test_where_every_answer_is_right_none_is_made_surer():
    answers = np.array([[0.6, 0.4], [0.3, 0.7]])
    assert calibration.fit(np.array([0, 1]), answers) == pytest.approx(1, abs=1e-3)


def test_it_is_learnt_on_validation_pictures_and_measured_on_test_pictures():
    (labels, sharp), (test, honest) = _honest(1), _honest(2)
    sharp = calibration.scale(sharp, 0.5)
    both = [_table("validation", labels, sharp), _table("test", test, honest)]
    found = calibration.of(pd.concat(both, ignore_index=True))
    assert found["validation"] == len(labels)
    assert found["temperature"] == pytest.approx(2, rel=0.1)
    scaled = calibration.scale(honest, found["temperature"])
    assert found["error_before"] == pytest.approx(metrics.calibration_error(test, honest))
    assert found["error_after"] == pytest.approx(metrics.calibration_error(test, scaled))
    assert found["error_before"] < 0.03 < found["error_after"]
