"""Scores of methods on one network: kept, found again, right for maps that are known."""

import json
from dataclasses import dataclass

import keras
import numpy as np
import pandas as pd
import pytest

from leukocytenet import control
from smears import InputError, card, catalogue, drawn, images
from smears.catalogue import unit_of
from smears.classifier import Classifier
from smears.explain import (
    Explanation,
    faithfulness,
    lime,
    overlap,
    robustness,
    sanity,
    scoring,
    table,
)
from smears.runs import Run

SIZE = 32
FEW = scoring.Method("lime", {"samples": 16, "most": 16}, seeded=True)


@pytest.fixture(scope="module")
def frame(tmp_path_factory):
    folder = tmp_path_factory.mktemp("drawn")
    rows = drawn.read(None, folder, classes="nucleus", subjects=3, images=2, size=SIZE)
    return catalogue.build(rows, folder / "cache")


@pytest.fixture(scope="module")
def classifier():
    keras.utils.set_random_seed(0)
    return Classifier(control.network(SIZE), control.CLASSES, SIZE, "tf")


@pytest.fixture
def run(tmp_path):
    return Run(tmp_path, "small", {"model": "small"})


@dataclass(frozen=True)
class Masks:
    """An explainer that knows the true masks, in shares of 1 for the nucleus and 0 elsewhere."""

    masks: dict
    seeded: bool = False

    def __call__(self, classifier, pictures, target=None, seed=0):
        # Noisy copies of a picture are not among the known ones: the nearest is meant.
        known = np.stack(list(self.masks))
        found = []
        for picture in pictures:
            flat = picture.reshape(-1).astype(float)
            nearest = np.abs(known - flat).sum(1).argmin()
            nucleus = list(self.masks.values())[nearest] == 255
            found.append(Explanation(nucleus.astype(np.float32), 0, "masks"))
        return found


def _loaded(frame):
    pictures = [images.decode(path) for path in frame["path"]]
    return pictures, [images.read_mask(path) for path in frame["mask"]]


def test_a_map_that_is_the_nucleus_is_right_robust_and_knows_nothing_of_the_network(
    frame, classifier
):
    pictures, masks = _loaded(frame)
    known = {tuple(p.reshape(-1)): m for p, m in zip(pictures, masks, strict=True)}
    rows = scoring.measure(Masks(known), classifier, pictures, masks, [0] * len(masks), 3)
    for measure in ("pointing nucleus", "mass nucleus", "rank nucleus", "iou nucleus", "mass cell"):
        assert rows[measure].tolist() == [1.0] * len(frame)
    assert (rows["iou cell"] < 1).all()
    for measure, value in (("sensitivity", 0), ("ranks", 1), ("ssim", 1)):
        assert rows[measure][:3].to_numpy() == pytest.approx(value)
        assert rows[measure][3:].isna().all()
    assert rows["stability"].isna().all()
    assert not rows["flat"].any()


def test_noise_is_unstable_over_seeds_and_flat_maps_are_counted(frame, classifier):
    pictures, masks = _loaded(frame)
    noise = scoring.REFERENCES["Random map"]
    rows = scoring.measure(noise, classifier, pictures, masks, [0] * len(masks), 2)
    assert np.abs(rows["stability"][:2]).max() < 0.1
    assert rows["stability"][2:].isna().all()
    nothing = Masks({tuple(p.reshape(-1)): np.zeros((SIZE, SIZE)) for p in pictures})
    rows = scoring.measure(nothing, classifier, pictures, masks, [0] * len(masks), 2)
    assert rows["flat"].all()
    assert rows[["sensitivity", "stability", "ranks", "ssim"]].isna().all(axis=None)
    share = [(mask == 255).mean() for mask in masks]
    assert rows["pointing nucleus"].to_numpy() == pytest.approx(share)


@pytest.mark.parametrize(
    "method",
    [
        scoring.REFERENCES["Random map"],
        scoring.Method("saliency", {"samples": 2}, seeded=True),
        pytest.param(FEW, marks=pytest.mark.slow),
    ],
    ids=lambda method: method.module,
)
def test_stability_is_that_of_three_seeds_of_which_the_first_is_not_explained_again(
    frame, classifier, method, monkeypatch
):
    pictures, masks = _loaded(frame)
    several = [method(classifier, pictures[:2], target=[0, 0], seed=seed) for seed in range(3)]
    wanted = [
        robustness.stability([explanation.map for explanation in one])
        for one in zip(*several, strict=True)
    ]
    seeds, call = [], scoring.Method.__call__

    def counted(self, classifier, pictures, target=None, seed=0):
        seeds.append(seed)
        return call(self, classifier, pictures, target, seed)

    monkeypatch.setattr(scoring.Method, "__call__", counted)
    monkeypatch.setattr(robustness, "max_sensitivity", lambda *given, **more: np.nan)
    monkeypatch.setattr(sanity, "compare", lambda *given: (np.nan, np.nan))
    rows = scoring.measure(method, classifier, pictures, masks, [0] * len(masks), 2)
    assert rows["stability"][:2].tolist() == wanted
    assert seeds == [0, 1, 2]


@pytest.mark.slow
def test_a_killed_measuring_goes_on_with_the_next_picture(frame, classifier, tmp_path, monkeypatch):
    frame, methods = frame.head(4), {"LIME": FEW}
    whole = scoring.scores(Run(tmp_path, "a", {}), lambda: classifier, frame, methods, 1)["LIME"]
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
        scoring.scores(run, lambda: classifier, frame, methods, 1)
    assert len(list(run.folder.rglob("*.npy"))) == 6
    left[0] = 99
    again = scoring.scores(run, lambda: classifier, frame, methods, 1)["LIME"]
    assert again.equals(whole)
    # Four pictures, three noisy copies of the first, two more seeds; with random weights the first.
    assert [own for own, *_ in made].count(True) == 4 + 3 + 2
    assert [own for own, *_ in made].count(False) == 1
    assert {count for own, count, _ in made if own} == {1}
    assert [path.suffix for path in (run.folder / "explanations").iterdir()] == [".csv"]


def test_scores_are_kept_and_read_back_as_they_were(frame, classifier, run):
    methods = scoring.REFERENCES | {"Grad-CAM": scoring.Method("gradcam")}
    first = scoring.scores(run, lambda: classifier, frame, methods, 2)
    assert list(first) == list(methods)

    def gone():
        raise AssertionError("the network is not needed")

    again = scoring.scores(run, gone, frame, methods, 2)
    for label, found in first.items():
        pd.testing.assert_frame_equal(found, again[label])
        assert found["label"].tolist() == frame["label"].tolist()
        assert set(found["said"]) <= set(control.CLASSES)
    for change in (
        lambda: scoring.scores(run, gone, frame, methods, 3),
        lambda: scoring.scores(run, gone, frame[1:].reset_index(drop=True), methods, 2),
        lambda: scoring.scores(
            run, gone, frame, {"Grad-CAM": scoring.Method("gradcam", {"layer": "conv3"})}, 2
        ),
    ):
        with pytest.raises(AssertionError, match="not needed"):
            change()


def test_the_most_probable_class_is_explained(frame, classifier, run):
    (found,) = scoring.scores(
        run, lambda: classifier, frame, {"x": scoring.REFERENCES["Edge detector"]}, 1
    ).values()
    pictures, _ = _loaded(frame)
    said = classifier.scores(pictures).argmax(1)
    assert found["said"].tolist() == [control.CLASSES[number] for number in said]


def test_a_method_whose_layer_the_network_lacks_is_left_out(frame, classifier, run):
    methods = {
        "Edge detector": scoring.REFERENCES["Edge detector"],
        "Swin": scoring.Method("gradcam", {"layer": "swin_tokens"}),
    }
    for _ in range(2):
        found = scoring.scores(run, lambda: classifier, frame, methods, 1)
        assert list(found) == ["Edge detector"]


def test_a_mask_of_another_size_is_refused_by_name(frame, classifier, run, tmp_path):
    images.save(np.zeros((5, 5), np.uint8), tmp_path / "small.png")
    wrong = frame.assign(mask=str(tmp_path / "small.png"))
    methods = {"Edge detector": scoring.REFERENCES["Edge detector"]}
    with pytest.raises(InputError, match=r"small\.png: a mask of"):
        scoring.scores(run, lambda: classifier, wrong, methods, 1)


def test_the_chosen_pictures_hold_every_class_by_turns_and_new_subjects_first(frame):
    shown = scoring.chosen(frame, 6)
    assert shown["label"].tolist() == ["clumped", "smooth"] * 3
    assert unit_of(shown).nunique() == 6
    assert len(scoring.chosen(frame, 100)) == len(frame)
    pd.testing.assert_frame_equal(shown[:4], scoring.chosen(frame, 4))


def test_pictures_without_masks_are_refused_and_left_out(frame):
    with pytest.raises(InputError, match="None of these pictures has a mask"):
        scoring.chosen(frame.assign(mask=""), 5)
    some = frame.assign(mask=frame["mask"].where(frame.index > 4, ""))
    assert set(scoring.chosen(some, 100)["mask"]) == set(frame["mask"][5:])


@pytest.fixture
def scored():
    """Scores of four pictures of two subjects."""
    rows = pd.DataFrame({measure: [0.0, 1.0, 1.0, 1.0] for measure in table.MEASURES})
    rows["ranks"] = [0.1, 0.2, np.nan, np.nan]
    rows["stability"] = np.nan
    return rows.assign(
        label="a", said=["a", "b", "a", "a"], subject=["s", "s", "t", "t"], source="", flat=False,
        note="",
    )  # fmt: skip


def test_intervals_are_over_subjects_and_leave_out_what_was_not_measured(scored):
    mean, low, high = table.interval([scored], "mass nucleus")
    assert (mean, low, high) == (0.75, 0.5, 1.0)
    assert table.interval([scored], "ranks")[0] == pytest.approx(0.15)
    assert table.interval([scored], "stability") is None
    two = table.interval([scored, scored.assign(**{"mass nucleus": 0.25})], "mass nucleus")
    assert two[0] == pytest.approx(0.5)


def test_the_table_has_a_row_a_method_and_says_what_fails(scored):
    models = {
        "net": [
            {
                "good": scored,
                "edges": scored.assign(ranks=1.0),
                "flat": scored.assign(ranks=np.nan),
                "gone": scored.assign(ranks=0.0),
            }
        ]
    }
    found = table.table(models, "drawn smears", [*models["net"][0], "unsuited"])
    assert set(found.iloc[4][3:-1]) == {"–"}
    found = found[:4]
    assert found["Method"].tolist() == ["good", "edges", "flat", "gone"]
    assert found["Sanity check"].tolist() == ["passes", "fails", "–", "flat after"]
    assert found["Relevance in nucleus ↑"].tolist() == ["0.750 (0.50–1.00)"] * 4
    assert found["Stability over seeds ↑"].tolist() == ["–"] * 4
    assert set(found["n"]) == {"4"}
    text = "\n".join(table.lines(models, 2))
    for part in ("4 pictures of 2 subjects", "net 75%", "On the first 2 pictures", "at least half"):
        assert part in text


def test_flat_maps_are_those_of_all_trainings_which_are_counted_too(scored):
    models = {"net": [{"good": scored.assign(flat=True)}, {"good": scored}]}
    assert table.table(models, "drawn smears", ["good"])["Flat maps"].tolist() == ["4"]
    assert "Trainings: 2 of net; flat maps are" in "\n".join(table.lines(models, 2))
    assert "Trainings" not in "\n".join(table.lines({"net": models["net"][:1]}, 2))


def test_a_network_of_other_classes_is_not_called_wrong(scored):
    models = {"net": [{"good": scored.assign(said="elsewhere")}]}
    assert "net – (says none of their classes)" in "\n".join(table.lines(models, 2))


def test_maps_of_lime_that_are_not_stable_are_counted(scored):
    unstable = lime._note(True, np.ones(9), stable=False, samples=128)
    stable = lime._note(True, np.ones(9), stable=True, samples=128)
    first = scored.assign(note=[unstable, stable, unstable, "no superpixel speaks for the class"])
    models = {
        "net": [{"LIME": first, "good": scored.assign(note=unstable)}, {"LIME": scored}],
        "sure": [{"LIME": scored}],
        "without": [{"good": scored}],
    }
    text = "\n".join(table.lines(models, 2))
    assert "give others): net 2 of 8, sure 0 of 4." in text
    assert "are not stable" not in "\n".join(table.lines({"x": [{"good": scored}]}, 2))


def test_every_measure_of_the_table_is_measured(frame, classifier):
    pictures, masks = _loaded(frame[:1])
    rows = scoring.measure(scoring.REFERENCES["Edge detector"], classifier, pictures, masks, [0], 1)
    assert set(table.MEASURES) <= set(rows)
    assert set(overlap.scores(np.zeros((SIZE, SIZE)), masks[0])) <= set(rows)


def test_a_run_keeps_the_scores_on_several_data_sets(scored, run):
    table.note(run, {"Grad-CAM": scored}, "drawn smears")
    table.note(run, {"Grad-CAM": scored.assign(ranks=1.0)}, "zheng")
    table.note(run, {"Grad-CAM": scored.assign(ranks=0.0)}, "flat after")
    table.note(run, {"Grad-CAM": scored.assign(ranks=np.nan)}, "flat before")
    known = json.loads((run.folder / "explanations.json").read_text())
    told = {"drawn smears": "passes", "zheng": "fails", "flat after": "flat after",
            "flat before": "–"}  # fmt: skip
    assert list(known) == list(told)
    for data, check in told.items():
        own = known[data][table.SCORES]["Grad-CAM"]
        assert own["pictures"] == 4
        assert own["subjects"] == 2
        assert own["mass nucleus"] == [0.75, 0.5, 1.0]
        assert own["check with random weights"] == check
        assert "stability" not in own


def test_a_method_measured_alone_leaves_what_is_known_of_the_others(scored, run):
    table.note(run, {"Grad-CAM": scored.assign(ranks=1.0), "LIME": scored}, "zheng")
    table.note(run, {"LIME": scored[:2]}, "zheng")
    assert "Grad-CAM fails the check with random weights on zheng:" in card.warning(run, "Grad-CAM")
    assert card.warning(run, "LIME") == ""
    known = json.loads((run.folder / "explanations.json").read_text())["zheng"][table.SCORES]
    assert {label: own["pictures"] for label, own in known.items()} == {"Grad-CAM": 4, "LIME": 2}


def test_curves_follow_the_class_that_is_explained(frame, classifier):
    pictures, masks = _loaded(frame)
    targets = np.arange(len(pictures)) % 2
    edges = scoring.REFERENCES["Edge detector"]
    rows = scoring.measure(edges, classifier, pictures, masks, targets, 1)
    maps = [found.map for found in edges(classifier, pictures, target=targets)]
    for name in ("deletion", "insertion"):
        curves = getattr(faithfulness, name)(classifier, pictures, maps, targets)
        assert rows[name].to_numpy() == pytest.approx(faithfulness.area(curves), abs=1e-6)
    assert not np.allclose(rows["deletion"], rows["insertion"])


def test_a_map_that_is_turned_into_its_opposite_counts_as_unchanged(frame, classifier):
    ramp = np.linspace(0, 1, SIZE * SIZE).reshape(SIZE, SIZE)

    @dataclass(frozen=True)
    class Opposite:
        seeded: bool = False

        def __call__(self, other, pictures, target=None, seed=0):
            map = ramp if other is classifier else 1 - ramp
            return [Explanation(map, 0, "opposite") for _ in pictures]

    pictures, masks = _loaded(frame[:2])
    rows = scoring.measure(Opposite(), classifier, pictures, masks, [0, 0], 2)
    assert rows["ranks"].to_numpy() == pytest.approx(1)


def test_a_picture_that_one_training_lacks_is_left_out_of_the_interval(scored):
    values = [np.nan, 1.0, 0.5, 0.5]
    found = table.interval([scored, scored.assign(**{"mass nucleus": values})], "mass nucleus")
    assert found[0] == pytest.approx((3 + 2) / 6)
