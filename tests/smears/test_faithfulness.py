"""Deletion and insertion with a classifier that looks at one known square alone."""

import numpy as np
import pytest

from smears.explain import faithfulness

SIZE, STEPS = 32, 16
SQUARE = np.zeros((SIZE, SIZE), bool)
SQUARE[8:16, 8:16] = True  # a sixteenth of the picture: one step


class Looker:
    """Class 1's probability is the share of the square that still is as white as it was."""

    classes = ("dark", "bright")

    def scores(self, pictures):
        bright = np.array([(picture[SQUARE] > 250).mean() for picture in pictures])
        return np.stack([1 - bright, bright], 1)


@pytest.fixture(scope="module")
def picture():
    picture = np.random.default_rng(0).integers(0, 120, (SIZE, SIZE, 3), dtype=np.uint8)
    picture[SQUARE] = 255
    return picture


def _areas(picture, map, targets=(1,)):
    ways = (faithfulness.deletion, faithfulness.insertion)
    return [
        float(faithfulness.area(w(Looker(), [picture], [map], targets, STEPS))[0]) for w in ways
    ]


def test_a_perfect_map_deletes_at_once_and_inserts_at_once(picture):
    assert _areas(picture, SQUARE.astype(float)) == pytest.approx([0.5 / STEPS, 1 - 0.5 / STEPS])


def test_an_inverted_map_deletes_and_inserts_last(picture):
    assert _areas(picture, 1 - SQUARE.astype(float)) == pytest.approx(
        [1 - 0.5 / STEPS, 0.5 / STEPS]
    )


@pytest.mark.parametrize("value", [0.0, 0.7])
def test_a_flat_map_and_noise_lie_half_way(value, picture):
    assert _areas(picture, np.full((SIZE, SIZE), value)) == pytest.approx([0.5, 0.5], abs=0.05)
    noise = np.random.default_rng(1).random((SIZE, SIZE))
    assert _areas(picture, noise) == pytest.approx([0.5, 0.5], abs=0.05)


def test_the_class_that_is_explained_is_followed(picture):
    perfect = SQUARE.astype(float)
    assert _areas(picture, perfect, (0,)) == pytest.approx([1 - 0.5 / STEPS, 0.5 / STEPS])


def test_curves_begin_and_end_with_the_whole_and_the_emptied_picture(picture):
    class Seen(Looker):
        shown = ()

        def scores(self, pictures):
            self.shown = pictures
            return super().scores(pictures)

    seen, map = Seen(), np.random.default_rng(2).random((SIZE, SIZE))
    deleted = faithfulness.deletion(seen, [picture], [map], [1])
    assert deleted.shape == (1, faithfulness.STEPS + 1)
    assert (seen.shown[0] == picture).all()
    assert (seen.shown[-1] == np.round(picture.mean((0, 1)))).all()
    faithfulness.insertion(seen, [picture], [map], [1])
    assert (seen.shown[0] == faithfulness.blur(picture)).all()
    assert (seen.shown[-1] == picture).all()
    changed = [(shown != picture).any(-1).sum() for shown in seen.shown]
    assert changed == sorted(changed, reverse=True)


def test_the_area_of_known_curves():
    curves = [[1, 1, 1], [1, 0, 0], [0, 0.5, 1]]
    assert faithfulness.area(curves).tolist() == [1.0, 0.25, 0.5]
