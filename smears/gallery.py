"""Make every table and figure in one go, and one page of them all."""

import sys
import time
import traceback

from tqdm import tqdm

from smears import InputError, commandline, page, published
from smears.ending import exits
from smears.material import Material
from smears.runs import hardware
from smears.study import Results, produce


def main(*studies, argv=None):
    """Command line of run_all.py: like a single script's, for many studies.

    A table that fails, or of which nothing could be run, does not stop the others: it is listed
    at the end and on the page, and the exit code is then 1.
    """
    options = commandline.parse(
        studies, argv,
        "Writes one page of them all, index_DATA_PROFILE.html in --out; runs are shared between "
        "tables, so that nothing is trained twice.",
    )  # fmt: skip
    chosen = [study for study in studies if options.paper in (study.paper, None)]
    with exits():
        sys.exit(_make(chosen, options))


def _make(studies, options):
    """Make them all; returns the exit code."""
    began = time.perf_counter()
    recipes = dict.fromkeys(study.recipe for study in studies)
    materials = {recipe: Material(options, recipe) for recipe in recipes}
    refused = {
        published.load(study.paper).name: materials[study.recipe].refused for study in studies
    }
    if all(refused.values()):
        raise InputError("\n".join(refused.values()))
    for name, reason in refused.items():
        if reason:
            print(f"{name}: none of its tables is made: {reason}")
    studies = [study for study in studies if not refused[published.load(study.paper).name]]
    materials = {study.recipe: materials[study.recipe] for study in studies}
    for material in materials.values():
        # Wrong data is wrong for every table: better one message now than one a table.
        print("\n".join(material.opening))
    path = options.out / f"index_{commandline.stem(options)}.html"
    products, failed = [], {}
    steps = [
        1 + len(study.rows) * len(options.seeds) * len(materials[study.recipe].splits)
        for study in studies
    ]
    with tqdm(total=sum(steps), desc="All tables and figures", unit="step") as bar:
        for number, study in enumerate(studies):
            bar.set_postfix_str(study.name)
            results = Results(study, options, materials[study.recipe])
            try:
                products.append(produce(results, bar.update))
                picture = next(p for p in products[-1].paths if p.suffix == ".png")
                tqdm.write(f"{study.title}: {picture}")
            except Exception as problem:
                # Whatever it is, the other tables are still wanted; the exit code tells.
                name = f"{published.load(study.paper).name}, {study.name}"  # both have a Table 5
                failed[name] = f"{type(problem).__name__}: {problem}"
                tqdm.write(traceback.format_exc(), file=sys.stderr)
            bar.n = sum(steps[: number + 1])
            bar.refresh()
            waiting = [later.title for later in studies[number + 1 :]]
            problems = _problems(products, failed)
            _write(path, results, materials, products, problems, waiting, began)
    print(f"\n{results.verdict()}\n\nPage: {path}")
    problems = _problems(products, failed)
    if problems:
        print("\nNot run, and why:\n" + "\n".join(f"- {problem}" for problem in problems))
    return 1 if failed or any(product.empty for product in products) else 0


def _problems(products, failed):
    """Texts: which tables were not made, and which of their rows were not run, with the reason."""
    rows = {}
    for product in products:
        for label, reason in product.missing.items():
            rows.setdefault((label, reason), []).append(product.study.name)
    return [
        *[f"{name}: not made: {reason}" for name, reason in failed.items()],
        *[f"{label} ({', '.join(names)}): {reason}" for (label, reason), names in rows.items()],
    ]


def _write(path, results, materials, products, problems, waiting, began):
    options = results.options
    trained = [runs for product in products for runs in product.runs.values()]
    machines = {run.hardware for runs in trained for run in runs}
    facts = {
        "Data": _each(materials, lambda m: f"{m.name}, {len(m.catalogue)} images"),
        "Split": _each(materials, lambda m: m.split_line.removeprefix("Split ")),
        "Trainings a row": f"{len(options.seeds)} (seeds {', '.join(map(str, options.seeds))})",
        "Trained on": " and ".join(sorted(machines - {""})) or "nothing was trained",
        "Page made": f"{page.now()} on {hardware()}, in {_duration(time.perf_counter() - began)} "
        "(finished trainings are read from disk)",
    }
    names = " and ".join(
        published.load(paper).name for paper in sorted({p.study.paper for p in products})
    )
    title = f"{names}: tables and figures, {options.profile} profile"
    page.write(path, title, results.verdict(), facts, products, problems, waiting)


def _each(materials, tell):
    """What is to be told of each paper's material, once where they agree."""
    return "; ".join(dict.fromkeys(tell(material) for material in materials.values()))


def _duration(seconds):
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
