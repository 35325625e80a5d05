"""Splits keep subjects apart, and the audit finds every leak that is planted."""

import base64

import numpy as np
import pandas as pd
import pytest

from smears import copies, splits


def _catalogue(classes=3, subjects=10, images=4, seed=0):
    """A scanned catalogue without files: every picture has its own look."""
    rng = np.random.default_rng(seed)
    rows = [
        (f"class{c}", f"set:{c}-{s}", f"set:{c}-{s}-{i}")
        for c in range(classes) for s in range(subjects) for i in range(images)
    ]  # fmt: skip
    frame = pd.DataFrame(rows, columns=["label", "subject", "source"])
    frame["path"] = [f"/pictures/{n}.png" for n in range(len(frame))]
    frame["data"] = "set"
    for column in ("part", "mask", "derived"):
        frame[column] = ""
    frame["sha256"] = [rng.bytes(32).hex() for _ in range(len(frame))]
    frame["thumbnail"] = [base64.b64encode(rng.bytes(1024)).decode() for _ in range(len(frame))]
    return frame


@pytest.mark.parametrize("seed", range(5))
def test_no_subject_is_on_both_sides_of_a_split(seed):
    frame = _catalogue(subjects=13, seed=seed)
    parts = splits.split(frame, "subject", seed)
    assert frame.assign(part=parts).groupby("subject")["part"].nunique().max() == 1
    assert splits.audit(frame, parts).failures == ()


def test_parts_are_60_20_20_in_every_class():
    frame = _catalogue()
    parts = splits.split(frame)
    shares = pd.crosstab(frame["label"], parts, normalize="index")
    assert np.allclose(shares[["train", "validation", "test"]], [0.6, 0.2, 0.2])


def test_people_who_give_most_of_a_class_are_not_all_held_out():
    # As in C-NMC 2019's first fold: two of eight healthy people give 300 of 318 pictures.
    frame = _catalogue(classes=2, subjects=8, images=40)
    healthy = frame["label"] == "class1"
    few = healthy & ~frame["subject"].isin(["set:1-0", "set:1-1"])
    frame = frame[~few | frame["source"].str.endswith(("-0", "-1", "-2"))].reset_index(drop=True)
    frame = frame.assign(sha256=[f"{n:064x}" for n in range(len(frame))])
    parts = splits.split(frame)
    counts = pd.crosstab(frame["label"], parts)
    assert counts.loc["class1", "train"] >= 40
    assert splits.audit(frame, parts).failures == ()
    for made in splits.folds(frame, 4):
        assert pd.crosstab(frame["label"], made).loc["class1", "train"] >= 40


def test_the_same_seed_gives_the_same_split_and_another_seed_another():
    frame = _catalogue()
    assert splits.split(frame, seed=1).equals(splits.split(frame, seed=1))
    assert not splits.split(frame, seed=1).equals(splits.split(frame, seed=2))


def test_without_known_subjects_crops_of_one_source_image_stay_together():
    frame = _catalogue()
    frame["source"] = frame["subject"]
    frame["subject"] = ""
    parts = splits.split(frame, "subject")
    assert frame.assign(part=parts).groupby("source")["part"].nunique().max() == 1


def test_the_audit_does_not_call_people_apart_whom_nobody_knows():
    frame = _catalogue()
    frame["subject"] = ""
    may = "no known subjects; audit: one person's pictures may stand on both sides; "
    line = splits.audit(frame, splits.split(frame)).line
    assert line.endswith(f"{may}nothing else on two sides.")
    frame["source"] = frame["source"].str.rpartition("-")[0]
    line = splits.audit(frame, splits.split(frame, "image"), "image").line
    assert f"{may}source image on two sides (" in line


@pytest.mark.parametrize("seed", range(3))
def test_crops_of_one_source_image_stay_together_where_some_of_their_subjects_are_known(seed):
    frame = _catalogue()
    frame["source"] = "field of " + frame["subject"]
    frame.loc[::2, "subject"] = ""
    parts = splits.split(frame, seed=seed)
    found = splits.audit(frame, parts)
    assert (found.failures, found.line.endswith("nothing on two sides.")) == ((), True)


def test_subjects_are_numbered_as_they_come_where_their_source_images_are_theirs_alone():
    frame = _catalogue()
    frame["source"] = [f"{name}-{n // 2 % 2}" for n, name in enumerate(frame["subject"])]
    assert splits.groups(frame).tolist() == pd.factorize(frame["subject"])[0].tolist()


def test_splitting_by_source_image_keeps_crops_together_and_counts_people_on_two_sides():
    frame = _catalogue()
    frame["source"] = [f"{name}-{n // 2 % 2}" for n, name in enumerate(frame["subject"])]
    parts = splits.split(frame, "source")
    sides = frame.assign(part=parts).groupby("source")["part"].nunique()
    assert sides.max() == 1
    torn = frame.assign(part=parts).groupby("subject")["part"].nunique().gt(1).sum()
    found = splits.audit(frame, parts, "source")
    assert torn > 0
    assert found.failures == ()
    assert f"audit: subject on two sides ({torn})." in found.line
    # A copy on two sides is a leak all the same.
    frame.loc[parts[parts == "test"].index[0], "sha256"] = frame["sha256"][
        parts[parts == "train"].index[0]
    ]
    (failure,) = splits.audit(frame, parts, "source").failures
    assert failure.startswith("byte-identical")


def test_splitting_by_image_tears_subjects_apart_and_the_audit_counts_them():
    frame = _catalogue()
    parts = splits.split(frame, "image")
    result = splits.audit(frame, parts, "image")
    assert "subject on two sides (" in result.line
    assert result.failures == ()
    assert any("subject on two sides" in text for text in splits.audit(frame, parts).failures)


def test_near_duplicates_of_two_subjects_are_kept_on_one_side():
    frame = _catalogue()
    other = 4 * 10 * 2
    frame.loc[other, "thumbnail"] = frame.loc[0, "thumbnail"]
    assert copies.pairs(frame["thumbnail"]).tolist() == [[0, other]]
    for seed in range(5):
        parts = splits.split(frame, seed=seed)
        assert parts[0] == parts[other]


@pytest.mark.parametrize(
    ("column", "named"),
    [("subject", "subject"), ("source", "source"), ("sha256", "byte-identical")],
)
def test_a_planted_leak_is_named(column, named):
    frame = _catalogue()
    parts = splits.split(frame)
    train, test = (parts[parts == part].index[0] for part in ("train", "test"))
    frame.loc[test, column] = frame.loc[train, column]
    assert any(text.startswith(named) for text in splits.audit(frame, parts).failures)


def test_a_planted_near_duplicate_is_named_with_both_files():
    frame = _catalogue()
    parts = splits.split(frame)
    train, test = (parts[parts == part].index[0] for part in ("train", "test"))
    frame.loc[test, "thumbnail"] = frame.loc[train, "thumbnail"]
    (failure,) = splits.audit(frame, parts).failures
    assert frame["path"][train] in failure
    assert frame["path"][test] in failure


def test_an_augmented_picture_outside_training_fails_under_every_protocol():
    frame = _catalogue()
    parts = splits.split(frame)
    frame.loc[parts[parts == "validation"].index[0], "derived"] = "augmentation"
    for by in splits.UNITS:
        assert any("outside training" in text for text in splits.audit(frame, parts, by).failures)


def test_a_class_with_one_subject_is_refused_with_its_name(tmp_path):
    frame = _catalogue()
    frame.loc[frame["label"] == "class0", "subject"] = "set:only"
    with pytest.raises(splits.LeakError, match="class0"):
        splits.stored(frame, "mark", tmp_path)


def test_official_parts_are_kept_and_a_missing_validation_part_is_cut_from_training():
    frame = _catalogue()
    frame["part"] = np.where(frame["subject"].str.endswith(("8", "9")), "test", "train")
    parts = splits.split(frame)
    assert ((parts == "test") == (frame["part"] == "test")).all()
    assert 0.15 < (parts == "validation").mean() < 0.25


def test_a_stored_split_is_read_back_and_a_foreign_one_refused(tmp_path):
    frame = _catalogue()
    first, _, name = splits.stored(frame, "mark", tmp_path)[0]
    again, _, other = splits.stored(frame, "mark", tmp_path)[0]
    assert first.tolist() == again.tolist()
    assert name == other
    with pytest.raises(splits.LeakError, match="delete the file"):
        splits.stored(_catalogue(seed=9), "mark", tmp_path)


def test_each_picture_is_tested_in_one_fold_and_its_subject_is_in_no_other_part_of_it():
    frame = _catalogue(subjects=15)
    made = splits.folds(frame, 5)
    assert np.array([parts == "test" for parts in made]).sum(0).tolist() == [1] * len(frame)
    for parts in made:
        assert frame.assign(part=parts).groupby("subject")["part"].nunique().max() == 1
        shares = pd.crosstab(frame["label"], parts, normalize="index")
        assert np.allclose(shares[["train", "validation", "test"]], [0.6, 0.2, 0.2])


def test_official_folds_are_taken_where_every_picture_has_one_and_else_refused():
    frame = _catalogue(subjects=15)
    frame["part"] = [f"fold_{int(name.rpartition('-')[2]) % 3}" for name in frame["subject"]]
    made = splits.folds(frame, "official")
    assert [set(frame["part"][parts == "test"]) for parts in made] == [
        {"fold_0"}, {"fold_1"}, {"fold_2"}
    ]  # fmt: skip
    assert splits.split(frame).isin(splits.PARTS).all()
    frame.loc[3, "part"] = ""
    with pytest.raises(splits.InputError, match="--folds 5"):
        splits.folds(frame, "official")


def test_official_folds_that_leak_are_refused_with_what_to_do(tmp_path):
    frame = _catalogue(subjects=15)
    frame["part"] = [f"fold_{number % 3}" for number in range(len(frame))]
    with pytest.raises(splits.LeakError, match="add --split image"):
        splits.stored(frame, "mark", tmp_path, count="official")
    with pytest.raises(splits.LeakError) as made:
        splits._kept(frame, frame["part"].map({f"fold_{n}": p for n, p in enumerate(splits.PARTS)}),
                     tmp_path / "x.csv", "subject", 0)  # fmt: skip
    assert "--split image" not in str(made.value)


def test_stored_folds_are_read_back_in_their_order_and_mended_when_one_is_missing(tmp_path):
    frame = _catalogue(subjects=13)
    first = splits.stored(frame, "mark", tmp_path, count=12)
    assert len(list(tmp_path.glob("mark-subject-0-12-fold-*-of-12.csv"))) == 12
    again = splits.stored(frame, "mark", tmp_path, count=12)
    assert [name for *_, name in first] == [name for *_, name in again]
    (tmp_path / "mark-subject-0-12-fold-3-of-12.csv").unlink()
    mended = splits.stored(frame, "mark", tmp_path, count=12)
    assert [name for *_, name in first] == [name for *_, name in mended]


def test_a_paper_s_own_shares_are_another_split(tmp_path):
    frame = _catalogue(images=10)
    parts, audit, _ = splits.stored(frame, "mark", tmp_path, "image", share=10)[0]
    assert (parts == "test").mean() == pytest.approx(0.1)
    assert (parts == "validation").mean() == pytest.approx(0.1)
    assert "subject on two sides" in audit.line


def test_more_folds_than_a_class_can_fill_are_refused_with_the_number_that_fits(tmp_path):
    frame = _catalogue(classes=2, subjects=12, images=1)
    with pytest.raises(splits.InputError, match=r"--folds 20: class0 has only 12.*--folds 12 or"):
        splits.stored(frame, "mark", tmp_path, count=20)
    assert len(splits.stored(frame, "mark", tmp_path, count=12)) == 12


@pytest.mark.parametrize(("images", "offered"), [(1, False), (4, True)])
def test_a_split_by_image_is_offered_only_where_it_helps(images, offered):
    frame = _catalogue(classes=2, subjects=12, images=images)
    with pytest.raises(splits.InputError) as refusal:
        splits.folds(frame, 40)
    assert ("--split image" in str(refusal.value)) == offered
    few = _catalogue(classes=2, subjects=2, images=images)
    with pytest.raises(splits.InputError) as refusal:
        splits.split(few)
    assert ("--split image" in str(refusal.value)) == offered


def test_official_parts_without_a_test_part_are_told_as_the_reason():
    frame = _catalogue(classes=2)
    frame["part"] = np.where(frame["subject"].str.endswith("9"), "validation", "train")
    (failure,) = splits.audit(frame, splits.split(frame)).failures
    assert failure.startswith("no test picture of class0, class1: the official parts hold none")
    assert "mark some lines test, or leave the column part empty" in failure


def test_a_class_that_misses_a_fold_is_not_told_to_have_too_few_subjects():
    frame = _catalogue(classes=2)
    parts = splits.split(frame)
    parts[(frame["label"] == "class1") & (parts == "test")] = "train"
    (failure,) = splits.audit(frame, parts, count=5).failures
    assert failure.startswith("no test picture of class1: its 10 independent subjects")
    assert "fewer --folds" in failure
    assert "--folds" not in splits.audit(frame, parts).failures[0]


def test_a_file_that_is_no_split_is_refused_by_name(tmp_path):
    frame = _catalogue(subjects=15)
    splits.stored(frame, "mark", tmp_path)
    (path,) = tmp_path.glob("*.csv")
    for text in ("", "a,b\n1,2\n"):
        path.write_text(text)
        with pytest.raises(splits.LeakError, match=r"is no split .*delete the file"):
            splits.stored(frame, "mark", tmp_path)


@pytest.mark.parametrize("part", ["tset", ""])
def test_a_stored_split_with_a_part_that_there_is_not_is_refused_by_name(part, tmp_path):
    frame = _catalogue()
    splits.stored(frame, "mark", tmp_path)
    (path,) = tmp_path.glob("*.csv")
    path.write_text(path.read_text().replace(",train,", f",{part},", 1))
    with pytest.raises(splits.LeakError, match=f"{path.name} has the parts '{part}' beside train"):
        splits.stored(frame, "mark", tmp_path)


def test_validation_is_a_quarter_of_official_training_and_keeps_subjects_whole():
    frame = _catalogue()
    frame["part"] = np.where(frame["subject"].str.endswith(("8", "9")), "test", "train")
    parts = splits.split(frame)
    assert frame.assign(part=parts).groupby("subject")["part"].nunique().max() == 1
    shares = pd.crosstab(frame["label"], parts, normalize="index")
    assert np.allclose(shares[["train", "validation", "test"]], [0.6, 0.2, 0.2])


def test_official_parts_of_one_data_set_stay_where_another_lacks_validation():
    whole, lacking = _catalogue(), _catalogue(seed=1).assign(data="other")
    whole["part"] = np.where(whole["subject"].str.endswith("8"), "validation", "train")
    lacking["subject"] = "other" + lacking["subject"]
    for frame in (whole, lacking):
        frame.loc[frame["subject"].str.endswith("9"), "part"] = "test"
    lacking["part"] = lacking["part"].replace("", "train")
    frame = pd.concat([whole, lacking], ignore_index=True)
    parts = splits.split(frame)
    first = frame["data"] == "set"
    assert (parts[first] == frame["part"][first]).all()
    assert 0.15 < (parts[~first] == "validation").mean() < 0.3


def test_byte_identical_pictures_of_two_subjects_are_kept_on_one_side():
    frame = _catalogue()
    other = 4 * 10 * 2
    frame.loc[other, "sha256"] = frame.loc[0, "sha256"]
    unit = splits.groups(frame)
    assert unit[0] == unit[other]
    assert len(set(unit)) == 29


def test_each_unit_share_and_seed_has_a_split_and_a_name_of_its_own(tmp_path):
    frame = _catalogue(images=10)
    asked = [("subject", 5, 0), ("subject", 5, 1), ("image", 5, 0), ("image", 10, 0)]
    made = [splits.stored(frame, "m", tmp_path, by, share=n, seed=s)[0] for by, n, s in asked]
    assert len({name for *_, name in made}) == 4
    assert made[1][0].equals(splits.split(frame, "subject", 1))
    again = splits.stored(frame, "m", tmp_path, "image", share=10)[0]
    assert again[0].tolist() == made[3][0].tolist()
    folds = [splits.stored(frame, "m", tmp_path, count=3, seed=seed) for seed in (0, 1)]
    assert len({name for fold in folds for *_, name in fold}) == 6


def test_a_source_on_two_sides_fails_a_split_by_source():
    frame = _catalogue()
    frame["source"], frame["subject"] = frame["subject"], ""
    (failure,) = splits.audit(frame, splits.split(frame, "image"), "source").failures
    assert failure.startswith("source image on two sides")


def test_of_twenty_shuffles_the_one_nearest_to_the_wanted_shares_is_kept(monkeypatch):
    frame = _catalogue(subjects=7, images=8)
    given = np.repeat(np.random.default_rng(0).integers(1, 9, 21), 8)  # pictures of each subject
    frame = frame[np.arange(len(frame)) % 8 < given].reset_index(drop=True)

    def far(seed):
        shares = pd.crosstab(frame["label"], splits.split(frame, seed=seed), normalize="index")
        return np.abs(shares[["validation", "test"]].to_numpy() - 0.2).max()

    best = far(0)
    monkeypatch.setattr(splits, "SHUFFLES", 1)
    alone = [far(seed) for seed in range(20)]
    assert best == min(alone) < np.median(alone)
