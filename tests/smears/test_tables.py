"""Tables are functions of stored predictions: published beside ours, honest about what is not."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.metrics import f1_score

from smears import catalogue, colour, statistics, tables

CLASSES = ["AML", "CLL", "Healthy"]
COLUMNS = {
    "test_accuracy": ("Test accuracy", "test", "accuracy"),
    "f1": ("F1", "test", "f1_macro"),
    "validation_accuracy": ("Validation accuracy", "validation", "accuracy"),
}


def predictions(seed=0, skill=0.8, count=60):
    """A predictions table: 20 subjects of three pictures in each of two parts."""
    rng = np.random.default_rng(seed)
    parts = []
    for part in ("validation", "test"):
        true = np.array([0] * (count // 2) + [1] * (count // 3) + [2] * (count // 6))
        scores = rng.dirichlet([1, 1, 1], count) + 2 * np.eye(3)[true] * (
            rng.random((count, 1)) < skill
        )
        table = pd.DataFrame(scores / scores.sum(1, keepdims=True), columns=CLASSES)
        table.insert(0, "label", np.array(CLASSES)[true])
        table.insert(0, "part", part)
        table.insert(0, "source", [f"{part} {n}" for n in range(count)])
        table.insert(0, "subject", [f"{part} {n // 3}" for n in range(count)])
        table.insert(0, "path", [f"{part} {n}.png" for n in range(count)])
        parts.append(table)
    return pd.concat(parts, ignore_index=True)


def _results(by_row, seeds=None):
    """What a table asks of smears.study.Results, with given predictions.

    Args:
        by_row: dict label -> list of predictions, one a seed.
        seeds: dict label -> list of its seeds, where they are not 0, 1, ...
    """
    seeds = {label: list(range(len(row))) for label, row in by_row.items()} | (seeds or {})
    return SimpleNamespace(
        study=SimpleNamespace(rows={"First": {}, "Second": {}}),
        seeds=lambda label: seeds.get(label, []),
        several_seeds=any(len(row) > 1 for row in seeds.values()),
        data="drawn smears",
        predictions=lambda label: by_row.get(label, []),
        beside=lambda title, row, column: {
            f"{title} published": {"First": "84.44", "Second": "97.33†"}.get(row, "–")
        },
        captions=lambda: ["Profile quick."],
    )


def _right(table, part):
    held = table[table["part"] == part]
    return (held[CLASSES].idxmax(axis=1) == held["label"]).to_numpy()


def test_published_stands_beside_ours_and_the_colour_rows_beneath():
    own = {"First": [predictions(0)], "Second": [predictions(1)]}
    own |= {label: [predictions(2, 0.3)] for label in colour.CLASSIFIERS}
    made, lines = tables.accuracy_table(_results(own), COLUMNS)
    assert made["Model"].tolist() == ["First", "Second", *colour.CLASSIFIERS]
    assert made["Test accuracy published"].tolist() == ["84.44", "97.33†", "–", "–"]
    assert lines[0] == "Profile quick."
    for title, part, metric in COLUMNS.values():
        shown = [float(text.split()[0]) for text in made[f"{title} ours (95% CI)"]]
        for value, (table,) in zip(shown, own.values(), strict=True):
            held = table[table["part"] == part]
            said = held[CLASSES].idxmax(axis=1)
            if metric == "accuracy":
                expected = (said == held["label"]).mean()
            else:
                expected = f1_score(held["label"], said, average="macro")
            assert value == pytest.approx(100 * expected, abs=0.0051)
    assert made["n test"].tolist() == ["60"] * 4
    assert set(made["data"]) == {"drawn smears"}


def test_a_row_draws_subjects_once_a_part_and_gives_each_cell_the_interval_of_its_own(
    monkeypatch,
):
    results, drawings = _results({"First": [predictions(0), predictions(1)]}), []
    first = tables.accuracy_table(results, COLUMNS)[0].iloc[0]
    for title, part, metric in COLUMNS.values():
        alone = tables.scored(results.predictions("First"), part, metric)
        assert first[f"{title} ours (95% CI)"] == alone
    resampled = statistics._resampled
    monkeypatch.setattr(
        statistics, "_resampled", lambda *given: drawings.append(given) or resampled(*given)
    )
    tables.accuracy_table(results, COLUMNS)
    assert len(drawings) == 2


def test_a_row_that_was_not_run_says_so_and_borrows_no_number():
    made, _ = tables.accuracy_table(_results({"Second": [predictions(1)]}), COLUMNS)
    first = made.set_index("Model").loc["First"]
    assert [first[f"{title} ours (95% CI)"] for title, _, _ in COLUMNS.values()] == ["not run"] * 3
    assert first["n test"] == first["p (chance)"] == "–"
    assert first["Test accuracy published"] == "84.44"


@pytest.mark.parametrize(("seeds", "said"), [(1, False), (3, True)])
def test_the_caption_says_whether_seeds_are_in_the_interval(seeds, said):
    own = {"First": [predictions(seed) for seed in range(seeds)]}
    _, lines = tables.accuracy_table(_results(own), COLUMNS)
    assert ("over subjects and seeds" in lines[-1]) is said
    assert "over subjects" in lines[-1]
    count = own["First"][0].query("part == 'test'")["subject"].nunique()
    lowest = 100 * stats.binomtest(count, count).proportion_ci().low
    told = f"no certainty: {count} of {count} right fit any share from {lowest:.1f}% up"
    assert told in lines[-1]


def test_the_value_is_the_mean_over_seeds_and_lies_in_its_interval():
    own = [predictions(seed) for seed in range(3)]
    value, low, high = tables.interval(own, "test", "accuracy")
    assert value == pytest.approx(np.mean([_right(table, "test").mean() for table in own]))
    assert low < value < high


def test_the_interval_is_wider_if_the_pictures_of_a_subject_stand_and_fall_together():
    mixed = predictions(0, 0.6)
    mixed = mixed[mixed["part"] == "test"].reset_index(drop=True)
    # The same predictions, with the right ones in some subjects and the wrong ones in others.
    together = mixed.iloc[np.argsort(_right(mixed, "test"))].reset_index(drop=True)
    together["subject"] = mixed["subject"]
    found = [tables.interval([table], "test", "accuracy") for table in (mixed, together)]
    assert found[0][0] == found[1][0]
    # Twenty subjects instead of sixty pictures: wider by about the square root of three.
    assert found[1][2] - found[1][1] > 1.4 * (found[0][2] - found[0][1])


def test_the_unit_is_the_subject_and_the_source_image_where_it_is_unknown():
    table = pd.DataFrame({"subject": ["s1", "", "s1"], "source": ["a", "b", "c"]})
    assert catalogue.unit_of(table).tolist() == ["s1", "b", "s1"]


def test_confusions_are_counted_by_subject_seed_by_seed():
    own = [predictions(seed) for seed in range(2)]
    stack = tables.confusions(own, "test")
    assert stack.shape == (2, 20, 3, 3)
    assert (stack.sum((2, 3)) == 3).all()
    for seed in range(2):
        assert np.trace(stack[seed].sum(0)) == _right(own[seed], "test").sum()


def test_chance_is_the_largest_p_over_seeds_against_the_most_frequent_class():
    own = [predictions(0, 0.9), predictions(1, 0.1)]
    expected = [
        stats.binomtest(int(_right(table, "test").sum()), 60, 0.5, "greater").pvalue
        for table in own
    ]
    assert tables.chance(own) == pytest.approx(max(expected))
    assert tables.chance(own[:1]) == pytest.approx(expected[0])
    assert expected[0] < 1e-6 < 0.01 < expected[1]


def test_percentages_are_printed_with_their_interval():
    assert tables.percent((0.7154, 0.6399, 0.782)) == "71.54 (64.0–78.2)"


def test_rows_are_compared_picture_by_picture_and_corrected_for_their_number():
    good, poor = predictions(0, 1.0), predictions(1, 0.2)
    results = _results({"First": [good], "Second": [poor], "Third": [good]})
    found = tables.mcnemar_against(results, "First", ["Second", "Third", "Fourth"])
    right = [tables.correct([table]) for table in (good, poor)]
    first, second = np.sum(right[0] & ~right[1]), np.sum(~right[0] & right[1])
    # Three pictures a subject.
    apart = (right[0].astype(int) - right[1]).reshape(-1, 3).sum(1)
    p = statistics.mcnemar(apart)
    assert found["Second"] == f"{first} : {second}, p = {2 * p:.2g}"
    assert found["Third"] == "0 : 0, p = 1"
    assert found["Fourth"] == "not run"
    assert tables.mcnemar_against(results, "Fourth", ["First"]) == {"First": "not run"}


def test_a_row_without_seeds_is_compared_with_each_seed():
    colours = next(iter(colour.CLASSIFIERS))
    rows = {"First": [predictions(0, 1.0), predictions(2, 1.0)], colours: [predictions(1, 0.2)]}
    results = _results(rows, {colours: []})
    text = tables.mcnemar_against(results, "First", [colours])[colours]
    counts = [int(n) for n in text.split(",")[0].split(" : ")]
    right = [tables.correct([table]) for table in (*rows["First"], *rows[colours])]
    assert counts[0] == sum(np.sum(one & ~right[2]) for one in right[:2])
    assert "over all seeds" in tables.mcnemar_line(results, "First")


def test_rows_with_other_seeds_are_compared_over_those_they_share():
    first = [predictions(seed, 0.9) for seed in (0, 1, 2)]
    second = [predictions(seed, 0.4) for seed in (3, 4)]
    results = _results({"First": first, "Second": second}, {"Second": [0, 2]})
    text = tables.mcnemar_against(results, "First", ["Second"])["Second"]
    right = [tables.correct(rows) for rows in ([first[0], first[2]], second)]
    expected = f"{np.sum(right[0] & ~right[1])} : {np.sum(~right[0] & right[1])},"
    assert text.startswith(expected)
    assert not expected.startswith("0 : 0")
    results = _results({"First": first[:1], "Second": second[:1]}, {"Second": [1]})
    assert tables.mcnemar_against(results, "First", ["Second"])["Second"] == "not run"
