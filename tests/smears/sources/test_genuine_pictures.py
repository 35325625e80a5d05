"""Readers on genuine files of the data sets, where LEUKOCYTE_DATA names a folder with them.

The folder holds pbc, cnmc, cnmc_bmp_sample, taleqani, allidb1, allidb1_small, allidb2,
allidb2_jpg and wbc_masks: parts of the published sets, some reduced, in their original layouts.
"""

import os
import time
from pathlib import Path

import numpy as np
import pytest

from smears import catalogue, images, sources

DATA = Path(os.environ.get("LEUKOCYTE_DATA", ""))
pytestmark = pytest.mark.skipif(
    not os.environ.get("LEUKOCYTE_DATA"),
    reason="LEUKOCYTE_DATA does not name a folder of genuine pictures",
)


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    """One scan for all tests here."""
    return tmp_path_factory.mktemp("cache")


@pytest.mark.parametrize(
    ("name", "folder", "counts"),
    [
        ("pbc", "pbc", dict.fromkeys(
            ("basophil", "eosinophil", "erythroblast", "ig", "lymphocyte", "monocyte",
             "neutrophil", "platelet"), 213)),
        ("pbc-immature", "pbc", {"immature": 426, "mature": 1065}),
        ("cnmc", "cnmc", {"ALL": 571, "normal": 319}),
        ("cnmc", "cnmc_bmp_sample", {"ALL": 1, "normal": 1}),
        ("taleqani", "taleqani", dict.fromkeys(
            ("ALL-Benign", "ALL-Early Pre-B", "ALL-Pre-B", "ALL-Pro-B"), 150)),
        ("taleqani-malignant", "taleqani", {"malignant": 450, "benign": 150}),
        ("allidb1", "allidb1", {"ALL": 2, "Healthy": 1}),
        ("allidb1", "allidb1_small", {"ALL": 49, "Healthy": 58}),
        ("allidb1-healthy", "allidb1_small", {"Healthy": 58}),
        ("allidb2", "allidb2", {"ALL": 2, "Healthy": 2}),
        ("allidb2", "allidb2_jpg", {"ALL": 115, "Healthy": 114}),
        ("allidb2-healthy", "allidb2_jpg", {"Healthy": 114}),
        ("zheng", "wbc_masks", {"basophil": 4, "eosinophil": 34, "lymphocyte": 89,
                                "monocyte": 63, "neutrophil": 209}),
    ],
)  # fmt: skip
def test_counts_are_those_of_the_published_files(name, folder, counts, cache):
    frame = sources.load([f"{name}:{DATA / folder}"], cache)
    assert catalogue.counts(frame).to_dict() == counts
    # Nothing had to be converted, dropped or left out.
    notes = [note for note in frame.attrs["notes"] if "has only" not in note]
    assert notes == ["pbc-immature: 213 platelets left out"] * (name == "pbc-immature")


def test_cnmc_has_thirty_subjects_of_one_label_each(cache):
    frame = sources.load([f"cnmc:{DATA / 'cnmc'}"], cache)
    assert frame["subject"].nunique() == 30
    assert frame.groupby("subject")["label"].nunique().max() == 1
    sizes = frame["subject"].value_counts()
    assert sizes[["cnmc:H10", "cnmc:H14", "cnmc:16", "cnmc:H3"]].tolist() == [150, 150, 53, 4]
    # The official folds, and no subject in two of them.
    assert frame["part"].value_counts().to_dict() == {"fold_1": 833, "fold_0": 34, "fold_2": 23}
    assert frame.groupby("subject")["part"].nunique().max() == 1


def test_the_original_bmp_decodes_to_the_pixels_of_its_lossless_copy():
    originals = sorted((DATA / "cnmc_bmp_sample").rglob("*.bmp"))
    assert len(originals) == 2
    for path in originals:
        copy = next((DATA / "cnmc").rglob(f"{path.stem}.*"))
        assert np.array_equal(images.decode(path), images.decode(copy))


def test_original_sizes_are_kept(cache):
    frame = sources.load(
        [f"allidb1:{DATA / 'allidb1'}", f"allidb2:{DATA / 'allidb2'}",
         f"cnmc:{DATA / 'cnmc_bmp_sample'}"], cache,
    )  # fmt: skip
    sizes = frame.set_index("source")[["width", "height"]].apply(tuple, axis=1)
    assert sizes["allidb1:Im001"] == sizes["allidb1:Im017"] == (1712, 1368)
    assert sizes["allidb1:Im094"] == (2592, 1944)
    assert set(sizes[sizes.index.str.startswith("allidb2")]) == {(257, 257)}
    assert set(sizes[sizes.index.str.startswith("cnmc")]) == {(450, 450)}


def test_merging_taleqani_with_healthy_fields_gives_five_of_the_ten_classes(cache):
    frame = sources.load(
        [f"taleqani:{DATA / 'taleqani'}", f"allidb1-healthy:{DATA / 'allidb1_small'}"], cache
    )
    assert catalogue.counts(frame).to_dict() == {
        "ALL-Benign": 150, "ALL-Early Pre-B": 150, "ALL-Pre-B": 150, "ALL-Pro-B": 150,
        "Healthy": 58,
    }  # fmt: skip


def test_a_thousand_pictures_are_scanned_in_a_few_seconds(tmp_path):
    rows = sources.read(f"pbc:{DATA / 'pbc'}", tmp_path)
    # Processor time, so that a busy machine does not fail the test.
    start = time.process_time()
    catalogue.scan(rows["path"][:500], tmp_path)
    assert (time.process_time() - start) / 0.5 < 5


def test_every_cell_of_zheng_has_a_mask_of_its_size_with_a_nucleus_in_it(cache):
    frame = sources.load([f"zheng:{DATA / 'wbc_masks'}"], cache)
    assert frame["source"].str.slice(0, 8).value_counts().to_dict() == {
        "zheng:1/": 299, "zheng:2/": 100
    }  # fmt: skip
    for row in frame.itertuples():
        mask = images.read_mask(row.mask)
        assert mask.shape == (row.height, row.width)
        assert {0, 255} <= set(np.unique(mask).tolist()) <= {0, 128, 255}
