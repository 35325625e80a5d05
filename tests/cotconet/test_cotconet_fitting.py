"""A row of CoTCoNet's tables: synthetic pictures by part, and what a caption tells of weights."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from cotconet import fitting, recipe
from cotconet.given import name_of


@pytest.mark.parametrize("count", [0, 9, 25, 100])
def test_each_synthetic_picture_is_in_one_part_a_tenth_in_each_of_the_held_out(count):
    parts = fitting.shares(count, seed=3)
    assert {name: len(rows) for name, rows in parts.items()} == {
        "test": count // 10, "validation": count // 10, "train": count - 2 * (count // 10),
    }  # fmt: skip
    assert sorted(np.concatenate(list(parts.values()))) == list(range(count))
    again, other = fitting.shares(count, seed=3), fitting.shares(count, seed=4)
    assert all(np.array_equal(parts[name], again[name]) for name in parts)
    if count > 20:
        assert not np.array_equal(parts["test"], other["test"])


def test_rows_of_synthetic_pictures_have_no_subject_and_names_that_no_file_has():
    frame = pd.DataFrame({"path": ["/data/set/1.png"]})
    rows = fitting._synthetic_rows(3, "test", "ALL", frame)
    assert rows["path"].is_unique
    assert rows["path"].str.startswith(f"/data/set/{recipe.SYNTHETIC}test-").all()
    assert set(rows["subject"]) == {""}
    assert rows["source"].is_unique  # each is a unit of its own in a bootstrap
    assert set(rows["part"]) == {"test"}
    assert set(rows["label"]) == {"ALL"}


def _fitted(**changes):
    known = {
        "enhance": ("clahe",), "segmenter_": None, "segment": "otsu-watershed", "leusam": None,
        "synthesise": None, "features": ("gmod",),
        "facts_": {"synthesised": 0, "weights": "random"},
    }  # fmt: skip
    return SimpleNamespace(**known | changes)


FROZEN = SimpleNamespace(frozen=True)


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({}, "random: GMod and HDLC are trained from scratch"),
        ({"segment": "unet++", "enhance": ("mirnet",)},
         "random: MIRNet-v2, UNet++, GMod and HDLC are trained from scratch"),
        ({"synthesise": "leugan", "facts_": {"synthesised": 4, "weights": "random"}},
         "random: LeuGAN, GMod and HDLC are trained from scratch"),
        ({"synthesise": "leugan"}, "random: GMod and HDLC are trained from scratch"),
        ({"segment": "leusam", "segmenter_": FROZEN},
         "LeuSAM: SA-1B; GMod and HDLC trained from scratch"),
        ({"facts_": {"synthesised": 0, "weights": "ImageNet-21k"}, "features": ("gmod", "smod")},
         "extractor: ImageNet-21k; SMod and HDLC trained from scratch"),
        ({"facts_": {"synthesised": 0, "weights": "mine.h5"}, "segment": "leusam",
          "segmenter_": FROZEN, "leusam": {"weights": "other"}},
         "extractor: mine.h5; LeuSAM: other; HDLC trained from scratch"),
    ],
)  # fmt: skip
def test_a_caption_tells_what_was_pretrained_and_what_was_not(changes, line):
    assert fitting._weights(_fitted(**changes)) == line


def test_a_sequence_s_name_depends_on_each_text_and_their_order():
    name = name_of(["a", "b"])
    assert len(name) == 16
    assert int(name, 16) >= 0
    assert name_of(["a", "b"]) == name
    assert len({name, *map(name_of, (["b", "a"], ["a"], ["ab"], ["a", "b", ""], []))}) == 6


@pytest.mark.parametrize(
    ("held", "apart"),
    [
        (("c", "3"), "subject"), (("", "3"), "subject"),
        # One of the training part's people stands in a held-out part; then one source image, too.
        (("a", "3"), "source"), (("a", "1"), None),
    ],
)  # fmt: skip
def test_what_the_split_keeps_apart_is_kept_apart_in_the_graph(held, apart):
    train = pd.DataFrame({"subject": ["a", "", "b"], "source": ["0", "1", "2"]})
    for side, other in (("validation", "test"), ("test", "validation")):
        part = {"train": train, side: pd.DataFrame([held], columns=train.columns), other: train[:0]}
        found = fitting._apart(part)
        assert found is None if apart is None else found.tolist() == train[apart].tolist()
