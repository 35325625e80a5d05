"""Operations of a forward pass: by hand, and alike on both backends."""

import os
import subprocess
import sys

import keras
import pytest
from keras import layers

from leukocytenet.model import LeukocyteNet
from smears.flops import flops

PUBLISHED = 114_773.52e6  # Table 7
COUNT = """
import sys
from smears.backend import start
start()
from leukocytenet.model import LeukocyteNet
from smears.flops import flops
print(flops(LeukocyteNet((64, 64, 3), weights=None)), "tensorflow" in sys.modules)
"""


def _model(*parts, shape=(8, 6, 3)):
    return keras.Sequential([keras.Input(shape), *parts])


@pytest.mark.contract
@pytest.mark.parametrize(
    ("part", "expected"),
    [
        # Two operations for each of 3 * 3 * 3 products, and the bias, at each of 8 * 6 * 4 places.
        (layers.Conv2D(4, 3, padding="same"), 8 * 6 * 4 * (2 * 27 + 1)),
        (layers.Conv2D(4, 3, padding="valid", use_bias=False), 6 * 4 * 4 * 2 * 27),
        (layers.Conv2D(4, 3, strides=2, padding="same"), 4 * 3 * 4 * (2 * 27 + 1)),
        (layers.Dense(5, use_bias=False), 8 * 6 * 5 * 2 * 3),
        (layers.Dense(5, activation="relu"), 8 * 6 * 5 * (2 * 3 + 1)),
        (layers.MaxPooling2D(2), 4 * 3 * 3 * 4),
        (layers.Softmax(), 8 * 6 * 3 * 5),
        (layers.Flatten(), 0),
    ],
)
def test_each_kind_of_layer_costs_what_a_count_by_hand_says(part, expected):
    assert flops(_model(part)) == expected


@pytest.mark.contract
def test_the_einsums_of_attention_are_counted():
    tokens = keras.Input((10, 12))
    attention = layers.MultiHeadAttention(3, 4)
    # Four projections of 12 numbers with bias; scores and mixture of 3 heads of 4; softmax, scale.
    expected = 4 * 10 * 12 * (2 * 12 + 1) + 2 * (2 * 3 * 10 * 10 * 4) + 5 * 3 * 10 * 10 + 300
    found = flops(keras.Model(tokens, attention(tokens, tokens)))
    # The scaling falls on the scores (300) or on the queries (120).
    assert expected - 180 <= found <= expected


@pytest.mark.contract
def test_the_whole_network_costs_what_table_7_says():
    assert flops(LeukocyteNet(weights=None)) == pytest.approx(PUBLISHED, rel=1e-5)


@pytest.mark.slow
def test_both_backends_count_alike_and_jax_without_tensorflow():
    pytest.importorskip("jax")
    pytest.importorskip("tensorflow")
    counts = {}
    for name in ("tensorflow", "jax"):
        environment = {**os.environ, "KERAS_BACKEND": name}
        done = subprocess.run(
            [sys.executable, "-c", COUNT],
            env=environment, capture_output=True, text=True, check=True,
        )  # fmt: skip
        number, imported = done.stdout.split()[-2:]
        counts[name] = int(number)
        assert imported == str(name == "tensorflow")
    # They differ in how normalisations and GELU are spelled: 2e-7 of the whole.
    assert counts["jax"] == pytest.approx(counts["tensorflow"], rel=2e-6)
