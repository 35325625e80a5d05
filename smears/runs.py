"""A run is a folder: what was asked, what it ran on, how it went, and one row a prediction."""

import hashlib
import json
import os
import platform
import re
import shutil
import subprocess
import sys
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
import pandas as pd
from filelock import FileLock, Timeout

from smears import InputError

PACKAGES = ("keras", "tensorflow", "jax", "numpy", "scikit-learn", "opencv-python-headless")
KEYS = ["path", "subject", "source", "part", "label"]


class Diverged(InputError):
    """A training whose network answers with what is no number."""


def write_whole(path, text):
    """Write a text file so that it is there whole or not at all (a rename in its folder).

    Its lines end with a line feed on every system, the last one too.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f"{path.name}.{os.getpid()}.partial")
    # As pandas writes them on Windows.
    text = text.replace(os.linesep, "\n").rstrip("\n") + "\n"
    fresh.write_text(text, encoding="utf-8", newline="\n")
    os.replace(fresh, path)


def fill_folder(home, fill):
    """Make a folder once, whole or not at all; another process that wants it too waits.

    Args:
        home: the folder. fill: function that writes what belongs in it into a new one beside it.
    """
    home = Path(home)
    home.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(home.with_name(f"{home.name}.lock")):
        if home.exists():
            return
        fresh = home.with_name(f"{home.name}.{os.getpid()}.partial")
        shutil.rmtree(fresh, ignore_errors=True)
        try:
            fresh.mkdir()
            fill(fresh)
            os.replace(fresh, home)
        finally:
            shutil.rmtree(fresh, ignore_errors=True)


class Run:
    """One training with its settings: the folder `<root>/<name>-<hash of the settings>`.

    Files: settings.json (everything that decides the result, seed and data fingerprint
    included), environment.json (versions, commit, machine), facts.json (what came out on the
    way: weights really used, durations), history.csv (a row an epoch), checkpoint/ (while
    training), model.keras, and predictions.csv, which is written last: a folder that has it is
    finished and is not trained again.
    """

    def __init__(self, root, name, settings, create=True):
        """Open or create the run.

        Args:
            root: folder of all runs.
            name: what people call it, e.g. "table5 VGG19"; made safe for file names.
            settings: JSON-able dict of everything that decides the result.
            create: whether to make its folder where there is none.
        """
        text = json.dumps(settings, sort_keys=True, indent=1)
        key = hashlib.sha256(text.encode()).hexdigest()[:10]
        self.settings = json.loads(text)
        self.folder = Path(root) / f"{re.sub(r'[^A-Za-z0-9]+', '-', name).strip('-')}-{key}"
        if not create:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        if not (self.folder / "settings.json").exists():
            write_whole(self.folder / "settings.json", text)

    @classmethod
    def read(cls, folder):
        """The run in an existing folder, whatever its name.

        Args:
            folder: of the run, or the model.keras in it; "~" is the home folder.

        Raises:
            InputError: no such file, another network's, or no settings.json to read in the folder.
        """
        run = cls.__new__(cls)
        # os.path: pathlib raises on homes of nobody.
        path = Path(os.path.expanduser(folder))
        named = path.suffix == ".keras" and not path.is_dir()
        run.folder = path.parent if named else path
        if named and not path.is_file():
            raise InputError(
                f"{path}: no such file. Give a finished run's folder, or the model.keras in it."
            )
        if named and not (run.folder / "settings.json").is_file():
            raise InputError(
                f"{path} stands in no run's folder. A network's classes and scaling stand in the "
                "run's facts.json and settings.json next to it: leave the file in its run's folder."
            )
        if named and path.name != "model.keras":
            raise InputError(
                f"{path}: calibration, scores and the card of a run are of its model.keras, and of "
                f"no other network. Give that, or the run's folder, {run.folder}."
            )
        try:
            run.settings = _object((run.folder / "settings.json").read_text(encoding="utf-8"))
        except (OSError, ValueError) as problem:
            raise InputError(
                f"{folder} is no run's folder: no settings.json to read in it. Tables print their "
                "runs' folders, which lie in out/runs."
            ) from problem
        return run

    @contextmanager
    def alone(self):
        """Keep the folder to this process; wait while another works in it.

        Who comes second finds the other's results. A killed process keeps nothing locked.
        """
        lock = FileLock(self.folder / ".lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            print(f"{self.folder.name}: another command is at it; waiting.", file=sys.stderr)
            lock.acquire()
        try:
            yield
        finally:
            lock.release()

    @property
    def finished(self):
        """Whether predictions.csv is there, the last thing a training writes."""
        return (self.folder / "predictions.csv").exists()

    @property
    def facts(self):
        """Dict of what came out on the way; {} at the start."""
        return self._kept("facts.json")

    def note(self, **facts):
        """Add to `facts`."""
        write_whole(self.folder / "facts.json", json.dumps({**self.facts, **facts}, indent=1))

    def begin(self):
        """Record versions, commit and machine where a training begins, and drop what was measured
        of an earlier network in this folder: its explanations, its answers to other pictures."""
        shutil.rmtree(self.folder / "explanations", ignore_errors=True)
        for path in (self.folder / "explanations.json", *self.folder.glob("external-*.csv")):
            path.unlink(missing_ok=True)
        path = self.folder / "environment.json"
        if not path.exists() or not (self.folder / "checkpoint").exists():
            write_whole(path, json.dumps(environment(), indent=1))

    @property
    def environment(self):
        """What `environment` found where it was trained; {} if that was not recorded."""
        return self._kept("environment.json")

    @property
    def explanations(self):
        """Dict: data -> what `smears.explain.table.note` wrote of it; {} if none was measured."""
        again = "Delete it, and measure the explanations again."
        found = self._kept("explanations.json", again)
        for measured in found.values():
            scores = [value for value in measured.values() if isinstance(value, dict)]
            if not scores or any("pictures" not in one for one in scores[0].values()):
                raise InputError(
                    f"{self.folder / 'explanations.json'} was written by an older version, or is "
                    f"damaged. {again}"
                )
        return found

    def _kept(self, name, remedy=""):
        """The dict in one of the JSON files; {} where there is none."""
        path = self.folder / name
        try:
            return _object(path.read_text(encoding="utf-8")) if path.exists() else {}
        except (OSError, ValueError) as problem:
            raise self._damaged(path, problem, remedy) from problem

    def _damaged(self, path, problem, remedy=""):
        """What is raised of a file that cannot be read."""
        return InputError(f"{path} is damaged ({str(problem).strip()}). {remedy or self._anew}")

    @property
    def _anew(self):
        return f"Delete the folder {self.folder}: the same command trains it again."

    @property
    def hardware(self):
        """The machine that trained it, one phrase; "" if it was not recorded."""
        return self.environment.get("hardware", "")

    @property
    def history(self):
        """DataFrame, a row an epoch: loss, accuracy, val_*, learning_rate, seconds; or empty."""
        path = self.folder / "history.csv"
        if not path.exists():
            return pd.DataFrame()
        try:
            if not _ended(path):
                raise ValueError("it is cut off")
            # A method without epochs writes a line's end alone.
            return pd.read_csv(path) if path.read_bytes().strip() else pd.DataFrame()
        except (OSError, ValueError) as problem:
            raise self._damaged(path, problem) from problem

    def logged(self, *columns):
        """These columns of `history`; an empty DataFrame where it has no epoch.

        Raises:
            InputError: it lacks one of them, or has a text in it.
        """
        history = self.history
        if history.empty:
            return history
        path = self.folder / "history.csv"
        if lacking := [name for name in columns if name not in history]:
            raise InputError(f"{path} lacks {', '.join(lacking)}. {self._anew}")
        try:
            return history[list(columns)].astype(float)
        except ValueError as problem:
            raise self._damaged(path, problem) from problem

    def write_history(self, rows):
        """Write the history, a list of dicts, one an epoch."""
        write_whole(self.folder / "history.csv", pd.DataFrame(rows).to_csv(index=False))

    def write_predictions(self, frame, classes, probabilities):
        """Finish the run.

        Args:
            frame: catalogue rows with their `part`, in the order of the probabilities.
            classes: class names in the order of the columns.
            probabilities: float array (len(frame), len(classes)).

        Raises:
            Diverged: some of them are no numbers. The run stays unfinished.
        """
        probabilities = np.asarray(probabilities, np.float64)
        if count := (~np.isfinite(probabilities).all(axis=1)).sum():
            raise Diverged(
                f"training diverged: {count} of {len(frame)} predictions are no numbers; lower the "
                f"learning rate or take another seed (delete {self.folder} to try the same again)"
            )
        table = frame[KEYS].assign(path=names(frame["path"])).reset_index(drop=True)
        scores = pd.DataFrame(probabilities, columns=list(classes))
        # Nine digits tell every float32 apart, so metrics from the file equal those from memory.
        text = pd.concat([table, scores], axis=1).to_csv(index=False, float_format="%.9g")
        self.note(predictions=len(table))
        # In this order: killed in between, the run is finished and not lost.
        write_whole(self.folder / "predictions.csv", text)
        self.drop_checkpoint()

    def keep(self, network, name="model", **options):
        """Write a network to `<name>.keras`, whole or not at all, without its optimizer.

        Args:
            network: keras.Model. options: of keras.Model.save.
        """
        fresh = self.folder / f"{name}.partial.keras"
        network.save(fresh, **{"include_optimizer": False, **options})
        os.replace(fresh, self.folder / f"{name}.keras")

    def drop_checkpoint(self):
        """Remove what only an unfinished training needs."""
        shutil.rmtree(self.folder / "checkpoint", ignore_errors=True)

    @property
    def predictions(self):
        """DataFrame: path, subject, source, part, label, then a probability column a class."""
        path = self.folder / "predictions.csv"
        table = read_predictions(path)
        if self.facts.get("predictions", len(table)) != len(table):
            raise InputError(_cut(path))
        return table


def model_folder(path):
    """Where a method of several networks is saved.

    Args:
        path: folder of a run, or the one that the method was saved in; "~" is the home folder.

    Returns:
        Path: the run's model/, or the folder itself.
    """
    path = Path(os.path.expanduser(path))
    return path / "model" if (path / "model").is_dir() else path


def names(paths):
    """Paths below the folder that all of them share: a run tells no machine's folders."""
    paths = [Path(path) for path in paths]
    try:
        shared = Path(os.path.commonpath([path.parent for path in paths]))
    except ValueError:  # on several drives, which Windows has
        return [path.relative_to(path.anchor).as_posix() for path in paths]
    return [path.relative_to(shared).as_posix() for path in paths]


def read_predictions(path):
    """The predictions in a CSV file, exactly as they were written.

    Raises:
        InputError: the file is cut off or damaged, or some of its probabilities are no numbers.
    """
    try:
        if not _ended(path):
            raise InputError(_cut(path))
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
    except (OSError, ValueError) as problem:
        raise InputError(_damaged(path, problem)) from problem
    if lacking := [name for name in KEYS if name not in table]:
        raise InputError(_damaged(path, f"no column {', '.join(lacking)}"))
    classes = table.columns.difference(KEYS, sort=False)
    try:
        # By Python, which takes the nearest number in every version of pandas.
        numbers = table[classes].to_numpy(object).astype(float)
    except ValueError as problem:
        raise InputError(_no_numbers(path, problem)) from problem
    if not np.isfinite(numbers).all():
        raise InputError(_no_numbers(path, "nan or inf"))
    if strange := sorted(set(table["label"]) - set(classes)):
        raise InputError(_damaged(path, f"no column of the class {', '.join(strange)}"))
    return table.assign(**dict(zip(classes, numbers.T, strict=True)))


def _object(text):
    """The dict in a JSON text; ValueError for anything else."""
    found = json.loads(text)
    if not isinstance(found, dict):
        raise ValueError(f"a {type(found).__name__} and not an object with names")
    return found


def _ended(path):
    """Whether a file ends with the end of a line, as whole ones do."""
    with open(path, "rb") as file:
        file.seek(0, os.SEEK_END)
        file.seek(max(file.tell() - 1, 0))
        return file.read() == b"\n"


def _damaged(path, problem):
    return (
        f"{path} is damaged ({str(problem).strip()}): bring it back from a copy, or delete it, and "
        "the same command trains that row again."
    )


def _no_numbers(path, which):
    return (
        f"{path} has probabilities that are no numbers ({which}): bring it back from a copy, or "
        "delete it, and the same command trains that row again."
    )


def _cut(path):
    return (
        f"{path} is cut off: bring it back from a copy, or delete it, and the same command trains "
        "that row again."
    )


def classes_of(predictions):
    """The class names of a predictions table, in the order of its probability columns."""
    return [column for column in predictions.columns if column not in KEYS]


def environment():
    """Dict: Python, package versions, backend, commit of this code, processor and memory."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return {
        "python": platform.python_version(),
        "packages": found,
        "backend": os.environ.get("KERAS_BACKEND", ""),
        "commit": _commit(),
        "system": platform.platform(),
        "hardware": hardware(),
    }


def hardware():
    """One phrase for captions: cores and processor, and the GPU where there is one."""
    name = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        name = next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        pass
    text = f"{os.cpu_count()} cores {name}"
    try:
        query = ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"]
        cards = subprocess.run(query, capture_output=True, text=True, timeout=10, check=True)
        text += f", {cards.stdout.strip().splitlines()[0]}"
    except (OSError, subprocess.SubprocessError, IndexError):
        pass
    return text


def _commit():
    """The commit of the checkout this code runs from, with "+" if files differ; "" elsewhere."""
    try:
        done = subprocess.run(
            ["git", "describe", "--always", "--dirty=+", "--abbrev=12"],
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()
