"""Maps of a slow explainer: a kill loses the one that was being made, and nothing else."""

from dataclasses import dataclass

import keras
import numpy as np
import pytest

from leukocytenet import control
from smears import catalogue, drawn
from smears.classifier import Classifier
from smears.explain import Explanation, keeping, lime, scoring
from smears.runs import Run

SIZE = 32
LIME = {"LIME": scoring.Method("lime", {"samples": 16, "most": 16}, seeded=True)}


@pytest.fixture(scope="module")
def frame(tmp_path_factory):
    folder = tmp_path_factory.mktemp("drawn")
    rows = drawn.read(None, folder, classes="nucleus", subjects=2, images=1, size=SIZE)
    return catalogue.build(rows, folder / "cache")


@pytest.fixture(scope="module")
def classifier():
    keras.utils.set_random_seed(0)
    return Classifier(control.network(SIZE), control.CLASSES, SIZE, "tf")


def test_a_killed_measuring_goes_on_with_the_next_picture(frame, classifier, tmp_path, monkeypatch):
    whole = scoring.scores(Run(tmp_path, "a", {}), lambda: classifier, frame, LIME, 1)["LIME"]
    explain, made, left = lime.explain, [], [6]

    def counted(asked, pictures, **settings):
        if not left[0]:
            raise KeyboardInterrupt
        left[0] -= 1
        made.append((asked is classifier, len(pictures), settings["seed"]))
        return explain(asked, pictures, **settings)

    monkeypatch.setattr(lime, "explain", counted)
    run = Run(tmp_path, "b", {})
    with pytest.raises(KeyboardInterrupt):
        scoring.scores(run, lambda: classifier, frame, LIME, 1)
    assert len(list(run.folder.rglob("*.npy"))) == 6
    left[0] = 99
    again = scoring.scores(run, lambda: classifier, frame, LIME, 1)["LIME"]
    assert again.equals(whole)
    # Four pictures, three noisy copies of the first, two more seeds; with random weights the first.
    assert [own for own, *_ in made].count(True) == 4 + 3 + 2
    assert [own for own, *_ in made].count(False) == 1
    assert {count for own, count, _ in made if own} == {1}
    assert [path.suffix for path in (run.folder / "explanations").iterdir()] == [".csv"]


@dataclass(frozen=True)
class Counting:
    """An explainer whose map tells what it was asked for."""

    module: str = "lime"
    seeded: bool = True

    def __call__(self, classifier, pictures, target=None, seed=0):
        heat = np.full((2, 2), 0.1 * target[0] + 0.01 * seed, np.float32)
        return [Explanation(heat, target[0], "x", note=f"of {target[0]}") for _ in pictures]


def test_another_picture_class_or_seed_has_a_map_of_its_own(tmp_path):
    explain = keeping.Keeping(Counting(), "network", tmp_path)
    pictures = [np.full((2, 2, 3), value, np.uint8) for value in (1, 2)]
    for _ in range(2):
        first = explain("network", pictures, [0, 1])
        assert [found.map.max() for found in first] == pytest.approx([0, 0.1])
        assert [found.note for found in first] == ["of 0", "of 1"]
        assert explain("network", pictures[:1], [1], seed=2)[0].map.max() == pytest.approx(0.12)
    assert len(list(tmp_path.glob("*.npy"))) == 3
    assert explain("another", pictures, [2, 2], seed=1)[0].map.max() == pytest.approx(0.21)
    assert len(list(tmp_path.glob("*.npy"))) == 3
