"""Tables on disk: Markdown lines up, CSV keeps all, LaTeX is safe, pictures do not overflow."""

import re

import pandas as pd
import pytest
from PIL import Image

from smears import latex, reports

TABLE = pd.DataFrame(
    {
        "Model": ["VGG19 Only, fine-tuned, with a long name that needs two lines", "Ünet | <b>"],
        "Accuracy ours (95% CI)": ["97.33 (95.0–99.1)", "not run"],
        "p (chance)": ["<0.001", "–"],
    }
)


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("5% of a_b & c #1 $x$", r"5\% of a\_b \& c \#1 \$x\$"),
        ("{a} \\ b", r"\{a\} \textbackslash{} b"),
        (
            "~ ^ < > |",
            r"\textasciitilde{} \textasciicircum{} \textless{} \textgreater{} \textbar{}",
        ),
        ("97.33† ≥ 0.96 ± 0.01", r"97.33\textdagger{} $\geq$ 0.96 $\pm$ 0.01"),
        ("95.0–99.1 × 2 — 15°", r"95.0--99.1 $\times$ 2 --- 15$^\circ$"),
        ("[19] *", "{[}19] {*}"),
        ("Zürich, Łódź", "Zürich, Łódź"),
        ("白", "U+767D"),
        ('say "so"', r"say \textquotedbl{}so\textquotedbl{}"),
    ],
)
def test_latex_prints_every_sign_instead_of_obeying_it(text, safe):
    assert latex.latex_text(text) == safe


def test_no_command_survives_in_latex_of_all_printable_signs():
    text = "".join(map(chr, range(32, 127)))
    safe = latex.latex_text(text)
    for known in (r"\\text[a-z]+\{\}", r"\\[{}&%_#$]", r"\{\[\}", r"\{\*\}"):
        safe = re.sub(known, "", safe)
    assert not set(safe) & set("\\{}&%_#$~^<>|")


def test_a_latex_row_has_one_cell_a_column_and_the_environments_close():
    text = latex.latex(TABLE, "Title & more", ["100% of it."])
    rows = [line for line in text.split("\n") if line.endswith(r"\\")]
    assert len(rows) == 3
    assert all(len(re.findall(r"(?<!\\)&", row)) == TABLE.shape[1] - 1 for row in rows)
    assert re.findall(r"\\begin\{(\w+)\}", text) == re.findall(r"\\end\{(\w+)\}", text)[::-1]
    assert r"\caption{Title \& more}" in text
    assert r"100\% of it." in text


def test_only_wide_latex_tables_are_shrunk():
    wide = pd.DataFrame({f"column {n}": ["x"] for n in range(latex.WIDE)})
    assert "resizebox" in latex.latex(wide, "t")
    assert "resizebox" not in latex.latex(wide.iloc[:, 1:], "t")


def test_markdown_lines_up_and_a_bar_in_a_cell_does_not_add_a_column():
    lines = reports.markdown(TABLE).split("\n")
    assert len({len(line) for line in lines}) == 1
    assert all(len(re.findall(r"(?<!\\)\|", line)) == TABLE.shape[1] + 1 for line in lines)


def test_the_four_files_hold_the_table_its_title_and_its_caption(tmp_path):
    paths = reports.write(TABLE, "A title", ["First line.", "Second line."], tmp_path, "stem")
    assert [path.name for path in paths] == ["stem.md", "stem.csv", "stem.tex", "stem.png"]
    back = pd.read_csv(paths[1], dtype=str, keep_default_na=False)
    pd.testing.assert_frame_equal(back, TABLE, check_dtype=False)
    for path in (paths[0], paths[2]):
        text = path.read_text(encoding="utf-8")
        assert "A title" in text
        assert "Second line." in text
    with Image.open(paths[3]) as image:
        assert image.width > image.height


@pytest.mark.parametrize("columns", [3, 14])
def test_no_text_of_a_table_picture_leaves_its_cell_or_the_picture(tmp_path, monkeypatch, columns):
    more = [TABLE.iloc[:, 1:2].add_suffix(f" {n}") for n in range(3, columns)]
    wide = pd.concat([TABLE, *more], axis=1)
    plt, kept = reports.pyplot(), []
    with monkeypatch.context() as patch:
        patch.setattr(plt, "close", kept.append)
        reports.picture(
            wide, "A title that is longer than the table is wide " * 3, ["A line. " * 60] * 3,
            tmp_path / "t.png",
        )  # fmt: skip
    figure = kept[0]
    figure.canvas.draw()
    renderer = figure.canvas.get_renderer()
    cells = figure.axes[0].tables[0].get_celld().values()
    for cell in cells:
        text, box = cell.get_text().get_window_extent(renderer), cell.get_window_extent(renderer)
        assert box.x0 <= text.x0
        assert text.x1 <= box.x1 + 1
        assert text.height <= box.height
    page = figure.bbox
    for text in figure.texts:
        box = text.get_window_extent(renderer)
        assert page.x0 <= box.x0
        assert box.x1 <= page.x1
        assert page.y0 <= box.y0
        assert box.y1 <= page.y1
    plt.close(figure)


def test_a_figure_is_saved_as_picture_drawing_and_caption(tmp_path):
    figure, axis = reports.pyplot().subplots()
    axis.imshow([[0, 1], [1, 0]])
    paths = reports.save_figure(figure, ["What it shows."], tmp_path / "new", "figure")
    assert [path.suffix for path in paths] == [".png", ".pdf", ".txt"]
    assert paths[1].read_bytes().startswith(b"%PDF")
    assert paths[2].read_text() == "What it shows.\n"


def test_a_figure_of_numbers_comes_with_them_as_csv(tmp_path):
    figure, (bars, lines, matrix) = reports.pyplot().subplots(1, 3)
    bars.bar(-0.2, 5, 0.4, label="published")
    bars.bar(0.8, 4, 0.4, yerr=[[1], [2]], label="ours")
    bars.axhline(3, label="chance")
    bars.set_xticks([0, 1], ["one\nnet", "another"])
    lines.plot([1, 2], [0.25, 0.5], gid="seen")
    lines.plot([0, 1], [0, 1])
    lines.scatter([7.5, 8.5], [9.5, 10.5], label="points")
    lines.errorbar(3, 4, [[0.5], [1]], fmt="o", gid="mean")
    lines.set_title("(b)")
    matrix.imshow([[0.5, 0.25]])
    matrix.set_xticks([0, 1], ["a", "b"])
    matrix.set_yticks([0], ["a"])
    matrix.text(1, 0, "3")
    paths = reports.save_figure(figure, [], tmp_path, "figure")
    assert paths[-1].read_text().splitlines() == [
        "panel,series,x,y,low,high,value,printed", ",chance,,3,,,,",
        ",published,one net,5,,,,", ",ours,another,4,3.0,6.0,,", "(b),seen,1,0.25,,,,",
        "(b),seen,2,0.5,,,,", "(b),mean,3,4,3.5,5.0,,",
        "(b),points,7.5,9.5,,,,", "(b),points,8.5,10.5,,,,",
        ",matrix,a,a,,,0.5,", ",matrix,b,a,,,0.25,3",
    ]  # fmt: skip


def test_a_contact_sheet_shows_every_picture(tmp_path, monkeypatch):
    import numpy as np

    plt, kept = reports.pyplot(), []
    with monkeypatch.context() as patch:
        patch.setattr(plt, "close", kept.append)
        pictures = [np.full((8, 8, 3), n, np.uint8) for n in range(5)]
        reports.contact_sheet(pictures, list("abcde"), tmp_path / "x" / "sheet.png", columns=3)
    shown = [axis for axis in kept[0].axes if axis.images]
    assert [axis.get_title() for axis in shown] == list("abcde")
    assert (tmp_path / "x" / "sheet.png").exists()
    plt.close(kept[0])


def test_dollars_in_names_are_dollars(tmp_path):
    import numpy as np

    pictures = [np.zeros((8, 8, 3), np.uint8)] * 2
    reports.contact_sheet(pictures, ["$\\bad{$ 5%", "$x_1$"], tmp_path / "sheet.png")
    assert (tmp_path / "sheet.png").exists()


def test_names_in_other_scripts_get_a_font_that_has_them_where_one_is_installed(monkeypatch):
    """The first of those that are known; matplotlib's own stays in front."""
    from matplotlib import font_manager

    monkeypatch.setattr(font_manager, "get_font_names", lambda: ["STIXGeneral", "cmr10", "DejaVu"])
    for known, expected in (
        (("Absent", "cmr10", "STIXGeneral"), ["sans-serif", "cmr10"]),
        (("Absent",), ["sans-serif"]),
    ):
        monkeypatch.setattr(reports, "FONTS", known)
        plt = reports.pyplot()
        assert plt.rcParams["font.family"] == expected
    monkeypatch.undo()
    reports.pyplot()
