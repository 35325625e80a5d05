"""overview.py draws what the stored tables say, and no more."""

import overview
import pandas as pd
import pytest

from smears import reports

TABLE = pd.DataFrame(
    {
        "Method": ["Das et al.", "Depto et al.", "CoTCoNet", "Colour statistics only (x)"],
        "Accuracy published": ["0.9821†", "0.8167†", "1.0000", "–"],
        "Accuracy ours (95% CI)": [
            "1.0000 (–)",
            "not run",
            "0.7826 (0.652–0.891)",
            "0.5 (0.4–0.6)",
        ],
        "n test": ["46", "–", "46", "46"],
        "data": ["allidb2", "–", "allidb2", "allidb2"],
    }
)


CAPTION = (
    "- Profile laptop; data: allidb2, 229 images; seeds: 3 (Das et al.: 1); trained on 2 cores.\n"
    "- Split by subject: train 137 / validation 46 / test 46 of 229 images, 2 classes.\n"
)


def _write(folder, name, table=TABLE, caption=CAPTION, splits=()):
    (folder / "tables").mkdir(parents=True, exist_ok=True)
    table.to_csv(folder / "tables" / name, index=False)
    (folder / "tables" / name).with_suffix(".md").write_text(caption)
    (folder / "splits").mkdir(exist_ok=True)
    for number, (more, fewer) in enumerate(splits, 1):
        labels = ["normal"] * more + ["ALL"] * fewer + ["ALL"] * 50
        parts = ["test"] * (more + fewer) + ["train"] * 50
        frame = pd.DataFrame({"label": labels, "part": parts})
        frame.to_csv(folder / "splits" / f"x-fold-{number}-of-{len(splits)}.csv", index=False)


def test_rows_are_read_with_their_intervals_and_without_those_not_run(tmp_path):
    _write(tmp_path / "a", "cotconet_table5_allidb2_laptop.csv")
    _write(tmp_path / "a", "cotconet_table5_drawn_quick.csv")
    percent = TABLE.assign(**{"Accuracy ours (95% CI)": ["91.0 (90.0–92.0)"] + ["not run"] * 3})
    _write(tmp_path / "b", "leukocytenet_table4_pbc_laptop.csv", percent.replace("allidb2", "pbc"))
    first, second = overview.read(tmp_path)
    assert (first.paper, first.title) == ("LeukocyteNet", "PBC: ablation")
    assert first.rows == [("Das et al.", "(1\u00a0seed)", None, 0.91, 0.9, 0.92)]
    assert (second.paper, second.title) == ("CoTCoNet", "ALL-IDB2")
    assert second.note == "2 classes, 46 pictures, 3 seeds unless said"
    assert second.rows == [
        ("Das et al.", "(1\u00a0seed)", 0.9821, 1.0, 1.0, 1.0),
        ("CoTCoNet", "", 1.0, 0.7826, 0.652, 0.891),
        ("Colour statistics only (x)", "", None, 0.5, 0.4, 0.6),
    ]


def test_the_papers_own_network_is_told_from_the_same_with_changes():
    looks = [
        overview._look(label, "LeukocyteNet")
        for label in ("LeukocyteNet", "LeukocyteNet (VGG19+Swin)", "LeukocyteNet, flips", "VGG19")
    ]
    assert looks == [overview.OURS, overview.OURS, overview.OTHERS, overview.OTHERS]


def test_folds_are_told_and_tested_pictures_of_all_make_the_most_frequent_class(tmp_path):
    caption = (
        "- Profile laptop; data: cnmc, 46 images; seeds: 1; trained on 2 cores.\n"
        "- Cross-validation in 2 folds by subject, each picture tested once: 46 images, "
        "2 classes.\n"
    )
    table = TABLE.replace("allidb2", "cnmc")
    name = "cotconet_table2_cnmc-2-folds_laptop.csv"
    _write(tmp_path, name, table, caption, splits=[(20, 3), (10, 13)])
    [panel] = overview.read(tmp_path)
    assert panel.title == "C-NMC 2019, 2 folds by person"
    assert panel.note == "2 classes, 46 pictures, 1 seed"
    assert panel.chance == pytest.approx(30 / 46)


def test_the_most_frequent_class_is_marked_and_is_not_guessed_without_a_split(tmp_path):
    _write(tmp_path, "cotconet_table5_allidb2_laptop.csv", splits=[(23, 23)])
    [panel] = overview.read(tmp_path)
    assert _marks(panel, "chance") == [0.5]
    _write(tmp_path, "cotconet_table5_allidb2_laptop.csv", splits=[(30, 23)])  # 53, not 46
    [panel] = overview.read(tmp_path)
    assert panel.chance is None
    assert _marks(panel, "chance") == []


def test_published_figures_stand_only_beside_the_set_that_they_are_of(tmp_path):
    _write(tmp_path / "a", "cotconet_table5_allidb2_laptop.csv")
    other = TABLE.replace("allidb2", "pbc-immature")
    _write(tmp_path / "b", "cotconet_table2_pbc-immature_laptop.csv", other)
    own, foreign = overview.read(tmp_path)
    assert _marks(own, "published") == [0.9821, 1.0]
    assert _marks(foreign, "published") == []


def test_the_legend_of_one_papers_tables_is_whole(tmp_path):
    _write(tmp_path, "cotconet_table5_allidb2_laptop.csv", splits=[(23, 23)])
    figure = overview.draw(overview.read(tmp_path))
    figure.canvas.draw()
    box = figure.legends[0].get_window_extent()
    assert box.x0 >= 0
    assert box.x1 <= figure.bbox.x1
    reports.pyplot().close(figure)


def test_what_lies_below_the_axis_is_an_arrow_with_its_number(tmp_path):
    low = TABLE.replace("0.5 (0.4–0.6)", "0.12 (0.10–0.40)")
    _write(tmp_path, "cotconet_table5_allidb2_laptop.csv", low, splits=[(10, 36)])
    [panel] = overview.read(tmp_path)
    assert _marks(panel, "below") == [overview.START]
    figure = overview.draw([panel])
    assert "0.12" in [text.get_text() for text in figure.axes[0].texts]
    reports.pyplot().close(figure)


def _marks(panel, gid):
    """Where a panel's lines of one kind are drawn."""
    figure = overview.draw([panel])
    reports.pyplot().close(figure)
    return [line.get_xdata()[0] for line in figure.axes[0].lines if line.get_gid() == gid]


def test_the_picture_is_written_beside_the_tables_and_an_empty_folder_is_refused(tmp_path, capsys):
    _write(tmp_path, "cotconet_table5_allidb2_laptop.csv")
    overview.main(["--results", str(tmp_path)])
    assert (tmp_path / "overview.png").stat().st_size > 10_000
    with pytest.raises(SystemExit) as end:
        overview.main(["--results", str(tmp_path / "nothing")])
    assert end.value.code == 2
    assert "no table with an accuracy of ours" in capsys.readouterr().err


def test_a_table_without_its_caption_is_refused_in_words(tmp_path, capsys):
    _write(tmp_path, "cotconet_table5_allidb2_laptop.csv")
    (tmp_path / "tables" / "cotconet_table5_allidb2_laptop.md").unlink()
    with pytest.raises(SystemExit) as end:
        overview.main(["--results", str(tmp_path)])
    assert end.value.code == 2
    assert "it tells the seeds of cotconet_table5_allidb2_laptop.csv" in capsys.readouterr().err


def test_every_stored_table_tells_its_most_frequent_class():
    panels = overview.read(overview.RESULTS)
    assert len(panels) >= 8
    assert all(0.1 < panel.chance < 1 for panel in panels)
