"""overview.py draws what the stored tables say, and no more."""

import overview
import pandas as pd
import pytest

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


def _write(folder, name, table):
    (folder / "tables").mkdir(parents=True, exist_ok=True)
    table.to_csv(folder / "tables" / name, index=False)


def test_rows_are_read_with_their_intervals_and_without_those_not_run(tmp_path):
    _write(tmp_path / "a", "cotconet_table5_allidb2_laptop.csv", TABLE)
    _write(tmp_path / "a", "cotconet_table5_drawn_quick.csv", TABLE)
    percent = TABLE.assign(**{"Accuracy ours (95% CI)": ["91.0 (90.0–92.0)"] + ["not run"] * 3})
    _write(tmp_path / "b", "leukocytenet_table4_pbc_laptop.csv", percent)
    (first, rows), (second, others) = overview.read(tmp_path)
    assert first == "LeukocyteNet, Table 4: allidb2, 46 pictures"
    assert rows == [("Das et al.", pytest.approx(0.009821), 0.91, 0.9, 0.92)]
    assert second == "CoTCoNet, Table 5: allidb2, 46 pictures"
    assert others == [
        ("Das et al.", 0.9821, 1.0, 1.0, 1.0),
        ("CoTCoNet", 1.0, 0.7826, 0.652, 0.891),
        ("Colour statistics only (x)", None, 0.5, 0.4, 0.6),
    ]


def test_the_picture_is_written_beside_the_tables_and_an_empty_folder_is_refused(tmp_path, capsys):
    _write(tmp_path, "cotconet_table5_allidb2_laptop.csv", TABLE)
    overview.main(["--results", str(tmp_path)])
    assert (tmp_path / "overview.png").stat().st_size > 10_000
    with pytest.raises(SystemExit) as end:
        overview.main(["--results", str(tmp_path / "nothing")])
    assert end.value.code == 2
    assert "no table with an accuracy of ours" in capsys.readouterr().err
