"""CoTCoNet's Tables 1 and 3: counts up to parity, and formulas that are what they say."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import two_classes
from table1 import COUNTS
from table3 import FORMULAS

from cotconet import premises
from smears import commandline
from smears.study import Results


def _train(task, run):
    """Two of ALL's test pictures and one of the normal ones are missed."""
    positions = task.positions("validation", "test")
    frame = task.catalogue.iloc[positions].assign(part=task.parts.iloc[positions])
    frame = frame.reset_index(drop=True)
    true = frame["label"].map({name: n for n, name in enumerate(task.classes)}).to_numpy()
    said = true.copy()
    for label, missed in (("ALL", 2), ("normal", 1)):
        wrong = np.flatnonzero((frame["label"] == label) & (frame["part"] == "test"))[:missed]
        said[wrong] = 1 - true[wrong]
    run.note(classes=list(task.classes), weights="random")
    run.write_predictions(frame, task.classes, np.eye(2)[said] * 0.8 + 0.1)


STANDIN = two_classes.recipe(_train)


def _results(study, out, *argv):
    return two_classes.results(study, STANDIN, out, *argv)


def test_published_counts_stand_beside_this_data_s(tmp_path):
    results = _results(COUNTS, tmp_path)
    made, lines = premises.counts_table(results)
    cells = made.set_index(["Data set", "Class"])
    assert len(made) == 10
    published = [column for column in made if column.endswith("published")]
    assert cells.loc[("C-NMC 2019", "normal"), published].tolist() == ["4,037", "4,454", "8,491"]
    assert cells.loc[("SN-AM", "normal"), published].tolist() == ["30†", "NIL", "30†"]
    ours = [column for column in made if column.endswith("ours")]
    assert cells.loc[("C-NMC 2019", "normal"), ours].tolist() == ["–"] * 4
    train = results.catalogue["label"][results.split[0] == "train"].value_counts()
    assert cells.loc[("drawn smears", "normal (normal)"), ours].tolist() == [
        "24", str(train["normal"]), str(train["ALL"] - train["normal"]), str(train["ALL"])
    ]  # fmt: skip
    assert cells.loc[("drawn smears", "cancer (ALL)"), ours].tolist() == [
        "48", str(train["ALL"]), "0", str(train["ALL"])
    ]  # fmt: skip
    assert any("none is ever in validation or test" in line for line in lines)
    assert any("no normal class" in line for line in lines)


def test_the_paper_s_protocol_counts_all_images_as_table_1_does(tmp_path):
    made, lines = premises.counts_table(_results(COUNTS, tmp_path, "--split", "paper"))
    own = made[made["Data set"] == "drawn smears"]
    assert own["all ours"].tolist() == ["48", "24"]
    assert own["synthetic for parity ours"].tolist() == ["0", "24"]
    assert any("a tenth of them is tested on" in line for line in lines)


def test_ones_own_pictures_stand_alone_in_table_1(tmp_path, monkeypatch):
    results = _results(COUNTS, tmp_path)
    monkeypatch.setattr(Results, "own", True)
    made, lines = premises.counts_table(results)
    assert len(made) == 2
    assert not [title for title in made if "published" in title]
    assert not any("SN-AM" in line for line in lines)


def test_folds_count_the_first_one_and_say_so(tmp_path):
    made, lines = premises.counts_table(_results(COUNTS, tmp_path, "--folds", "3"))
    assert "Training part: of the first fold." in lines
    assert "training ours" in made


def test_the_formulas_as_printed_give_our_scores(tmp_path):
    results = _results(FORMULAS, tmp_path)
    made, lines = premises.formulas_table(results)
    test = results.predictions("CoTCoNet")[0].query("part == 'test'")
    said = test[["ALL", "normal"]].to_numpy().argmax(1)
    counts = pd.crosstab(test["label"].to_numpy(), np.array(["ALL", "normal"])[said])
    assert counts.loc["ALL", "normal"] == 2
    assert counts.loc["normal", "ALL"] == 1
    for positive, other in (("ALL", "normal"), ("normal", "ALL")):
        known = {
            "TP_leuk": counts.loc[positive, positive], "FN_nor": counts.loc[positive, other],
            "FP_leuk": counts.loc[other, positive], "TN_nor": counts.loc[other, other],
        }  # fmt: skip
        for row in made.to_dict("records"):
            formula = row["formula as printed"].replace("×", "*")
            known[row["Metric"]] = eval(formula, {}, known)
            assert row[f"ours, {positive} positive"] == f"{known[row['Metric']]:.4f}"
    recall = made.set_index("Metric").loc["Recall", "in this data's classes"]
    assert recall == "ALL→ALL / (ALL→ALL + ALL→normal)"
    assert any("ALL→normal 2, normal→ALL 1" in line for line in lines)


def test_without_a_run_the_formulas_stand_alone(tmp_path):
    study = replace(FORMULAS, recipe=STANDIN)
    options = commandline.parse([study], ["--profile", "quick", "--out", str(tmp_path)])
    made, _ = premises.formulas_table(Results(study, options))
    assert set(made["ours, ALL positive"]) == {"not run"}


@pytest.mark.parametrize("name", premises.DATA_SETS)
def test_every_data_set_of_table_1_has_a_reader(name):
    from smears import published, sources

    assert name in sources.SOURCES
    assert premises.DATA_SETS[name] in published.load("cotconet").rows(1)
