"""What README shows of Python does what README says."""

import re
from pathlib import Path
from textwrap import dedent

import numpy as np
import pytest

README = Path(__file__).parents[1] / "README.md"


def blocks():
    """The code of README's Python blocks."""
    found = re.findall(r"^( *)```python\n(.*?)^\1```", README.read_text("utf-8"), re.M | re.S)
    return [dedent(code) for _, code in found]


def squares(count, seed):
    """Pictures of 64 pixels, "a" with a dark square, "b" with a light one; their labels."""
    rng = np.random.default_rng(seed)
    pictures = rng.integers(225, 240, (count, 64, 64, 3)).astype(np.uint8)
    labels = np.array(["a", "b"] * (count // 2))
    for picture, label in zip(pictures, labels, strict=True):
        y, x = rng.integers(4, 28, 2)
        picture[y : y + 32, x : x + 32] = (70, 20, 110) if label == "a" else (160, 110, 190)
    return pictures, labels


def test_what_it_imports_is_there():
    imports = [line for code in blocks() for line in code.splitlines() if "import " in line]
    assert len(imports) > 5
    for line in imports:
        exec(line, {})


def test_a_method_of_ones_own_needs_its_network_alone(tmp_path):
    (code,) = [code for code in blocks() if "class Small" in code]
    names = {"__name__": "small"}
    exec(compile(code, "small.py", "exec"), names)
    model = names["Small"](size=64, batch_size=8, epochs=20, learning_rate=0.01, cache=tmp_path)
    pictures, labels = squares(16, 2)
    people = [f"person {number // 2}" for number in range(24)]
    found = model.fit(*squares(24, 0), groups=people).predict_proba(pictures)
    assert (model.classes_[found.argmax(1)] == labels).all()
    model.save(tmp_path / "saved")
    again = type(model).load(tmp_path / "saved")
    np.testing.assert_allclose(again.predict_proba(pictures), found, atol=1e-6)


def test_a_network_that_ends_otherwise_is_told_how_to_end(tmp_path):
    import keras

    from cotconet.rivals.classifier import Rival

    class Wrong(Rival):
        def build(self, train):
            pixels = keras.Input((64, 64, 3))
            x = keras.layers.GlobalAveragePooling2D()(pixels)
            return keras.Model(pixels, keras.layers.Dense(1, activation="sigmoid")(x)), "random"

    with pytest.raises(
        TypeError, match=r"Wrong.build: the network must end with .classifier.probabilities"
    ):
        Wrong(size=64, cache=tmp_path).fit(*squares(24, 0))
