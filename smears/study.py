"""Declare a table as rows of settings; train what is missing; print it beside the published one."""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import import_module
from itertools import product
from pathlib import Path
from types import ModuleType

import pandas as pd

from smears import (
    InputError,
    calibration,
    card,
    catalogue,
    colour,
    commandline,
    forensics,
    hosts,
    processes,
    published,
    reports,
    weights,
)
from smears.ending import exits
from smears.material import Material
from smears.runs import Diverged, Run, hardware, read_predictions, write_whole

# How a finished row that had to start at random comes by pretrained weights later.
ANEW = " (once there is a network, another --out trains it anew)"

UNASKED = "not asked for"  # why a row that --rows leaves out is not run


@dataclass(frozen=True)
class Study:
    """One table or figure of one paper.

    Args:
        paper: package whose paper.yaml holds the published numbers, e.g. "leukocytenet".
        recipe: module with `CLASSES`, `PROFILES`, `ASSUMED` (topic -> numbers in DEVIATIONS.md),
            `learns_masks(settings)` (whether a row learns from the data set's masks),
            `PAPER_SPLIT` (unit and share of --split paper, see smears.splits.split),
            `settings(profile, **row)` (a dict, "model" and "trunk" among it), `networks(settings)`
            (those whose weights --weights may give, see smears.weights.files), `train(task, run)`,
            `refuse(classes)` (why the method cannot tell these classes apart, or ""),
            `published_counts()`, where `external` is set `predict(run, frame, task)` and, for two
            classes, `positive(classes)` (see smears.material.Material).
        make: for a table, a function of `Results` that returns (DataFrame of texts, list of
            caption lines); for a figure, one that returns (matplotlib figure, caption lines).
        table, figure: its number in the paper, one of the two.
        rows: label -> the keyword arguments in which the row differs from the full method,
            whose row is {}. Without rows nothing is trained.
        long: labels of rows that take minutes even in the quick profile, which leaves them out
            unless --rows names them.
        needs_data: whether the table shows anything of the catalogue.
        external: whether the table has a column for another data set (--external).
    """

    paper: str
    recipe: ModuleType
    make: Callable
    table: int = 0
    figure: int = 0
    rows: dict[str, dict] = field(default_factory=dict)
    long: tuple[str, ...] = ()
    needs_data: bool = True
    external: bool = False

    @property
    def name(self):
        """E.g. "Table 5"."""
        return f"Table {self.table}" if self.table else f"Figure {self.figure}"

    @property
    def title(self):
        """E.g. "LeukocyteNet, Table 5: five pretrained networks and LeukocyteNet, %"."""
        paper = published.load(self.paper)
        what = paper.caption(self.table) if self.table else paper.figure_caption(self.figure)
        return f"{paper.name}, {self.name}: {what}"


class Unavailable(RuntimeError):
    """A row that cannot be run here or diverged, with the reason; its line says "not run"."""


class Results:
    """All that a table may show: the data, its split, the runs of each row, published numbers.

    Args:
        study: the Study. options: as `smears.commandline.parse` returns them.
        material: smears.material.Material of the same options, shared by several studies.
    """

    def __init__(self, study, options, material=None):
        self.study, self.options = study, options
        self.material = material or Material(options, study.recipe)
        self.paper = published.load(study.paper)
        self.profile = study.recipe.PROFILES[options.profile]
        self.runs, self.missing = {}, {}

    @property
    def catalogue(self):
        """Every picture, a DataFrame (smears.catalogue)."""
        return self.material.catalogue

    @property
    def split(self):
        """(parts, Audit, checksum)."""
        return self.material.split

    @property
    def classes(self):
        """Class names: the paper's order for its own classes, else sorted."""
        return self.material.classes

    @property
    def positive(self):
        """The class that binary scores look for; "" where the recipe knows none."""
        return self.material.positive

    @property
    def data(self):
        """Name of the data for captions, e.g. "drawn smears" or "pbc + allidb1"."""
        return self.material.name

    @property
    def title(self):
        """The study's, and what it is made on here, for it may name the paper's own data."""
        return self.study.title + (f" (here: {self.data})" if self.study.needs_data else "")

    @property
    def refused(self):
        """Why the method cannot be run on this data, or ""."""
        return self.material.refused if self.study.needs_data else ""

    def train(self, after=None):
        """Run every row, seed and fold that has no finished run yet; with --finished, none.

        Args:
            after: function of nothing, called once for each row, seed and fold, run or not.
        """
        if self.options.jobs > 1 and not self.options.finished:
            processes.train(self, self._left())
        for label in self.study.rows:
            seeds = self._ready(label) if self.options.finished else self.options.seeds
            if reason := self._left_out(label) or ("" if seeds else self._lacking(label)):
                self.missing[label] = reason
            for seed, fold in product(self.options.seeds, range(len(self.material.splits))):
                if label not in self.missing and seed in seeds:
                    try:
                        self.runs.setdefault(label, []).append(self.run(label, seed, fold))
                    except Unavailable as reason:
                        self.missing[label] = str(reason)
                        self.runs.pop(label, None)
                if after:
                    after()

    def _lacking(self, label):
        """Why a row has no finished training: what the last one met, if one was tried."""
        run = self._opened(label, self.options.seeds[0], 0)
        return run.facts.get("unavailable", "not trained yet")

    def _left_out(self, label):
        """Why a row is not to be run, or ""."""
        options = self.options
        if options.rows and label not in options.rows:
            return UNASKED
        if label in self.study.long and options.profile == "quick" and not options.rows:
            return f'takes minutes: ask for it, --rows "{label}"'
        return ""

    def _ready(self, label):
        """Those of the seeds asked for whose trainings have ended in every fold."""
        folds = range(len(self.material.splits))
        return [
            seed
            for seed in self.options.seeds
            if all(self._opened(label, seed, fold).finished for fold in folds)
        ]

    def _left(self):
        """List of (label, seed, fold) of the trainings that have not ended yet, each once."""
        asked = [label for label in self.study.rows if not self._left_out(label)]
        found = {}
        for which in product(asked, self.options.seeds, range(len(self.material.splits))):
            run = self._opened(*which)
            if not run.finished:
                found.setdefault(run.folder, which)
        return list(found.values())

    def run(self, label, seed, fold):
        """The finished Run of a row, trained now if it was not.

        Raises:
            Unavailable: it cannot be run here, or its training diverged.
        """
        run = self._opened(label, seed, fold)
        hosts.same_folder(run.folder, f"The run of {label}, seed {seed}, fold {fold + 1},")
        if run.finished:
            return run
        with run.alone():
            if not run.finished:
                from smears import backend

                backend.start()
                run.begin()
                try:
                    self.study.recipe.train(self.material.task(fold), run)
                except (Unavailable, Diverged) as reason:
                    run.note(unavailable=str(reason))
                    raise Unavailable(str(reason)) from reason
                self._tell(run, fold)
        return run

    def _opened(self, label, seed, fold):
        """The Run of a row, trained or not."""
        settings = self.study.recipe.settings(self.options.profile, **self.study.rows[label])
        networks = self.study.recipe.networks(settings)
        files = weights.files(self.options.weights, networks, settings["model"])
        marks = {name: weights.label(file) for name, file in files.items()}
        if not settings["trunk"]:
            marks = {name: f"{name}: {mark}" for name, mark in marks.items()}
        settings |= {
            "seed": seed,
            "data": self.material.fingerprint,
            "split": self.material.splits[fold][2],
            "weights_file": "; ".join(marks.values()),
        }
        if self.options.split == "paper":
            settings["paper_split"] = True
        # Only where it changes what is trained: runs from before the option stay the same.
        if self.positive and self.positive != self.study.recipe.positive(self.classes):
            settings["positive"] = self.positive
        if self.study.recipe.learns_masks(settings) and self.material.masks:
            settings["masks"] = self.material.masks
        name = f"{settings['model']} seed {seed}"
        if len(self.material.splits) > 1:
            name += f" fold {fold + 1}"
        root = self.options.out / "runs"
        run = Run(root, name, settings, create=not self.options.finished)
        if self.options.finished and not self.options.weights and not run.finished:
            return self._with_any_weights(run)
        return run

    def _with_any_weights(self, run):
        """The finished Run that differs in the file it started from alone, so that results are
        shown where that file is not at hand; the given one if there is none, or several."""

        def rest(settings):
            return {key: value for key, value in settings.items() if key != "weights_file"}

        name = run.folder.name.rpartition("-")[0]
        found = [
            Run.read(path.parent) for path in run.folder.parent.glob(f"{name}-*/settings.json")
        ]
        found = [one for one in found if one.finished and rest(one.settings) == rest(run.settings)]
        return found[0] if len(found) == 1 else run

    def _tell(self, run, fold):
        """Note what a fresh run learned from and how far its confidence can be trusted; its card.

        Only finished runs get here: a training stopped after its predictions lacks the card until
        `python -m smears card RUN` writes it.
        """
        options, (parts, audit, _) = self.options, self.material.splits[fold]
        run.note(
            calibration=calibration.of(run.predictions),
            described=card.describe(
                self.catalogue, parts, audit, paper=self.paper.name, profile=options.profile,
                by="image" if options.split == "paper" else options.split,
                fold=fold + 1, folds=len(self.material.splits), assumed=self.study.recipe.ASSUMED,
            ),
        )  # fmt: skip
        card.write(run)

    def seeds(self, label):
        """Seeds that a row was run with, sorted, in the order of `predictions`; [] if not run."""
        return sorted({run.settings["seed"] for run in self.runs.get(label, [])})

    @property
    def several_seeds(self):
        """Whether any row was run with more than one seed."""
        return any(len(self.seeds(label)) > 1 for label in self.runs)

    def predictions(self, label):
        """List of predictions tables of a row, one a seed, all folds in it; [] if not run."""
        if label in colour.CLASSIFIERS:
            found = [
                colour.predictions(self.catalogue, parts, self.classes, label)
                for parts, _, _ in self.material.splits
            ]
        else:
            found = [run.predictions for run in self.runs.get(label, [])]
        count = len(self.material.splits)
        if count == 1:
            return found
        return [
            pd.concat(found[start : start + count], ignore_index=True)
            for start in range(0, len(found), count)
        ]

    def external(self, label):
        """Like `predictions`, for the pictures of --external; each run keeps them as it keeps its
        own, so that the table needs the networks once. Runs whose network is gone are left out."""
        frame = self.material.external
        if label in colour.CLASSIFIERS:
            both = pd.concat([self.catalogue, frame], ignore_index=True)
            parts = pd.concat([self.split[0], frame["part"]], ignore_index=True)
            return [colour.predictions(both, parts, self.classes, label)]
        tables = []
        for run in self.runs.get(label, []):
            path = run.folder / f"external-{catalogue.fingerprint(frame)}.csv"
            if not path.exists():
                if not (run.folder / "model.keras").exists():
                    continue
                from smears import backend

                backend.start()
                table = self.study.recipe.predict(run, frame, self.material.task())
                write_whole(path, table.to_csv(index=False, float_format="%.9g"))
            tables.append(read_predictions(path))
        return tables

    @property
    def own(self):
        """Whether all pictures are somebody's own, beside which no published number belongs."""
        names = {spec.split(":")[0] for spec in self.options.data}
        return self.study.needs_data and names <= {"folder", "csv"}

    @property
    def unshown(self):
        """Labels of rows that a table leaves out: on somebody's own data those not asked for."""
        return {label for label, why in self.missing.items() if self.own and why == UNASKED}

    def beside(self, title, row, column):
        """The cell of a published number beside ours, {title: text}; {} on somebody's own data."""
        return {} if self.own else {f"{title} published": self.published(row, column)}

    def published(self, row, column):
        """A published number as text, "†" behind it where the paper contradicts itself; or "–"."""
        return self.paper.text(self.study.table, row, column)

    def captions(self):
        """Lines that stand under every table made from runs."""
        options = self.options
        runs = [run for runs in self.runs.values() for run in runs]
        machines = sorted({run.hardware for run in runs} - {""}) or [hardware()]
        lines = [
            f"Profile {options.profile}; data: {self.data}, {len(self.catalogue)} images; "
            f"seeds: {self._counted()}; trained on {' and '.join(machines)}.",
            self.material.split_line,
        ]
        starts = {}
        for label, runs in self.runs.items():
            for kind in dict.fromkeys(run.facts.get("weights", "not recorded") for run in runs):
                starts.setdefault(kind, []).append(label)
        lines += [
            f"Weights of {'; '.join(rows)}: {kind}{ANEW * ('could not be downloaded' in kind)}."
            for kind, rows in starts.items()
        ]
        lacking = {}
        for label, reason in self.missing.items():
            if label not in self.unshown:
                lacking.setdefault(reason, []).append(label)
        lines += [f"{'; '.join(rows)}: not run: {why}." for why, rows in lacking.items()]
        return lines

    def _counted(self):
        """How many seeds the rows have, e.g. "3" or "3 (VGG19: 1)" where --finished found fewer."""
        counts = {label: len(self.seeds(label)) for label in self.runs}
        most = max(counts.values(), default=len(self.options.seeds))
        fewer = [f"{label}: {count}" for label, count in counts.items() if count < most]
        return f"{most} ({'; '.join(fewer)})" if fewer else str(most)

    def verdict(self):
        """One line: what this run is, and what it is not."""
        options = self.options
        if options.data == ["drawn"]:
            line = (
                f"This is a {options.profile} run on drawn smears: it shows that the method "
                "trains and is measured as described. It says nothing about blood or disease, "
                "and cannot confirm or refute a published figure."
            )
        elif options.profile == "quick":
            line = (
                f"This is a quick run on {self.data}: sizes and epochs are cut, so it is no "
                "result; --profile laptop or paper makes one."
            )
        elif self.own:
            line = f"This is a {options.profile} run on {self.data}, which no paper measured."
        else:
            line = (
                f"This is a {options.profile} run on {self.data}; the published figures were "
                "measured on other images, so the columns may be read side by side, not subtracted."
            )
        if options.split in ("image", "paper"):
            line += (
                " Split by image, as in the papers: pictures of one subject may stand on both "
                "sides, which flatters every accuracy."
            )
        if options.split == "source":
            line += (
                " Split by source image: pictures of one subject may stand on both sides, which "
                "flatters every accuracy."
            )
        return line


@dataclass(frozen=True)
class Product:
    """A finished table or figure.

    Args:
        study, title: what it is of. table: DataFrame of texts, None for a figure. lines: its
            caption.
        paths: the files written. runs: dict label -> list of Run. missing: dict label -> why a
            row was not run. seconds: how long it took now, trainings included.
    """

    study: Study
    title: str
    table: pd.DataFrame | None
    lines: list[str]
    paths: list[Path]
    runs: dict
    missing: dict
    seconds: float

    @property
    def empty(self):
        """Why there is nothing of ours in it, although rows were asked for; else ""."""
        reasons = [reason for reason in self.missing.values() if reason != UNASKED]
        return reasons[0] if self.study.rows and not self.runs and reasons else ""


def produce(results, after=None):
    """Train what is missing, make the table or figure and write its files. Returns Product.

    Args:
        results: Results. after: see `Results.train`.
    """
    study, options = results.study, results.options
    began = time.perf_counter()
    if study.external and options.external:
        _ = results.material.external  # a wrong path must not come out after the trainings
    results.train(after)
    made, lines = study.make(results)
    if study.table:
        made = made[~made.iloc[:, 0].isin(results.unshown)]
    lines = [*lines, *([] if results.own else forensics.caption(results.paper, study.table))]
    lines += [results.verdict()] if study.needs_data else []
    stem = f"{study.paper}_{study.name.lower().replace(' ', '')}_{commandline.stem(options)}"
    if study.table:
        paths = reports.write(made, results.title, lines, options.out / "tables", stem)
    else:
        paths = reports.save_figure(made, lines, options.out / "figures", stem)
    seconds = time.perf_counter() - began
    table = made if study.table else None
    return Product(
        study, results.title, table, lines, paths, results.runs, results.missing, seconds
    )


def main(*studies, argv=None):
    """Command line of a script: parse, train what is missing, print, write the files."""
    options = commandline.parse(studies, argv)
    chosen = [study for study in studies if options.paper in (study.paper, None)]
    if options.rows:
        # Rows of one paper's table ask for that table alone.
        chosen = [study for study in chosen if set(options.rows) & set(study.rows)] or chosen
    with exits():
        fit = [(study, Results(study, options)) for study in chosen]
        refused = {study.title: results.refused for study, results in fit if results.refused}
        if len(refused) == len(chosen):
            raise InputError("\n".join(refused.values()))
        for title, reason in refused.items():
            print(f"{title}: not made: {reason}")
        for study, results in fit:
            if study.title not in refused:
                _show(study, results)


def _show(study, results):
    if study.needs_data:
        print("\n".join(results.material.opening))
    made = produce(results)
    print(f"\n## {made.title}\n")
    if study.table:
        print(reports.markdown(made.table) + "\n")
    print("\n".join(f"- {line}" for line in made.lines))
    line = use(made)
    if line:
        print("\n" + line)
    print("\nWritten: " + ", ".join(str(path) for path in made.paths))


def use(made):
    """The line that predicts with the last row that was run; "" where nothing can be predicted.

    Args:
        made: Product.
    """
    if not made.runs:
        return ""
    label, runs = list(made.runs.items())[-1]
    folder = runs[0].folder
    if not (folder / "model.keras").exists() and not (folder / "model").exists():
        return ""
    command = import_module(f"{made.study.paper}.predict")
    explain = " --explain gradcam" if "gradcam" in command.EXPLAINERS else ""
    place = os.path.relpath(folder) if folder.is_relative_to(Path.cwd()) else folder
    return (
        f"Use {label}: python -m {made.study.paper}.predict{explain} "
        f"--model {commandline.quoted(str(place))} PICTURES"
    )
