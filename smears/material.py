"""The pictures that all tables of one command share: catalogue, split, classes, external set."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pandas as pd

from smears import InputError, catalogue, copies, reports, sources, splits


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
        paper_split: whether the paper's own protocol is followed (--split paper).
        positive: the class that binary scores look for; "" where the recipe knows none.
    """

    catalogue: pd.DataFrame
    parts: pd.Series
    classes: list[str]
    cache: Path
    weights: dict[str, Path]
    fallback: bool
    devices: str = "one"
    paper_split: bool = False
    positive: str = ""

    def positions(self, *parts):
        """Integer positions of the catalogue's rows in the named parts, in catalogue order."""
        return self.parts.isin(parts).to_numpy().nonzero()[0]

    def labels(self, positions):
        """Integer labels of catalogue rows, numbered as in `classes`."""
        codes = {name: number for number, name in enumerate(self.classes)}
        return self.catalogue["label"].iloc[positions].map(codes).to_numpy()


class Material:
    """Read once, when first asked for.

    Args:
        options: as `smears.commandline.parse` returns them.
        recipe: module with `CLASSES`, `PROFILES` and `published_counts()` (class -> number of
            pictures that the paper counts, as text; {} where it has no such list), and, where it
            is for two classes, `positive(classes)` (which of them binary scores look for).
    """

    def __init__(self, options, recipe):
        self.options, self.recipe = options, recipe

    @cached_property
    def catalogue(self):
        """The catalogue of --data, or of drawn smears of the profile's number and size."""
        options = self.options
        return sources.load(
            options.data, options.out / "data", skip_bad=options.skip_bad,
            drawn=self.recipe.PROFILES[options.profile].drawn,
        )  # fmt: skip

    @cached_property
    def fingerprint(self):
        """12 hexadecimal digits that name the catalogue's data."""
        return catalogue.fingerprint(self.catalogue)

    @cached_property
    def masks(self):
        """16 hexadecimal digits that name which picture has which mask; "" for none."""
        return catalogue.mask_name(self.catalogue)

    @cached_property
    def splits(self):
        """List of (parts, Audit, checksum), shared by all rows: one, or as many as --folds.

        Raises:
            InputError: there is one class alone, which nothing can be trained on.
        """
        options = self.options
        if len(self.classes) < 2:
            raise InputError(
                f"this data has one class only ({self.classes[0]}): a classifier needs two; add a "
                "folder of another class, or merge with a second --data."
            )
        by, share = (options.split, 5) if options.split != "paper" else self.recipe.PAPER_SPLIT
        return splits.stored(
            self.catalogue, self.fingerprint, options.out / "splits", by,
            share=share, count=options.folds,
        )  # fmt: skip

    @property
    def split(self):
        """(parts, Audit, checksum) of the only split, or of the first fold."""
        return self.splits[0]

    @property
    def split_line(self):
        """One line on how the pictures were split and what the audit found."""
        line = self.split[1].line
        if len(self.splits) == 1:
            return line
        found = {audit.line.rpartition("audit: ")[2] for _, audit, _ in self.splits}
        kind = "official " if self.options.folds == "official" else ""
        return (
            f"Cross-validation in {len(self.splits)} {kind}folds by {self.options.split}, each "
            f"picture tested once: {len(self.catalogue)} images, {len(self.classes)} classes; "
            f"audit of every fold: {' '.join(sorted(found))}"
        )

    @property
    def opening(self):
        """Lines to print first: notes on the pictures, counts beside the paper's, the split."""
        return [*self.catalogue.attrs.get("notes", []), *self._counted(), self.split_line]

    def _counted(self):
        """The paper's number of pictures of each class beside the data's, and what is missing.

        [] for drawn smears, which are as many as one likes, and for other classes than the paper's.
        """
        published = self.recipe.published_counts()
        if self.options.data == ["drawn"] or not set(self.classes) <= set(published):
            return []
        have = catalogue.counts(self.catalogue)
        rows = [(name, text, str(have.get(name, 0))) for name, text in published.items()]
        table = pd.DataFrame(rows, columns=["class", "in the paper", "here"])
        missing = [name for name in published if name not in have]
        lines = ["Images of each class (†: the paper contradicts itself):", reports.markdown(table)]
        return [*lines, f"Classes of the paper that are missing: {', '.join(missing) or 'none'}."]

    @cached_property
    def classes(self):
        """Class names: the paper's order for its own classes, else sorted."""
        found = set(self.catalogue["label"])
        known = [name for name in self.recipe.CLASSES if name in found]
        return known + sorted(found - set(known))

    @property
    def refused(self):
        """Why the recipe's method cannot be trained on these classes, or "".

        Raises:
            InputError: --positive names none of the classes.
        """
        asked = self.options.positive
        if asked is not None and asked not in self.classes:
            raise InputError(f"--positive {asked}: the classes are {' and '.join(self.classes)}.")
        return self.recipe.refuse(self.classes)

    @property
    def positive(self):
        """The class that binary scores look for; "" where the recipe knows none."""
        if not hasattr(self.recipe, "positive"):
            return ""
        return self.options.positive or self.recipe.positive(self.classes)

    @property
    def name(self):
        """Name of the data for captions, e.g. "drawn smears" or "pbc + allidb1"."""
        return " + ".join(_short(spec) for spec in self.options.data)

    def task(self, fold=0):
        """The Task of every row on one split of `splits`."""
        options = self.options
        return Task(
            self.catalogue, self.splits[fold][0], self.classes, options.out / "cache",
            options.weights, options.profile == "quick", options.devices, options.split == "paper",
            self.positive,
        )  # fmt: skip

    @property
    def external_name(self):
        """Name of the external data set for captions."""
        return _short(self.options.external)

    @cached_property
    def external(self):
        """The catalogue of --external, its pictures in part "external"; only known classes.

        `attrs["left_out"]`: number of pictures of other classes; `attrs["namesakes"]`: of names of
        people that folders of --data hold, too, where they are taken for other people.

        Raises:
            SourceError: none of our classes is in it.
            LeakError: it shares pictures, look-alikes, subjects or source images with the data
                trained on.
        """
        options = self.options
        for reason in set(sources.kin([*options.data, options.external])) - set(
            sources.kin(options.data)
        ):
            raise splits.LeakError(
                f"--external {options.external}: {reason}; an external test needs another source."
            )
        everything = sources.load(
            [options.external], options.out / "data", beside=options.data,
            skip_bad=options.skip_bad,
            drawn=self.recipe.PROFILES[options.profile].drawn,
        )  # fmt: skip
        known = everything["label"].isin(self.classes)
        if not known.any():
            raise sources.SourceError(
                f"--external {options.external} has none of the classes {', '.join(self.classes)}."
            )
        frame = everything[known].reset_index(drop=True)
        for column, what, remedy in (
            ("sha256", "byte-identical pictures", ""),
            ("subject", "subjects", ", or other names where different people have the same"),
            ("source", "source images", ", or other names where different ones have the same"),
        ):
            shared = (set(frame[column]) & set(self.catalogue[column])) - {""}
            if shared:
                raise splits.LeakError(
                    f"--external {options.external} shares {len(shared)} {what} with --data: an "
                    f"external test needs another source{remedy}."
                )
        self._refuse_lookalikes(frame)
        frame.attrs["left_out"] = int((~known).sum())
        frame.attrs["namesakes"] = len(sources.people(frame) & sources.people(self.catalogue))
        return frame.assign(part="external")

    def _refuse_lookalikes(self, frame):
        """Raise LeakError where an external picture is a copy of ours in another format or size."""
        both = pd.concat([self.catalogue, frame], ignore_index=True)
        first, second = copies.pairs(both["thumbnail"]).T
        crossing = (first < len(self.catalogue)) & (second >= len(self.catalogue))
        if crossing.any():
            ours, theirs = both["path"][first[crossing][0]], both["path"][second[crossing][0]]
            raise splits.LeakError(
                f"--external {self.options.external} has {crossing.sum()} look-alikes in --data, "
                f"e.g. {theirs} ~ {ours}: an external test needs another source."
            )


def _short(spec):
    return "drawn smears" if spec == "drawn" else sources.short(spec)
