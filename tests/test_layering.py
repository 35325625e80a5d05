"""Who may import whom, read from the source: neither paper knows the other, smears neither."""

import ast
import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FORBIDDEN = {
    "smears": {"leukocytenet", "cotconet", "experiments", "tests"},
    "leukocytenet": {"cotconet", "experiments", "tests"},
    "cotconet": {"leukocytenet", "experiments", "tests"},
}
KERAS = {"keras", "tensorflow", "jax", "keras_hub"}
NUMBERS_ONLY = (
    "metrics", "statistics", "published", "rounding", "testsets", "agreement", "forensics",
    "splits", "folds", "runs", "colour", "arrays", "calibration", "card", "checklists",
    "likeness", "check", "processes", "ending", "positive", "layouts/__init__", "layouts/layout",
    "layouts/lists", "layouts/masks", "layouts/published", "layouts/unpublished",
)  # fmt: skip


def _imports(path):
    """The top-level names of all packages that a file imports anywhere."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names.add(node.module.split(".")[0])
    return names


@pytest.mark.parametrize("package", FORBIDDEN)
def test_no_arrow_points_the_wrong_way(package):
    files = sorted((ROOT / package).rglob("*.py"))
    assert files
    wrong = {str(path): _imports(path) & FORBIDDEN[package] for path in files}
    assert not {path: names for path, names in wrong.items() if names}


def test_every_package_is_installed():
    listed = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    there = [path.parent for name in FORBIDDEN for path in (ROOT / name).rglob("__init__.py")]
    assert sorted(listed) == sorted(".".join(path.relative_to(ROOT).parts) for path in there)


@pytest.mark.parametrize("name", NUMBERS_ONLY)
def test_what_stands_behind_the_predictions_needs_no_keras(name):
    assert not _imports(ROOT / "smears" / f"{name}.py") & KERAS


def test_tensorflow_is_imported_only_inside_functions():
    for package in FORBIDDEN:
        for path in (ROOT / package).rglob("*.py"):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            top = [n for n in tree.body if isinstance(n, ast.Import | ast.ImportFrom)]
            names = {alias.name.split(".")[0] for n in top for alias in n.names}
            names |= {(n.module or "").split(".")[0] for n in top if isinstance(n, ast.ImportFrom)}
            assert not names & {"tensorflow", "jax"}, path


RUN = """
import contextlib, io, json, runpy, sys
found, (place, *commands) = {}, sys.argv[1:]
sys.path.insert(0, place)  # as `python SCRIPT` has it
for command in commands:
    sys.argv, text, code = command.split(), io.StringIO(), 0
    name = sys.argv[0]
    with contextlib.redirect_stdout(text):
        try:
            if name.endswith(".py"):
                runpy.run_path(f"{place}/{name}", run_name="__main__")
            else:
                runpy.run_module(name, run_name="__main__", alter_sys=True)
        except SystemExit as end:
            code = end.code
    backends = sorted({"keras", "tensorflow", "jax"} & set(sys.modules))
    found[command] = [text.getvalue(), code, backends]
print(json.dumps(found))
"""
SCRIPTS = [f"{path.name} --help" for path in sorted((ROOT / "experiments").glob("*.py"))]
MODULES = ["smears check --help", "leukocytenet.predict --help"]
WRONG = "smears nothing"


@pytest.fixture(scope="module")
def told():
    """Command -> (what it prints, exit code, backends loaded by then), all from one process."""
    done = subprocess.run(
        [sys.executable, "-c", RUN, str(ROOT / "experiments"), *SCRIPTS, *MODULES, WRONG],
        capture_output=True, text=True, check=True, cwd=ROOT,
    )  # fmt: skip
    return json.loads(done.stdout)


@pytest.mark.parametrize(
    ("command", "says"),
    [*((script, "--out") for script in SCRIPTS), *((module, "Exit code") for module in MODULES)],
)
def test_help_teaches_without_starting_a_backend(told, command, says):
    text, code, backends = told[command]
    assert not backends
    assert not code
    assert says in text


@pytest.mark.parametrize(
    ("package", "name"), [("leukocytenet", "LeukocyteNet"), ("cotconet", "CoTCoNet")]
)
def test_a_package_offers_its_method_and_starts_no_backend_before_it_is_asked_for(package, name):
    asked = (
        f"import sys, {package}; print({{'keras', 'tensorflow', 'jax'}} & set(sys.modules)); "
        f"from {package} import {name}; print({name}.__name__)"
    )
    done = subprocess.run(
        [sys.executable, "-c", asked], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout.split() == ["set()", name]


def test_a_wrong_command_ends_with_2_and_starts_no_backend(told):
    assert told[WRONG][1:] == [2, []]
