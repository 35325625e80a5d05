"""The walkthroughs run from a fresh kernel, without data or network, and are kept with outputs."""

import ast
import shutil
from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
import pytest

from smears import drawn

nbformat = pytest.importorskip("nbformat", reason="nbclient is one of CI's requirements")

NOTEBOOKS = sorted((Path(__file__).parent.parent / "notebooks").glob("*.ipynb"))


def test_both_papers_have_one():
    assert [path.stem for path in NOTEBOOKS] == ["cotconet", "leukocytenet"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_is_kept_with_its_outputs_and_is_small(path):
    assert path.stat().st_size < 1_500_000
    notebook = nbformat.read(path, 4)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(cell.execution_count for cell in cells)
    assert sum(bool(cell.outputs) for cell in cells) >= 0.8 * len(cells)
    for cell in cells:
        assert not any(output.output_type == "error" for output in cell.outputs)
        assert str(Path.home()) not in str(cell.outputs)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_runs_from_a_fresh_kernel(path, tmp_path):
    nbclient = pytest.importorskip("nbclient")
    notebook, kept = nbformat.read(path, 4), nbformat.read(path, 4)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.update(outputs=[], execution_count=None)
    client = nbclient.NotebookClient(
        notebook, timeout=800, resources={"metadata": {"path": tmp_path}}
    )
    client.execute()
    assert all(c.execution_count for c in notebook.cells if c.cell_type == "code")
    # What no training and no processor decides is what was kept: splits, sizes, findings.
    same = ("audit:", "findings", "published")
    for fresh, old in zip(notebook.cells, kept.cells, strict=True):
        if any(word in _text(old) for word in same):
            assert _text(fresh) == _text(old)


def _text(cell):
    """What a cell printed and the tables that it shows, in words with a space between."""
    found = [
        o.get("text") or o.get("data", {}).get("text/plain", "") for o in cell.get("outputs", [])
    ]
    return " ".join("".join(text for text in found if "<Figure" not in text).split())


def _last_cell(name, folder, **names):
    """Run the cell for the reader's own folder, with the imports and functions of those above.

    **names: what else it uses of them. Returns its names, among them "shown": calls of `show`.
    """
    *above, last = [c for c in nbformat.read(name, 4).cells if c.cell_type == "code"]
    lines = [line for cell in above for line in cell.source.splitlines() if line[:1] != "%"]
    kept = (ast.Import, ast.ImportFrom, ast.FunctionDef)
    tree = ast.parse("\n".join(lines))
    tree.body = [part for part in tree.body if isinstance(part, kept)]
    space, shown = {}, []
    exec(compile(tree, str(name), "exec"), space)
    show = space["show"]

    def keep(pictures, titles, **more):
        shown.append((pictures, titles))
        show(pictures, titles, **more)

    assert last.source.startswith("FOLDER = None")
    source = last.source.replace("FOLDER = None", f"FOLDER = {str(folder)!r}", 1)
    source = source.replace('settings("quick")', 'settings("quick", epochs=1)')
    exec(source, space | (found := {"show": keep, "shown": shown, **names}))
    return found


@pytest.fixture
def own(tmp_path, monkeypatch):
    """A folder CLASS/PERSON/PICTURE of two classes, as a reader may have it."""
    monkeypatch.setattr(matplotlib, "rcParams", matplotlib.rcParams.copy())
    plt.switch_backend("agg")
    rows = drawn.read(None, tmp_path, classes="all-normal", subjects=9, images=2, size=64)
    for path, label, subject in rows[["path", "label", "subject"]].to_numpy():
        place = tmp_path / "own" / label / f"patient {subject.partition(':')[2]}"
        place.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, place)
    return tmp_path / "own"


@pytest.mark.slow
def test_leukocytenet_takes_a_folder_of_ones_own(own, tmp_path, capsys):
    found = _last_cell(NOTEBOOKS[1], own, OUT=tmp_path)
    out = capsys.readouterr().out
    assert "audit: nothing on two sides" in out
    assert "Test accuracy:" in out
    [(pictures, titles)] = found["shown"]
    assert len(pictures) == len(titles) == 4  # a picture of each class and what it was known by
    assert titles[0].startswith("ALL, called ")


@pytest.mark.slow
def test_cotconet_takes_a_folder_of_ones_own_and_keeps_people_together(
    own, tmp_path, capsys, monkeypatch
):
    from cotconet.pipeline import CoTCoNet

    fit, given = CoTCoNet.fit, []
    monkeypatch.setattr(
        CoTCoNet, "fit", lambda *a, **more: given.append((a, more)) or fit(*a, **more)
    )
    small = {
        "size": 32, "segment": "otsu-watershed",
        "leugan": {"size": 32, "width": 16, "epochs": 1, "batch_size": 8},
        "extractor": {"patch_size": 8, "depth": 1, "num_heads": 3, "epochs": 1, "batch_size": 8},
        "selector": {"population": 4, "iterations": 1}, "hdlc": {"epochs": 1, "batch_size": 8},
    }  # fmt: skip
    found = _last_cell(NOTEBOOKS[0], own, OUT=tmp_path, SMALL=small)
    out = capsys.readouterr().out
    assert "audit: nothing on two sides" in out
    assert "Right in " in out
    [((_, pictures, labels), more)] = given
    assert len(set(more["groups"])) == len(labels) / 2  # two pictures of each person
    [(pictures, titles)] = found["shown"]
    assert len(pictures) == len(titles) == 8
    assert titles[-1].startswith("says ")
