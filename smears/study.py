"""Declare a table as rows of settings; train what is missing; print it beside the published one."""

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import ModuleType

import pandas as pd

from smears import catalogue, colour, published, reports, sources, splits
from smears.runs import Run, hardware

ROOT = Path(__file__).resolve().parent.parent
PROFILES = ("quick", "laptop", "paper")


@dataclass(frozen=True)
class Study:
    """One table or figure of one paper.

    Args:
        paper: package whose paper.yaml holds the published numbers, e.g. "leukocytenet".
        recipe: module with `CLASSES`, `PROFILES`, `settings(profile, **row)`,
            `train(task, run)` and `predict(run, frame, task)`.
        make: for a table, a function of `Results` that returns (DataFrame of texts, list of
            caption lines); for a figure, one that returns (matplotlib figure, caption lines).
        table, figure: its number in the paper, one of the two.
        rows: label -> the keyword arguments in which the row differs from the full method,
            whose row is {}. Without rows nothing is trained.
        needs_data: whether the table shows anything of the catalogue.
        external: whether the table has a column for another data set (--external).
    """

    paper: str
    recipe: ModuleType
    make: Callable
    table: int = 0
    figure: int = 0
    rows: dict[str, dict] = field(default_factory=dict)
    needs_data: bool = True
    external: bool = False

    @property
    def name(self):
        """E.g. "Table 5"."""
        return f"Table {self.table}" if self.table else f"Figure {self.figure}"


@dataclass(frozen=True)
class Task:
    """What a recipe gets to train on.

    Args:
        catalogue: all pictures. parts: Series "train" | "validation" | "test" on its index.
        classes: class names in the order of the outputs.
        cache: folder for decoded pictures and stored features.
        weights: dict model name or "" (any) -> file or folder, from --weights.
        fallback: whether random weights stand in where pretrained ones cannot be had (quick
            profile only).
        devices: "one" or "all".
    """

    catalogue: pd.DataFrame
    parts: pd.Series
    classes: list[str]
    cache: Path
    weights: dict[str, Path]
    fallback: bool
    devices: str = "one"

    def positions(self, *parts):
        """Integer positions of the catalogue's rows in the named parts, in catalogue order."""
        return self.parts.isin(parts).to_numpy().nonzero()[0]

    def labels(self, positions):
        """Integer labels of catalogue rows, numbered as in `classes`."""
        codes = {name: number for number, name in enumerate(self.classes)}
        return self.catalogue["label"].iloc[positions].map(codes).to_numpy()


class Unavailable(RuntimeError):
    """A row that cannot be run here, with the reason; its line says "not run"."""


class Results:
    """All that a table may show: the data, its split, the runs of each row, published numbers."""

    def __init__(self, study, options):
        self.study, self.options = study, options
        self.paper = published.load(study.paper)
        self.profile = study.recipe.PROFILES[options.profile]
        self.runs, self.missing = {}, {}

    @cached_property
    def catalogue(self):
        """The catalogue of --data, or of drawn smears of the profile's number and size."""
        options = self.options
        return sources.load(
            options.data, options.out / "data", skip_bad=options.skip_bad, drawn=self.profile.drawn
        )

    @cached_property
    def split(self):
        """(parts, Audit, checksum) of the one split that all rows of all tables share."""
        mark = catalogue.fingerprint(self.catalogue)
        return splits.stored(self.catalogue, mark, self.options.out / "splits", self.options.split)

    @cached_property
    def classes(self):
        """Class names: the paper's order for its own classes, else sorted."""
        found = set(self.catalogue["label"])
        known = [name for name in self.study.recipe.CLASSES if name in found]
        return known + sorted(found - set(known))

    @property
    def data(self):
        """Name of the data for captions, e.g. "drawn smears" or "pbc + allidb1"."""
        names = [spec.split(":")[0] for spec in self.options.data]
        return " + ".join("drawn smears" if name == "drawn" else name for name in names)

    @cached_property
    def task(self):
        """The Task of every row."""
        options = self.options
        parts = self.split[0]
        return Task(
            self.catalogue, parts, self.classes, options.out / "cache", options.weights,
            options.profile == "quick", options.devices,
        )  # fmt: skip

    def train(self):
        """Run every row and seed that has no finished run yet."""
        for label, row in self.study.rows.items():
            if self.options.rows and label not in self.options.rows:
                self.missing[label] = "not asked for"
                continue
            try:
                self.runs[label] = [self._run(label, row, seed) for seed in self.options.seeds]
            except Unavailable as reason:
                self.missing[label] = str(reason)

    def _run(self, label, row, seed):
        settings = {
            **self.study.recipe.settings(self.options.profile, **row),
            "seed": seed,
            "data": catalogue.fingerprint(self.catalogue),
            "split": self.split[2],
            "weights_from": {name: str(path) for name, path in self.options.weights.items()},
        }
        run = Run(self.options.out / "runs", f"{settings['model']} seed {seed}", settings)
        if not run.finished:
            from smears import backend

            backend.start()
            run.write_environment()
            self.study.recipe.train(self.task, run)
        return run

    def predictions(self, label):
        """List of predictions tables of a row, one a seed; [] where it was not run."""
        if label in colour.CLASSIFIERS:
            return [colour.predictions(self.catalogue, self.split[0], self.classes, label)]
        return [run.predictions for run in self.runs.get(label, [])]

    def external(self, label):
        """Like `predictions`, for the pictures of --external, from each run's stored network."""
        frame = self.external_catalogue
        return [
            self.study.recipe.predict(run, frame, self.task) for run in self.runs.get(label, [])
        ]

    @cached_property
    def external_catalogue(self):
        """The catalogue of --external, its pictures in part "external"; only known classes."""
        options = self.options
        frame = sources.load([options.external], options.out / "data", skip_bad=options.skip_bad)
        frame = frame[frame["label"].isin(self.classes)].reset_index(drop=True)
        if frame.empty:
            raise sources.SourceError(
                f"--external {options.external} has none of the classes {', '.join(self.classes)}."
            )
        twins = set(frame["sha256"]) & set(self.catalogue["sha256"])
        if twins:
            raise splits.LeakError(
                f"{len(twins)} pictures of --external {options.external} are byte-identical to "
                "pictures of --data: an external test needs another source."
            )
        return frame.assign(part="external")

    def published(self, row, column):
        """A published number as text, "†" behind it where the paper contradicts itself; or "–"."""
        return self.paper.text(self.study.table, row, column)

    def captions(self):
        """Lines that stand under every table made from runs."""
        options = self.options
        lines = [
            f"Profile {options.profile}; data: {self.data}, {len(self.catalogue)} images; "
            f"seeds: {len(options.seeds)}; {hardware()}.",
            self.split[1].line,
        ]
        weights = {}
        for label, runs in self.runs.items():
            weights.setdefault(runs[0].facts.get("weights", "not recorded"), []).append(label)
        lines += [f"Weights of {', '.join(rows)}: {kind}." for kind, rows in weights.items()]
        lines += [f"{label}: not run: {reason}." for label, reason in self.missing.items()]
        return lines

    def verdict(self):
        """One line: what this run is, and what it is not."""
        options = self.options
        if options.data == ["drawn"]:
            return (
                f"This is a {options.profile} run on drawn smears: it shows that the method "
                "trains and is measured as described. It says nothing about blood or disease, "
                "and cannot confirm or refute a published figure."
            )
        if options.profile == "quick":
            return (
                f"This is a quick run on {self.data}: sizes and epochs are cut, so it is no "
                "result; --profile laptop or paper makes one."
            )
        return (
            f"This is a {options.profile} run on {self.data}; the published figures were "
            "measured on other images, so the columns may be read side by side, not subtracted."
        )


def main(*studies, argv=None):
    """Command line of a script: parse, train what is missing, print, write the files."""
    options = _parse(studies, argv)
    try:
        for study in studies:
            if options.paper in (study.paper, None):
                _show(study, options)
    except KeyboardInterrupt:
        print(
            "\nStopped. Finished epochs and rows are kept: the same command goes on from there.",
            file=sys.stderr,
        )
        sys.exit(130)
    except (catalogue.BadImages, splits.LeakError, sources.SourceError) as problem:
        print(f"\n{problem}", file=sys.stderr)
        sys.exit(2)


def _show(study, options):
    results = Results(study, options)
    if study.needs_data:
        for note in results.catalogue.attrs.get("notes", []):
            print(note)
        print(results.split[1].line)
    results.train()
    made, lines = study.make(results)
    paper = results.paper
    caption = paper.caption(study.table) if study.table else paper.figure_caption(study.figure)
    title = f"{paper.name}, {study.name}: {caption}"
    lines = [*lines, *([results.verdict()] if study.needs_data else [])]
    stem = f"{study.paper}_{study.name.lower().replace(' ', '')}_{options.profile}"
    print(f"\n## {title}\n")
    if study.table:
        paths = reports.write(made, title, lines, options.out / "tables", stem)
        print(reports.markdown(made) + "\n")
    else:
        paths = reports.save_figure(made, lines, options.out / "figures", stem)
    print("\n".join(f"- {line}" for line in lines))
    print("\nWritten: " + ", ".join(str(path) for path in paths))


def _parse(studies, argv):
    rows = [label for study in studies for label in study.rows]
    papers = [study.paper for study in studies]
    tables = " and ".join(f"{study.paper} {study.name}" for study in studies)
    parser = argparse.ArgumentParser(
        description=f"Make {tables}: train what has not been trained yet, and print the "
        "published numbers beside ours. Without arguments: drawn smears, and the quick profile "
        "unless there is a GPU. Finished rows are read from disk, killed ones resumed.",
        epilog="Examples:  --data pbc:/data/PBC_dataset_normal_DIB --profile laptop --seeds 3\n"
        "           --data taleqani:/data/Taleqani --data allidb1:/data/ALL_IDB1 "
        "--rows LeukocyteNet",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_arguments(parser)
    if len(set(papers)) > 1:
        parser.add_argument("--paper", choices=papers, help="only this paper's table")
    else:
        parser.add_argument("--paper", choices=papers, help="this table's paper (only one here)")
    if rows:
        parser.add_argument(
            "--rows", nargs="+", metavar="ROW", choices=rows,
            help="only these rows, of: " + ", ".join(rows),
        )  # fmt: skip
    if any(study.external for study in studies):
        parser.add_argument(
            "--external", metavar="NAME:PATH",
            help="another data set, not trained on, that the trained networks are tested on",
        )  # fmt: skip
    parser.set_defaults(rows=None, external=None)
    return finish(parser, parser.parse_args(argv))


def add_arguments(parser):
    """Add the arguments that every script that needs data or runs has."""
    parser.add_argument(
        "--data", action="append", metavar="NAME[:PATH]",
        help="where pictures come from; repeat it to merge several. Names: "
        + ", ".join(sources.SOURCES) + ". Default: drawn (invented smears, nothing to fetch)",
    )  # fmt: skip
    parser.add_argument(
        "--profile", choices=PROFILES,
        help="quick: minutes on two cores, small pictures and few epochs; laptop: real images "
        "on a CPU within hours; paper: sizes and epochs as published, for a GPU. The method is "
        "the same in all. Default: paper with a GPU, else quick",
    )  # fmt: skip
    parser.add_argument(
        "--seeds", type=int, metavar="N", help="trainings a row. Default: 1, in paper: 3"
    )
    parser.add_argument(
        "--split", choices=splits.UNITS, default="subject",
        help="what must not stand on two sides: subject (where unknown, source image), source, "
        "or image, which is the papers' own protocol and leaks. Default: subject",
    )  # fmt: skip
    parser.add_argument(
        "--weights", action="append", default=[], metavar="FOLDER|ROW=FILE",
        help="pretrained weights for machines without network: a folder with a file a model, or "
        "ROW=FILE (.h5, .weights.h5, .npz); files that lack layers are loaded by layer name",
    )  # fmt: skip
    parser.add_argument(
        "--skip-bad", action="store_true",
        help="leave unreadable and contradictory pictures out and count them, instead of stopping",
    )  # fmt: skip
    parser.add_argument(
        "--devices", choices=("one", "all"), default="one",
        help="all: train data-parallel on every GPU of this machine. Default: one",
    )  # fmt: skip
    parser.add_argument(
        "--out", type=Path, default=ROOT / "out", metavar="FOLDER",
        help="where data, runs and tables go. Default: out/ in the checkout",
    )  # fmt: skip


def finish(parser, options):
    """Fill in the defaults that depend on the machine; turn --weights and --seeds into values."""
    options.data = options.data or ["drawn"]
    if options.profile is None:
        options.profile = "paper" if _gpu() else "quick"
    seeds = options.seeds or (3 if options.profile == "paper" else 1)
    options.seeds = list(range(seeds))
    options.out = options.out.expanduser().resolve()
    given = {}
    for text in options.weights:
        row, _, file = text.rpartition("=")
        path = Path(file).expanduser().resolve()
        if not path.exists():
            parser.error(f"--weights {text}: {path} does not exist")
        given[row] = path
    options.weights = given
    return options


def _gpu():
    """Whether there is a GPU; asks the backend only where the machine may have one."""
    if not any(Path("/dev").glob("nvidia[0-9]*")):
        return False
    from smears import backend

    return backend.has_gpu()
