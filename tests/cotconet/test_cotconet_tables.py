"""CoTCoNet's tables from invented predictions: what is measured, quoted, refused."""

import re
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import standin
import two_classes
from table2 import CNMC
from table5 import ALLIDB2, COMPARISON
from table7 import STEPS

from cotconet import recipe, stage_settings, tables
from cotconet.pipeline import CoTCoNet
from cotconet.rivals.profiles import METHODS
from smears import colour, commandline
from smears.study import Results, Unavailable, main
from smears.tables import mcnemar_against


@pytest.fixture(scope="module", autouse=True)
def plain_tables():
    with standin.plain_tables():
        yield


def _train(task, run):
    """Predictions that are right in nine of ten pictures, or seven without selection.

    One of the compared methods has no weights.
    """
    if run.settings.get("method") == "das":
        raise Unavailable("no weights")
    skill = 0.9 if run.settings.get("select", True) else 0.7
    positions = task.positions("validation", "test")
    frame = task.catalogue.iloc[positions].assign(part=task.parts.iloc[positions])
    rng = np.random.default_rng(run.settings["seed"])
    true = frame["label"].map({name: n for n, name in enumerate(task.classes)}).to_numpy()
    said = np.where(rng.random(len(true)) < skill, true, 1 - true)
    run.note(
        classes=list(task.classes), weights="random", kept=10, features=40, synthesised=6,
        synthetic_test=3 * task.paper_split, wall_seconds=90.0, peak_memory_mb=2048,
        copies_test=4 * (task.paper_split and run.settings.get("method") == "mohammed"),
    )  # fmt: skip
    if run.settings.get("method") == "khandekar":
        run.note(map_test=0.8125)
    run.write_predictions(frame, task.classes, np.eye(2)[said] * 0.8 + 0.1)


STANDIN = two_classes.recipe(_train)


def _results(study, out, *argv):
    return two_classes.results(study, STANDIN, out, *argv)


def test_rows_are_measured_or_quoted_and_compared_with_the_own_one(tmp_path):
    made, lines = tables.comparison(_results(CNMC, tmp_path))
    assert made["Method"].tolist()[-4:] == [
        "CoTCoNet", "Depto et al., weights alone", "Colour statistics only (nearest neighbour)",
        "Colour statistics only (logistic regression)",
    ]  # fmt: skip
    made = made.set_index("Method")
    assert made.loc["CoTCoNet", "Accuracy published"] == "0.9894"
    assert re.fullmatch(
        r"0\.\d{4} \(0\.\d{3}–[01]\.\d{3}\)", made.loc["CoTCoNet", "Accuracy ours (95% CI)"]
    )
    assert made.loc["Das et al.", "Accuracy ours (95% CI)"] == "not run"
    assert made.loc["Das et al.", "Precision published"].startswith("0.9282")
    assert "Das et al.: not run: no weights." in lines
    assert made.loc["Gehlot et al.", "Accuracy ours (95% CI)"] != "not run"
    assert made.loc["Depto et al., weights alone", "Accuracy published"] == "–"
    apart = made["against CoTCoNet"]
    assert apart["CoTCoNet"] == "–"
    assert apart["Das et al."] == "not run"
    # The same invented predictions.
    assert apart["Gehlot et al."] == "0 : 0, p = 1"
    assert re.fullmatch(r"\d+ : \d+, p = [\d.e-]+", apart[next(iter(colour.CLASSIFIERS))])
    assert made.loc["CoTCoNet", ["minutes", "GB"]].tolist() == ["1.5", "2.0"]
    assert made.loc["Das et al.", ["minutes", "GB"]].tolist() == ["–", "–"]
    assert any(line.startswith("McNemar's exact test") for line in lines)
    (boxes,) = [line for line in lines if "mAP" in line]
    assert boxes.startswith(
        "Khandekar et al.: mAP at an IoU of 0.5 of its boxes, test pictures: 0.81"
    )
    alone = next(iter(colour.CLASSIFIERS))
    assert made.loc[alone, "Recall published"] == "–"
    assert made.loc[alone, "Recall of normal ours (95% CI)"] != "not run"
    assert any(line.startswith("Positive class: ALL.") for line in lines)
    made = "Synthetic pictures, or changed copies, in training: 6; none in validation or test."
    assert made in lines


def test_the_ablation_has_every_row_of_the_paper_and_one_run_for_one_configuration(
    tmp_path, monkeypatch
):
    tested = []

    def against(results, reference, labels):
        tested.extend(labels)
        return mcnemar_against(results, reference, labels)

    monkeypatch.setattr(tables, "mcnemar_against", against)
    results = _results(STEPS, tmp_path)
    made, lines = tables.ablation(results)
    assert made["Variant"].tolist()[: len(results.paper.table(7))] == list(
        results.paper.table(7).index
    )
    made = made.set_index("Variant")
    ours = [column for column in made if "ours" in column]
    same = made.loc[["GMod + SMod", "w/o graph, w/o selection"], ours]
    assert same.iloc[0].equals(same.iloc[1])
    own = made.index.difference(colour.CLASSIFIERS)
    assert not (made.loc[own, "Accuracy ours (95% CI)"] == "not run").any()
    assert made.loc["CoTCoNet", "features kept"] == "10 of 40"
    folders = {run.folder for runs in results.runs.values() for run in runs}
    assert len(folders) == len(STEPS.rows) - 1
    assert made.loc["CoTCoNet", "against CoTCoNet"] == "–"
    assert made.loc["CLAHE", "against CoTCoNet"] == "0 : 0, p = 1"  # the same invented predictions
    # Without selection fewer are right; the same runs under two names are tested once.
    plain, first, second = (
        made.loc[row, "against CoTCoNet"]
        for row in ("with graph, w/o selection", "GMod + SMod", "w/o graph, w/o selection")
    )
    assert re.fullmatch(r"[1-9]\d* : \d+, p = [\d.e-]+", plain)
    assert first == second
    # Holm's correction counts them once.
    assert len(tested) == len(STEPS.rows) - 2 + len(colour.CLASSIFIERS)
    # So are they where collapsed trainings are counted.
    results.runs["GMod + SMod"][0].note(synthetic_variety=0.1)
    collapsed = [line for line in tables.ablation(results)[1] if "LeuGAN collapsed" in line]
    assert collapsed[0].startswith("LeuGAN collapsed in 1 of 1 trainings")
    assert any(line.startswith("McNemar's exact test") for line in lines)


def test_every_row_of_the_ablation_differs_from_the_method_in_known_settings():
    full = recipe.settings("quick")
    assert set(STEPS.long) < set(STEPS.rows)
    for row in STEPS.rows.values():
        changed = recipe.settings("quick", **row)
        # Of GMod's settings VGG-16 takes those of the training alone.
        expected = set(row) | ({"extractor"} if row.get("features") == ["vgg16"] else set())
        assert {key for key in full if changed[key] != full[key]} == expected
    with pytest.raises(ValueError, match="unknown settings"):
        recipe.settings("quick", enhancement=None)
    with pytest.raises(ValueError, match="extractor='ViT-S/8': give one of ViT-B/32"):
        recipe.settings("quick", extractor="ViT-S/8")
    assert recipe.settings("quick", extractor={"epochs": 1})["extractor"] == {"epochs": 1}


@pytest.mark.parametrize("profile", recipe.PROFILES)
def test_the_settings_of_every_row_of_the_ablation_can_be_trained(profile):
    for row in STEPS.rows.values():
        settings = recipe.settings(profile, **row)
        names = {*recipe.METHOD, *recipe.STAGES, "size", "unet", "mirnet"} & set(settings)
        method = CoTCoNet(**{name: settings[name] for name in names})
        stage_settings.check(method)
        stage_settings.check_leugan(method)


def test_collapsed_leugans_are_counted_in_the_caption(tmp_path):
    results = _results(CNMC, tmp_path)
    runs = [run for found in results.runs.values() for run in found]
    assert not [line for line in tables.comparison(results)[1] if "collapsed in" in line]
    for run, variety in zip(runs, [0.05, 0.9, 0.299], strict=False):
        run.note(synthetic_variety=variety)
    (line,) = [line for line in tables.comparison(results)[1] if "collapsed in" in line]
    assert line.startswith("LeuGAN collapsed in 2 of 3 trainings: its pictures vary 0.05 times")


def test_trainings_of_which_this_code_would_compute_a_stage_otherwise_are_named(tmp_path):
    results = _results(CNMC, tmp_path)
    runs = results.runs["CoTCoNet"]
    runs[0].note(versions=dict(recipe.VERSIONS))
    assert not [line for line in tables.comparison(results)[1] if "another version" in line]
    runs[0].note(versions={**recipe.VERSIONS, "select": 2, "hdlc": 1})
    (line,) = [line for line in tables.comparison(results)[1] if "another version" in line]
    assert line.startswith(f"CoTCoNet: 1 of {len(runs)} trainings were made by another version")
    assert "whose select, hdlc computed something else" in line
    assert line.endswith(f"remove from the folder runs: {runs[0].folder.name}.")


@pytest.mark.slow
def test_trainings_by_another_version_of_a_compared_method_are_named(tmp_path):
    def told(word):
        return [line for line in tables.comparison(results)[1] if word in line]

    results = _results(CNMC, tmp_path)
    # Jawahar et al.'s code has one version, that of others several.
    ours, changed = (results.runs[name] for name in ("Jawahar et al.", "Khandekar et al."))
    assert not told("version of the method's code")
    lines = told("before the method's version was recorded")
    labels = [line.split(":")[0] for line in lines]
    assert {"Khandekar et al.", "Depto et al."} <= set(labels)
    assert "Jawahar et al." not in labels
    for label in labels:
        for run in results.runs[label]:
            run.note(method_version=METHODS[run.settings["method"]].version)
    assert not told("before the method's version was recorded")
    assert not told("version of the method's code")
    ours[0].note(method_version=0)
    changed[0].note(method_version=1)
    lines = told("version of the method's code")
    assert [line.split(":")[0] for line in lines] == ["Jawahar et al.", "Khandekar et al."]
    assert lines[1].endswith(f"remove from the folder runs: {changed[0].folder.name}.")


def test_trainings_from_before_versions_were_recorded_are_counted(tmp_path):
    results = _results(STEPS, tmp_path)
    folders = {run.folder: run for runs in results.runs.values() for run in runs}
    total = f"of {len(folders)} trainings of CoTCoNet and its variants are from before"
    (line,) = [line for line in tables.ablation(results)[1] if "are from before" in line]
    assert line.startswith(f"{len(folders)} {total}")
    first, *others = folders.values()
    first.note(versions=dict(recipe.VERSIONS))
    (line,) = [line for line in tables.ablation(results)[1] if "are from before" in line]
    assert line.startswith(f"{len(others)} {total}")
    for run in others:
        run.note(versions=dict(recipe.VERSIONS))
    assert not [line for line in tables.ablation(results)[1] if "are from before" in line]


def test_the_paper_s_protocol_is_named_with_its_synthetic_test_pictures(tmp_path):
    results = _results(CNMC, tmp_path, "--split", "paper")
    made, lines = tables.comparison(results)
    assert "against CoTCoNet" not in made
    assert [line for line in lines if "4 of its test pictures are copies" in line] == [
        "Mohammed et al.: oversampled before the split, as its published figures imply: 4 of its "
        "test pictures are copies, most of pictures that it was trained on."
    ]
    assert any("up to 3 synthetic pictures are in the test part" in line for line in lines)
    assert "none in validation or test" not in " ".join(lines)
    assert next(iter(results.runs.values()))[0].settings["paper_split"] is True
    assert (results.split[0] == "test").mean() == pytest.approx(0.1, abs=0.03)


def test_more_or_fewer_than_two_classes_are_refused_with_what_to_give():
    assert recipe.refuse(["ALL", "normal"]) == ""
    assert "this data has 8" in recipe.refuse(list("abcdefgh"))


def test_the_paper_s_table_alone_is_made_when_only_its_rows_are_asked_for(tmp_path, capsys):
    studies = [COMPARISON, replace(ALLIDB2, recipe=STANDIN)]
    main(*studies, argv=["--profile", "quick", "--out", str(tmp_path), "--rows", "CoTCoNet"])
    printed = capsys.readouterr().out
    title = "## CoTCoNet, Table 5: six methods and CoTCoNet on ALL-IDB2 (here: drawn smears)"
    assert title in printed
    assert "## LeukocyteNet" not in printed


@pytest.mark.parametrize(
    ("classes", "positive"),
    [
        # Of C-NMC 2019 and drawn smears, ALL-IDB, PBC's immature cells, SN-AM.
        (("ALL", "normal"), "ALL"), (("ALL", "Healthy"), "ALL"),
        (("immature", "mature"), "immature"), (("B-ALL", "MM"), "B-ALL"),
        (("Healthy", "AML"), "AML"), (("ALL-Pro-B", "Healthy"), "ALL-Pro-B"),
        (("normal", "blast"), "blast"), (("Normal ", "leukemia"), "leukemia"),
        (("benign", "malignant"), "malignant"), (("CONTROL", "patient"), "patient"),
        (("hem", "all"), "all"), (("0", "1"), "1"),
        # Names that do not tell.
        (("cat", "dog"), "cat"), (("Healthy", "control"), "Healthy"),
    ],
)  # fmt: skip
def test_the_class_that_is_not_healthy_is_the_positive_one(classes, positive):
    assert recipe.positive(classes) == positive


def test_the_positive_class_that_is_asked_for_is_trained_scored_and_known_by_the_run(tmp_path):
    def told(*argv):
        found = two_classes.results(ALLIDB2, STANDIN, tmp_path, "--rows", "CoTCoNet", *argv)
        made, lines = tables.comparison(found)
        row = made.set_index("Method").loc["CoTCoNet"]
        assert f"Positive class: {found.positive}. {tables.EXCHANGED}" in lines
        assert found.material.task().positive == found.positive
        return found.runs["CoTCoNet"][0], row

    run, row = told()
    assert "positive" not in run.settings
    assert told("--positive", "ALL")[0].folder == run.folder
    other, turned = told("--positive", "normal")
    assert other.settings == {**run.settings, "positive": "normal"}
    # The same invented predictions, seen from the other side.
    assert turned["Recall of ALL ours (95% CI)"] == row["Recall ours (95% CI)"]
    assert turned["Recall ours (95% CI)"] == row["Recall of normal ours (95% CI)"]


def test_a_positive_class_that_is_none_ends_the_command_before_training(tmp_path, capsys):
    study = replace(CNMC, recipe=STANDIN)
    with pytest.raises(SystemExit) as stopped:
        main(study, argv=["--profile", "quick", "--out", str(tmp_path), "--positive", "all"])
    assert stopped.value.code == 2
    assert "--positive all: the classes are ALL and normal." in capsys.readouterr().err
    assert not list(tmp_path.glob("runs/*"))


def test_three_classes_end_the_command_with_what_to_give(tmp_path, capsys):
    profile = SimpleNamespace(drawn={"subjects": 5, "images": 1, "size": 32})
    ten = SimpleNamespace(**{**vars(STANDIN), "PROFILES": {"quick": profile}})
    study = replace(CNMC, recipe=ten)
    with pytest.raises(SystemExit):
        main(study, argv=["--profile", "quick", "--out", str(tmp_path)])
    assert "Give two-class data" in capsys.readouterr().err


def test_the_quick_profile_leaves_long_rows_out_unless_they_are_named(tmp_path):
    def trained(*argv):
        options = commandline.parse([study], ["--profile", "quick", "--out", str(tmp_path), *argv])
        results = Results(study, options)
        results.train()
        return set(results.runs), results.missing

    study = replace(ALLIDB2, recipe=STANDIN)
    rows, missing = trained()
    assert rows == set(study.rows) - set(study.long)
    assert missing["Depto et al."] == 'takes minutes: ask for it, --rows "Depto et al."'
    assert trained("--rows", "Depto et al.")[0] == {"Depto et al."}


def test_a_run_that_learns_from_masks_is_known_by_them(tmp_path):
    rows = ["CoTCoNet", "Khandekar et al.", "Jawahar et al."]
    found = two_classes.results(CNMC, STANDIN, tmp_path, "--rows", *rows)
    assert found.material.masks
    for label in rows[:2]:
        assert found.runs[label][0].settings["masks"] == found.material.masks
    assert "masks" not in found.runs["Jawahar et al."][0].settings
