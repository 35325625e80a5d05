"""The walkthroughs run from a fresh kernel, without data or network, and are kept with outputs."""

from pathlib import Path

import pytest

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
    notebook = nbformat.read(path, 4)
    client = nbclient.NotebookClient(
        notebook, timeout=800, resources={"metadata": {"path": tmp_path}}
    )
    client.execute()
    assert all(c.execution_count for c in notebook.cells if c.cell_type == "code")
