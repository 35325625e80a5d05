"""The colour-only rows see six numbers a picture, learn from the training part, and no more."""

import numpy as np
import pandas as pd
import pytest
from sklearn.neighbors import KNeighborsClassifier

from smears import colour
from smears.catalogue import COLOURS
from smears.runs import KEYS, classes_of

NEAREST, LOGISTIC = colour.CLASSIFIERS


def _catalogue(seed=0, apart=3.0, count=90):
    """Pictures whose class moves their mean colours `apart` standard deviations; and parts."""
    rng = np.random.default_rng(seed)
    labels = np.array(["AML", "CLL", "Healthy"])[np.arange(count) % 3]
    colours = rng.normal(0, 1, (count, 6)) + apart * (np.arange(count) % 3)[:, None]
    frame = pd.DataFrame(
        {
            "path": [f"{n}.png" for n in range(count)],
            "subject": [f"s{n // 3}" for n in range(count)],
            "source": [str(n) for n in range(count)],
            "label": labels,
        }
    )
    frame[COLOURS] = 100 + 10 * colours
    parts = pd.Series(np.where(np.arange(count) < 54, "train", "test"), index=frame.index)
    parts[54:72] = "validation"
    return frame, parts


def _accuracy(table, part="test"):
    held = table[table["part"] == part]
    said = held[classes_of(table)].idxmax(axis=1)
    return (said == held["label"]).mean()


@pytest.mark.parametrize("row", colour.CLASSIFIERS)
def test_predictions_look_like_a_run_s_and_leave_the_training_part_out(row):
    frame, parts = _catalogue()
    table = colour.predictions(frame, parts, ["Healthy", "AML", "CLL"], row)
    assert list(table.columns) == [*KEYS, "Healthy", "AML", "CLL"]
    assert table["part"].value_counts().to_dict() == {"validation": 18, "test": 18}
    assert table["path"].tolist() == frame["path"][54:].tolist()
    assert table["label"].tolist() == frame["label"][54:].tolist()
    np.testing.assert_allclose(table[["Healthy", "AML", "CLL"]].sum(axis=1), 1)


@pytest.mark.parametrize("row", colour.CLASSIFIERS)
def test_classes_that_differ_in_colour_are_told_apart_and_others_are_not(row):
    classes = ["AML", "CLL", "Healthy"]
    assert _accuracy(colour.predictions(*_catalogue(apart=3.0), classes, row)) > 0.95
    blind = [_accuracy(colour.predictions(*_catalogue(s, 0.0), classes, row)) for s in range(8)]
    assert np.mean(blind) < 0.5


def test_each_row_is_the_classifier_that_its_name_says():
    frame, parts = _catalogue(apart=0.5)
    train = (parts == "train").to_numpy()
    # One scale for all columns does what standardising does if their spreads are equal.
    values = frame[COLOURS] / frame.loc[train, COLOURS].std(ddof=0)
    nearest = KNeighborsClassifier(1).fit(values[train], frame["label"][train])
    table = colour.predictions(frame, parts, ["AML", "CLL", "Healthy"], NEAREST)
    said = table[["AML", "CLL", "Healthy"]].idxmax(axis=1)
    assert said.tolist() == nearest.predict(values[~train]).tolist()
    assert set(np.unique(table[["AML", "CLL", "Healthy"]])) == {0.0, 1.0}
    smooth = colour.predictions(frame, parts, ["AML", "CLL", "Healthy"], LOGISTIC)
    assert 0 < smooth["AML"].min() < smooth["AML"].max() < 1


@pytest.mark.parametrize("row", colour.CLASSIFIERS)
def test_nothing_is_learnt_from_validation_and_test(row):
    frame, parts = _catalogue()
    before = colour.predictions(frame, parts, ["AML", "CLL", "Healthy"], row)
    changed = frame.copy()
    held = (parts != "train").to_numpy()
    changed.loc[held, "label"] = "AML"
    changed.loc[frame.index[-1], COLOURS] = 0.0
    after = colour.predictions(changed, parts, ["AML", "CLL", "Healthy"], row)
    columns = ["AML", "CLL", "Healthy"]
    pd.testing.assert_frame_equal(before[columns][:-1], after[columns][:-1])


@pytest.mark.parametrize("row", colour.CLASSIFIERS)
def test_a_class_without_training_pictures_gets_no_probability(row):
    frame, parts = _catalogue()
    parts[(frame["label"] == "CLL") & (parts == "train")] = "validation"
    table = colour.predictions(frame, parts, ["AML", "CLL", "Healthy"], row)
    assert (table["CLL"] == 0).all()
    assert (table["label"] == "CLL").any()


def test_shuffled_catalogues_keep_pictures_and_probabilities_together():
    frame, parts = _catalogue()
    order = np.random.default_rng(1).permutation(len(frame))
    table = colour.predictions(frame, parts, ["AML", "CLL", "Healthy"], LOGISTIC)
    other = colour.predictions(
        frame.iloc[order], parts.iloc[order], ["AML", "CLL", "Healthy"], LOGISTIC
    )
    table, other = (t.set_index("path").sort_index() for t in (table, other))
    pd.testing.assert_frame_equal(table, other, atol=1e-4)
