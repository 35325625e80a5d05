"""LeukocyteNet's tables say what the stored predictions say, checked by other code than theirs."""

import re
from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
import pytest
import standin
from figure5 import ACCURACIES
from scipy import stats
from sklearn.metrics import accuracy_score, precision_recall_fscore_support
from table1 import LITERATURE
from table2 import ACQUISITION
from table3 import ARCHITECTURE
from table4 import ABLATION
from table5 import COMPARISON
from table6 import REPORT
from table7 import COMPLEXITY
from table8 import DURATIONS
from table9 import SIGNIFICANCE, TURNS

from leukocytenet import augmentation, recipe
from leukocytenet import tables as own_tables
from smears import drawing, metrics, statistics, tables

NUMBER = r"(\d+\.\d+)"


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="module", autouse=True)
def few_resamples():
    """Intervals a little less smooth than those of 2,000 resamples."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tables, "RESAMPLES", 200)
        yield


def _made(study, out, *arguments):
    """(results, table by its first column, caption lines)."""
    results = standin.results(study, out, *arguments)
    table, lines = results.study.make(results)
    return results, table.set_index(table.columns[0]), lines


@pytest.fixture(scope="module")
def make(out):
    """Function study, *arguments -> what `_made` returns, made once."""
    kept = {}

    def made(study, *arguments):
        key = (study.title, arguments)
        if key not in kept:
            kept[key] = _made(study, out, *arguments)
        return kept[key]

    return made


@pytest.fixture(scope="module")
def nothing_run(tmp_path_factory):
    return tmp_path_factory.mktemp("nothing")


def _test_part(predictions):
    """(true labels, predicted labels) of the test part."""
    held = predictions[predictions["part"] == "test"]
    return held["label"].to_numpy(), np.array(standin.CLASSES)[
        held[list(standin.CLASSES)].to_numpy().argmax(1)
    ]


def test_table_1_quotes_the_literature_and_measures_only_our_row(make):
    results, table, _ = make(LITERATURE)
    assert len(table) == 12
    assert table.loc["Safuan et al.", "Accuracy published"] == "99.13"
    assert (table["Accuracy ours (95% CI)"].iloc[:-1] == "–").all()
    score = 100 * accuracy_score(*_test_part(results.runs["LeukocyteNet"][0].predictions))
    assert table["Accuracy ours (95% CI)"].iloc[-1].startswith(f"{score:.2f} (")
    assert table["n test"].iloc[-1] == "20"


def test_table_2_counts_the_catalogue_and_the_training_part(make):
    results, table, _ = make(ACQUISITION)
    train = results.catalogue["label"][results.split[0] == "train"].value_counts()
    assert set(table.index) == set(recipe.CLASSES)
    assert (table["original ours"].astype(int) == 10).all()
    assert table["training ours"].astype(int).to_dict() == train.to_dict()
    assert table.loc["Healthy", "original published"] == "1,180†"
    rows, _ = augmentation.balance(results.catalogue["label"][results.split[0] == "train"].tolist())
    assert table["training with repetitions ours"].astype(int).sum() == len(rows)


def test_tables_and_figure_5_of_ones_own_pictures_have_nothing_published(make, out, tmp_path):
    import cv2

    for label in ("AML", "mast cell"):
        (tmp_path / label).mkdir()
        for subject in range(6):
            picture, _ = drawing.draw("AML", 300 + len(label), subject, 32)
            cv2.imwrite(str(tmp_path / label / f"{subject}.png"), picture)
    data = ("--data", f"folder:{tmp_path}")
    for study in (ACQUISITION, ABLATION, COMPARISON, REPORT, DURATIONS, SIGNIFICANCE):
        _, table, lines = make(study, *data)
        assert not [title for title in table if "published" in title], study.name
        assert not [line for line in lines if "the paper's training time" in line]
    _, table, lines = make(ACQUISITION, *data)
    assert table["original ours"].to_dict() == {"AML": "6", "mast cell": "6"}
    assert not [line for line in lines if line.startswith("Classes of the paper")]
    results = standin.results(ACCURACIES, out, *data, "--rows", "MobileNet", "LeukocyteNet")
    figure, _ = results.study.make(results)
    (axes,) = figure.axes
    assert {bars.get_label() for bars in axes.containers if bars.get_label()[0] != "_"} == {"ours"}
    assert [text.get_text() for text in axes.get_xticklabels()] == ["MobileNet", "LeukocyteNet"]
    assert "published" not in [text.get_text() for text in axes.get_legend().get_texts()]


def test_table_3_gives_the_published_parameters_row_by_row(make):
    _, table, _ = make(ARCHITECTURE)
    assert (table["parameters ours"] == table["parameters published"]).all()
    assert table.loc["Total Param", "parameters ours"] == "20,237,970"
    assert table.loc["Total Trainable Param", "parameters ours"] == "20,237,714"
    same = table["shape published"].isin(["–", "128†"]) | (
        table["shape ours"] == table["shape published"]
    )
    assert same.all()
    assert table.loc["Concatenation", "shape ours"] == "640"


def test_table_4_gives_accuracy_and_the_recall_of_the_rarest_diseases(make):
    results, table, _ = make(ABLATION)
    for label, runs in results.runs.items():
        true, said = _test_part(runs[0].predictions)
        row = table.loc[label]
        assert row["Accuracy ours (95% CI)"].startswith(f"{100 * accuracy_score(true, said):.2f} (")
        scores = precision_recall_fscore_support(true, said, average="macro", zero_division=0)
        assert row["Macro F1 ours (95% CI)"].startswith(f"{100 * scores[2]:.2f} (")
        recalls = sorted(100 * np.mean(said[true == name] == name) for name in ("MDS", "Lymphoma"))
        told = re.fullmatch(r"([\d.]+) \((.*)\), ([\d.]+) \((.*)\)",
                            row["Minority recall ours"])  # fmt: skip
        assert [float(told[1]), float(told[3])] == pytest.approx(recalls, abs=0.051)
        for recall, bounds in ((recalls[0], told[2]), (recalls[1], told[4])):
            if bounds != "–":
                low, high = map(float, bounds.split("–"))
                assert low - 0.05 <= recall <= high + 0.05
    assert table.loc["VGG19 Only", "Accuracy published"] == "91.98†"
    assert table.loc["VGG19 Only, fine-tuned", "Accuracy published"] == "–"


def test_table_4_has_no_external_column_unless_asked(make):
    _, table, lines = make(ABLATION)
    assert not any("xternal" in text for text in [*table.columns, *lines[:5]])


def test_table_5_gives_macro_averages_of_the_test_part_and_both_colour_rows(make):
    results, table, _ = make(COMPARISON)
    for label, runs in results.runs.items():
        true, said = _test_part(runs[0].predictions)
        precision, recall, f1, _ = precision_recall_fscore_support(
            true, said, average="macro", zero_division=0
        )
        for name, value in (("Precision", precision), ("Recall", recall), ("F1", f1)):
            assert table.loc[label, f"{name} ours (95% CI)"].startswith(f"{100 * value:.2f} (")
        p = stats.binomtest(int(np.sum(true == said)), 20, 0.1, "greater").pvalue
        assert table.loc[label, "p (chance)"] == f"{p:.1g}"
    assert "not run" not in table.filter(like="Colour", axis=0).to_numpy()


def test_every_interval_is_one_and_an_accuracys_holds_its_value(make):
    intervals = 0
    for study in (ABLATION, COMPARISON):
        _, table, _ = make(study, "--seeds", "2")
        for name in table.filter(like="ours (95% CI)"):
            for text in table[name][table[name] != "not run"]:
                if text.endswith(" (–)"):
                    continue
                found = re.fullmatch(rf"{NUMBER} \({NUMBER}–{NUMBER}\)", text)
                intervals += 1
                value, low, high = map(float, found.groups())
                assert 0 <= low <= high <= 100
                # A resample without a class pulls macro averages down: see the class's own row.
                assert low <= value <= high or "ccuracy" not in name
    assert intervals > 20


def test_table_4_tells_how_far_each_row_lies_from_the_hybrid(make):
    _, table, _ = make(ABLATION, "--seeds", "2")
    own = float(table.loc["LeukocyteNet (VGG19+Swin)", "Accuracy ours (95% CI)"].split(" (")[0])
    apart = table["Accuracy less LeukocyteNet's (95% CI)"]
    told = apart[~apart.isin(["–", "not run"])]
    assert apart["LeukocyteNet (VGG19+Swin)"] == "–"
    assert {"VGG19 Only", "Colour statistics only (nearest neighbour)"} <= set(told.index)
    for label, text in told.items():
        gain, low, high = (float(number) for number in re.findall(r"[+-]\d+\.\d+", text))
        other = float(table.loc[label, "Accuracy ours (95% CI)"].split(" (")[0])
        assert gain == pytest.approx(other - own, abs=0.011)
        assert low <= gain <= high


def test_table_9_tests_flips_and_turns_as_well(make):
    _, table, _ = make(SIGNIFICANCE, "--rows", "LeukocyteNet", "MobileNet", TURNS)
    assert table.loc[f"Test accuracy, {TURNS}, %", "ours"] != "not run"
    assert (
        " : "
        in table.loc[f"{TURNS}: McNemar, test, against MobileNet (best on validation)", "ours"]
    )


def test_table_6_equals_scikit_learn_class_by_class(make):
    results, table, _ = make(REPORT)
    true, said = _test_part(results.runs["LeukocyteNet"][0].predictions)
    scores = precision_recall_fscore_support(
        true, said, labels=list(standin.CLASSES), zero_division=0
    )
    for number, name in enumerate(standin.CLASSES):
        for title, values in zip(("Precision", "Recall", "F1"), scores, strict=False):
            text = table.loc[name, f"{title} ours (95% CI)"]
            assert text.startswith(f"{values[number]:.2f} (")
            assert "nan" not in text
        assert table.loc[name, "n test"] == str(scores[3][number])
    assert table.loc["Lymphoma", "Recall published"] == "0.89"


def test_table_6_draws_subjects_once_and_gives_each_cell_the_interval_of_its_own(make, monkeypatch):
    results, table, _ = make(REPORT)
    predictions, drawings = results.predictions("LeukocyteNet"), []
    for number, name in enumerate(results.classes):
        for column, title in (("precision", "Precision"), ("recall", "Recall"), ("f1", "F1")):
            score = partial(metrics.of_class, number=number, name=column)
            alone = tables.spread(tables.interval(predictions, "test", score), 2, 2)
            assert table.loc[name, f"{title} ours (95% CI)"] == alone
    resampled = statistics._resampled
    monkeypatch.setattr(
        statistics, "_resampled", lambda *given: drawings.append(given) or resampled(*given)
    )
    monkeypatch.setattr(own_tables, "colour_line", lambda results: "")
    results.study.make(results)
    assert len(drawings) == 1


def test_table_7_counts_at_the_papers_size_and_the_profiles(make):
    _, table, _ = make(COMPLEXITY)
    assert (table["ours at 384 px"] == table["published"]).all()
    other = table["ours at 64 px (profile quick)"]
    # The position embedding alone shrinks: 2 x 2 tokens of 64 instead of 12 x 12.
    assert other["Total Parameters"] == f"{20_237_970 - (144 - 4) * 64:,}"


def test_table_8_adds_up_measured_seconds(make):
    _, table, _ = make(DURATIONS)
    assert table["ours (min)"].tolist() == ["1.80", "1.50", "0.30"]  # 3 epochs of 30 + 6 seconds
    assert table["n epochs"].tolist() == ["3"] * 3
    _, table, _ = make(DURATIONS, "--seeds", "2")
    assert table["ours (min)"].tolist()[0] == "1.80 (1.80 to 1.80)"


def test_table_9_repeats_the_papers_statistics_over_epochs(make):
    results, table, _ = make(SIGNIFICANCE)
    history = results.runs["LeukocyteNet"][0].history
    train, held = history["accuracy"], history["val_accuracy"]
    half = stats.t.ppf(0.975, 2) * train.std(ddof=1) / np.sqrt(3)
    assert table.loc["Training Accuracy", "ours"] == f"{train.mean():.4f} ± {half:.4f}"
    gap = train - held
    t = gap.mean() / (gap.std(ddof=1) / np.sqrt(3))
    text = table.loc["Paired t-test (Train vs. Val)", "ours"]
    assert text == f"t = {t:.4f}, p = {2 * stats.t.sf(abs(t), 2):.4f}"
    assert table.loc["Paired t-test (Train vs. Val)", "n"] == "3"


def test_table_9_tests_against_every_baseline_pooled_over_seeds(make):
    results, table, lines = make(SIGNIFICANCE, "--seeds", "2")

    def right(label):
        pairs = [_test_part(run.predictions) for run in results.runs[label]]
        return np.concatenate([true == said for true, said in pairs])

    held = results.runs["LeukocyteNet"][0].predictions
    subject = np.tile(held[held["part"] == "test"]["subject"], 2)
    own, raw, texts = right("LeukocyteNet"), {}, {}
    for label in ("Xception", "Inception V3", "MobileNet", "VGG19"):
        other = right(label)
        a, b = int(np.sum(own & ~other)), int(np.sum(~own & other))
        apart = pd.Series(own.astype(int) - other).groupby(subject).sum()
        flips = stats.permutation_test(
            (apart,), np.sum, permutation_type="samples", n_resamples=2 ** len(apart)
        )
        raw[label], texts[label] = flips.pvalue, f"{a} : {b}"
    rows = table[table.index.str.startswith("McNemar")]
    assert len(rows) == 5
    assert sum("best on validation" in name for name in rows.index) == 1
    assert table.loc["McNemar, test, against DenseNet121", "ours"] == "not run"
    running = 0.0
    for rank, label in enumerate(sorted(raw, key=raw.get)):
        running = max(running, min(1, raw[label] * (len(raw) - rank)))  # Holm 1979
        row = rows[rows.index.str.contains(label)].iloc[0]
        assert row["ours"] == f"{texts[label]}, p = {running:.2g}"
        assert row["n"] == "40"
    assert any("over all seeds" in line for line in lines)


def test_one_epoch_has_no_interval_and_crashes_nothing(out, monkeypatch):
    one = {"quick": replace(standin.PROFILES["quick"], epochs=1)}
    monkeypatch.setattr(standin, "PROFILES", one)
    _, table, _ = _made(SIGNIFICANCE, out)
    assert table.loc["Training Accuracy", "ours"] == "0.4000, one epoch"
    assert table.loc["Paired t-test (Train vs. Val)", "ours"].startswith("undefined")
    _, table, _ = _made(DURATIONS, out)
    assert table["ours (min)"].tolist() == ["0.60", "0.50", "0.10"]


@pytest.mark.parametrize(
    "study", [LITERATURE, ABLATION, COMPARISON, REPORT, DURATIONS, SIGNIFICANCE]
)
def test_without_a_run_every_table_says_so_and_borrows_no_number(nothing_run, study, monkeypatch):
    monkeypatch.setattr(standin, "SKILL", {})
    results = standin.results(study, nothing_run)
    table, lines = results.study.make(results)
    own = table[~table.iloc[:, 0].str.startswith("Colour")]
    ours = own[[name for name in own if name.startswith("ours") or " ours" in name]].iloc[-1]
    assert (ours == "not run").all()
    assert any(line.endswith("not run: no weights.") for line in lines)
    assert not table.isna().any(axis=None)
    assert "" not in table.to_numpy()
