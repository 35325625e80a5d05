"""Split a catalogue into training, validation and test parts, and audit any split for leaks."""

import hashlib
import os
from contextlib import suppress
from dataclasses import dataclass
from itertools import permutations
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from smears import InputError, copies, sources
from smears.catalogue import unit_of
from smears.folds import spread
from smears.runs import names

PARTS = ("train", "validation", "test")
UNITS = ("subject", "source", "image")
# What stands apart in a split by each unit.
APART = {
    "subject": "independent subjects or source images", "source": "independent source images",
    "image": "pictures",
}  # fmt: skip

SHUFFLES = 20
LEAST = 3  # subjects that a class needs: one a part


class LeakError(InputError):
    """A split that lets the test part be known before the test."""


def groups(frame, by="subject"):
    """Number the sets of pictures that must stay on one side of a split.

    Args:
        frame: catalogue.
        by: "subject": pictures of one subject, or of one source image, whose subject may be known
            for some of them alone; "source": pictures cut from one source image; "image": each
            picture alone, which is how the papers split.

    Returns:
        Integer array, one group number a row. Except with "image", pictures that are
        byte-identical or near-duplicates are in one group whatever their subjects are.
    """
    if by not in UNITS:
        raise ValueError(f"split by {by!r}: must be one of {', '.join(UNITS)}.")
    if by == "image":
        return np.arange(len(frame))
    unit = unit_of(frame) if by == "subject" else frame["source"]
    alike = [_chain(pd.factorize(column)[0]) for column in (unit, frame["source"], frame["sha256"])]
    edges = np.concatenate([copies.pairs(frame["thumbnail"]), *alike])
    size = len(frame)
    graph = coo_array((np.ones(len(edges)), (edges[:, 0], edges[:, 1])), shape=(size, size))
    return connected_components(graph, directed=False)[1]


def split(frame, by="subject", seed=0, share=5):
    """Give each picture its part: 60% training, 20% validation, 20% test, or by another share.

    Pictures with an official part keep it; where a data set has an official test part but no
    validation part, a quarter of its training pictures becomes validation. Official folds are
    for `folds`; here such pictures are free.

    Args:
        frame: catalogue.
        by: "subject" | "source" | "image", see `groups`.
        seed: of the shuffles. Twenty are tried and the one whose class shares lie nearest to
            the wanted ones is kept, which matters where a class has few subjects.
        share: one in so many pictures is for the test, and as many for validation.

    Returns:
        Series of "train", "validation" or "test" on the frame's index.
    """
    unit = groups(frame, by)
    parts = frame["part"].astype(object).copy()
    free = ~frame["part"].isin(PARTS).to_numpy()
    parts[free] = _folds(frame["label"][free], unit[free], ("test", "validation"), share, seed, by)
    for name, own in frame.groupby("data"):
        if "test" in set(own["part"]) and "validation" not in set(own["part"]):
            row = ((frame["data"] == name) & (frame["part"] == "train")).to_numpy()
            parts[row] = _folds(frame["label"][row], unit[row], ("validation",), 4, seed, by)
    return parts.rename("part")


def folds(frame, count, by="subject", seed=0):
    """Cross-validation: as many splits as folds, each picture in the test part of exactly one.

    Args:
        frame: catalogue. by, seed: as in `split`.
        count: number of folds, or "official": those that the data set itself names, in `part`.

    Returns:
        List of Series as from `split`; a quarter of what is not tested is for validation.

    Raises:
        InputError: a class has fewer independent subjects than folds, or no official folds.
    """
    unit = groups(frame, by)
    if count == "official":
        fold = frame["part"].to_numpy(object)
        names = sorted(set(fold))
        if len(names) < 2 or not all(name.startswith("fold") for name in names):
            raise InputError(
                "--folds official: this data does not give every picture an official fold; "
                "--folds 5 makes five of our own."
            )
    else:
        _check_folds(frame["label"], unit, count, by)
        names = [f"fold {number}" for number in range(1, count + 1)]
        fold = _folds(frame["label"], unit, names, count, seed, by)
    found = []
    for name in names:
        parts = np.where(fold == name, "test", "train").astype(object)
        rest = np.flatnonzero(fold != name)
        parts[rest] = _folds(frame["label"].iloc[rest], unit[rest], ("validation",), 4, seed, by)
        found.append(pd.Series(parts, frame.index, name="part"))
    return found


def _check_folds(labels, unit, count, by):
    """Refuse more folds than a class can fill: each tests at least one unit of every class."""
    counts = pd.Series(unit).groupby(labels.to_numpy()).nunique()
    label, fewest = counts.idxmin(), counts.min()
    if fewest >= count:
        return
    remedy = "add data or leave the class out"
    if fewest >= LEAST:
        remedy = f"use --folds {fewest} or fewer"
    if by != "image" and labels.value_counts().min() >= count:
        remedy += ", or use --split image and say so with the result"
    raise InputError(f"--folds {count}: {label} has only {fewest} {APART[by]}: {remedy}.")


def _chain(code):
    """Edges that link all rows of equal code, each to the next one of its kind."""
    order = np.argsort(code, kind="stable")
    same = code[order][1:] == code[order][:-1]
    return np.stack([order[:-1][same], order[1:][same]], axis=1)


def _folds(labels, unit, names, count, seed, by):
    """Parts from `count` stratified folds of groups: one fold a name, the rest training."""
    labels = labels.to_numpy()
    if len(labels) == 0:
        return np.array([], dtype=object)
    if len(np.unique(unit)) < count:
        raise InputError(
            f"only {len(np.unique(unit))} {APART[by]}: a split needs at least {count}. Add data"
            + ", or use --split image and say so with the result"
            * (by != "image" and len(labels) >= count)
            + "."
        )
    code = np.unique(labels, return_inverse=True)[1]
    best, least = None, np.inf
    for shuffle in range(SHUFFLES):
        number = spread(code, unit, count, seed * SHUFFLES + shuffle)
        # share[class, fold]
        share = np.stack([np.bincount(number[code == c], minlength=count) for c in np.unique(code)])
        share = share / share.sum(1, keepdims=True)
        far = np.abs(share[:, : len(names)] - 1 / count).max()
        if far < least:
            best, least = (number, share), far
        if far < 1e-9:
            break
    number, share = best
    chosen = _chosen(share, len(names))
    parts = np.full(len(labels), "train", dtype=object)
    for name, fold in zip(names, chosen, strict=True):
        parts[number == fold] = name
    return parts


def _chosen(share, held):
    """Which folds are held out: the first ones, unless that takes most of a class from training.

    Where one or two people give most of a class, each fills a fold of its own, and these come
    first. Then the folds are held out that leave all parts nearest to their shares.

    Args:
        share: float (classes, folds), of each class. held: number of folds to hold out.
    """
    count = share.shape[1]
    due = 1 - held / count
    first = tuple(range(held))
    if held == count or (1 - share[:, :held].sum(1)).min() >= due / 2:
        return first

    def far(chosen):
        out = share[:, list(chosen)]
        return max(np.abs(out - 1 / count).max(), np.abs(1 - out.sum(1) - due).max())

    return min(permutations(range(count), held), key=far)


@dataclass(frozen=True)
class Audit:
    """What an audit found: `line` to print under every table, `failures` that must not pass."""

    line: str
    failures: tuple[str, ...]


def audit(frame, parts, by="subject", *, count=0):
    """Look for pictures, subjects or copies that stand on two sides of a split.

    Args:
        frame: catalogue. parts: Series from `split` on the same index.
        by: how the split was made. With "image", subjects and copies on two sides are what the
            paper's protocol brings: they are counted in the line, not failures. So are subjects
            with "source".
        count: of the folds of which this is one, see `folds`; 0: one split.

    Data sets that show the same cells (`smears.sources.KIN`) leak however they are split.

    Returns:
        Audit. Missing classes and pictures made from others (augmented, synthesised) outside
        the training part are failures under every protocol.
    """
    sides = parts.to_numpy()
    crossing = {
        "subject": _on_two_sides(frame["subject"], sides),
        "source image": _on_two_sides(frame["source"], sides),
        "byte-identical file": _on_two_sides(frame["sha256"], sides),
    }
    pairs = copies.pairs(frame["thumbnail"])
    pairs = pairs[sides[pairs[:, 0]] != sides[pairs[:, 1]]]
    crossing["near-duplicate pair"] = [
        f"{frame['path'].iloc[a]} ~ {frame['path'].iloc[b]}" for a, b in pairs
    ]
    crossing["set of kindred pictures"] = [
        f"{reason}: give one of the two" for reason in sources.kin(frame["data"].unique())
    ]
    leaks = {what: found for what, found in crossing.items() if found}
    made = frame[(frame["derived"] != "").to_numpy() & (sides != "train")]
    failures = []
    if len(made):
        failures.append(
            f"{len(made)} generated or augmented pictures outside training: {_some(made['path'])}"
        )
    failures += _lacking(frame, sides, by, count)
    counts = [f"{what} on two sides ({len(found)})" for what, found in leaks.items()]
    brought = {"subject": (), "source": ("subject",), "image": tuple(leaks)}[by]
    failures += [
        f"{what} on two sides: {_some(found)}"
        for what, found in leaks.items()
        if what not in brought
    ]
    known = frame["subject"][frame["subject"] != ""].nunique()
    sizes = " / ".join(f"{part} {np.sum(sides == part)}" for part in PARTS)
    unknown = [] if known else ["one person's pictures may stand on both sides"]
    none = "nothing else on two sides" if unknown else "nothing on two sides"
    verdict = "; ".join([*unknown, *(counts or [none])])
    given = 0 if count else int(frame["part"].isin(PARTS).sum())
    how = f"Split by {by}"
    if given:
        how = f"{how}, {given} images" if given < len(frame) else "Split"
        how += " as the data gives it"
    line = (
        f"{how}: {sizes} of {len(frame)} images, {frame['label'].nunique()} classes, "
        f"{known if known else 'no'} known subjects; audit: {verdict}."
    )
    return Audit(line, tuple(failures))


def _lacking(frame, sides, by, count):
    """A failure for each part and reason for which classes have no picture in the part."""
    found, unit = {}, None
    for part in PARTS:
        for label in sorted(set(frame["label"]) - set(frame["label"][sides == part])):
            unit = groups(frame, by) if unit is None else unit
            rows = (frame["label"] == label).to_numpy()
            reason = _reason(set(frame["part"][rows]), len(np.unique(unit[rows])), part, by, count)
            found.setdefault((part, reason), []).append(label)
    return [
        f"no {part} picture of {', '.join(labels)}: {reason}"
        for (part, reason), labels in found.items()
    ]


def _reason(official, units, part, by, count):
    """Why a class of so many units and these official parts has none in a part; what to do."""
    if units < LEAST:
        return (
            f"the class needs at least three {APART[by].removeprefix('independent ')}; add data "
            "or leave the class out"
        )
    if not count and official <= set(PARTS) and part not in official:
        return (
            f"the official parts hold none; mark some lines {part}, or leave the column part empty"
        )
    fewer = "" if count in (0, "official") else "use fewer --folds, "
    return f"its {units} {APART[by]} do not reach it; {fewer}add data or leave the class out"


def _on_two_sides(values, sides):
    """The non-empty values that occur in more than one part."""
    known = (values != "").to_numpy()
    spread = pd.Series(sides[known]).groupby(values.to_numpy()[known]).nunique()
    return list(spread.index[spread > 1])


def _some(names, most=5):
    names = [str(name) for name in names]
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" * (len(names) > most))


def stored(frame, fingerprint, folder, by="subject", *, share=5, count=0, seed=0):
    """The splits of this data that every row of every table shares: made once, kept as CSV.

    Args:
        frame: catalogue. fingerprint: of that catalogue, see `catalogue.fingerprint`.
        folder: where splits are kept; a file is `<fingerprint>-<by>-<seed>.csv`, or with folds
            `<fingerprint>-<by>-<seed>-fold-1-of-5.csv`, with the columns sha256, label, part and
            path, so that people can read and cite it.
        by, share, seed: see `split`. count: see `folds`; 0: one split.

    Returns:
        List of (parts, audit, name), one a fold: Series as from `split`, the Audit, and the
        split's checksum.

    Raises:
        LeakError: an audit failed; its text says what leaks and what to do.
    """
    shares = f"{by}-{seed}" + (f"-one-in-{share}" if share != 5 else "")
    stem = Path(folder) / f"{fingerprint}-{shares}"
    if not count:
        paths = [stem.with_name(f"{stem.name}.csv")]
        if not paths[0].exists():
            return [_kept(frame, split(frame, by, seed, share), paths[0], by, count)]
    else:
        paths = sorted(stem.parent.glob(f"{stem.name}-{count}-fold-*-of-*.csv"), key=_number)
        total = int(paths[0].stem.rpartition("-")[2]) if paths else 0
        if not paths or len(paths) < total:
            made = folds(frame, count, by, seed)
            return [
                _kept(
                    frame, parts,
                    stem.with_name(f"{stem.name}-{count}-fold-{number}-of-{len(made)}.csv"), by,
                    count,
                )
                for number, parts in enumerate(made, 1)
            ]  # fmt: skip
    return [_kept(frame, _read(frame, path), path, by, count) for path in paths]


def known(folder, fingerprint, checksum):
    """The pictures of a stored split with their parts, without their catalogue.

    Args:
        folder, fingerprint: as for `stored`. checksum: the split's, which a run's settings keep.

    Returns:
        DataFrame with the columns sha256 and part among others; None where no such file is kept.
    """
    for path in sorted(Path(folder).glob(f"{fingerprint}-*.csv")):
        with suppress(ValueError, KeyError):  # a damaged file is not the one that is looked for
            table = pd.read_csv(path, dtype=str, keep_default_na=False)
            if _checksum(table["sha256"], table["part"]) == checksum:
                return table
    return None


def _number(path):
    """Which fold a split's file is."""
    return int(path.stem.split("-")[-3])


def _read(frame, path):
    """The parts in a split's file, in the order of the catalogue."""
    try:
        kept = pd.read_csv(path, dtype=str, keep_default_na=False).set_index("sha256")["part"]
    except (OSError, ValueError, KeyError) as problem:
        raise LeakError(
            f"{path} is no split ({problem}): delete the file, and a new one is made."
        ) from problem
    parts = frame["sha256"].map(kept[~kept.index.duplicated()])
    if parts.isna().any():
        raise LeakError(
            f"{path} does not name {parts.isna().sum()} of the pictures: delete the file, and a "
            "new split is made."
        )
    if strange := sorted(set(parts) - set(PARTS)):
        raise LeakError(
            f"{path} has the parts {', '.join(map(repr, strange))} beside {', '.join(PARTS)}: mend "
            "them, or delete the file, and a new split is made."
        )
    return parts


def _kept(frame, parts, path, by, count):
    """(parts, audit, checksum) of a split, written to its file if that is not there."""
    result = audit(frame, parts, by, count=count)
    if result.failures:
        told = "The split leaks or lacks something:\n- " + "\n- ".join(result.failures)
        if count == "official":
            told += (
                "\nThese folds are the data set's own: add --split image, whose captions tell what "
                "they share, or let --folds N make others."
            )
        raise LeakError(told)
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        table = frame[["sha256", "label"]].assign(part=parts, path=names(frame["path"]))
        fresh = path.with_suffix(f".{os.getpid()}.partial")
        table.to_csv(fresh, index=False)
        os.replace(fresh, path)
    return parts.rename("part"), result, _checksum(frame["sha256"], parts)


def _checksum(marks, parts):
    """12 hexadecimal digits that name a split."""
    text = "".join(sorted(marks + parts.astype(str)))
    return hashlib.sha256(text.encode()).hexdigest()[:12]
