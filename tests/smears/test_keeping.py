"""Maps of a slow explainer: each picture, class and seed has its own, of one classifier."""

from dataclasses import dataclass

import numpy as np
import pytest

from smears.explain import Explanation, keeping


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
