"""What the service tells of a network: JSON alone, and no number that was not measured."""

import json

import numpy as np
import tiny_service

from leukocytenet.service import card


def test_what_json_has_no_sign_for_becomes_none_and_numpy_s_numbers_plain_ones():
    found = card.finite({
        "a": np.float32(0.5), 1: [np.inf, (np.nan, np.int64(3))], "b": np.array([[1.0, -np.inf]]),
        "c": {"text": "NaN", "none": None, "flag": np.bool_(True)},
    })  # fmt: skip
    assert found == {
        "a": 0.5, "1": [None, [None, 3]], "b": [[1.0, None]],
        "c": {"text": "NaN", "none": None, "flag": True},
    }  # fmt: skip
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_an_interval_is_none_where_no_resample_differs():
    found = card._with_intervals(("accuracy", "recall"), [(0.9, 0.8, 0.95), (1.0, 1.0, 1.0)])
    assert found == {
        "accuracy": 0.9, "accuracy_interval": [0.8, 0.95], "recall": 1.0, "recall_interval": None,
    }  # fmt: skip


def test_a_bare_network_s_card_claims_nothing_that_no_run_recorded():
    found = card.card(tiny_service.classifier(), methods=["gradcam"])
    assert found["metrics"] is None
    assert found["run"] == found["card"] == ""
    assert found["training"]["weights"] == "not recorded"
    assert not found["training"]["data"]
    assert found["warnings"]["size"]
    assert not found["warnings"]["blur"]
    assert found["explanations"] == ["gradcam"]
    json.dumps(found, allow_nan=False)
