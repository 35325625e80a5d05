"""One table of every picture: where it lies, what it shows, whose it is; checked when built."""

import csv
import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from tqdm import tqdm

from smears import InputError, copies, images
from smears.runs import KEYS

COLUMNS = ["path", "label", "subject", "source", "data", "part", "mask", "derived"]
COLOURS = ["red", "green", "blue", "red_sd", "green_sd", "blue_sd"]
SCANNED = ["sha256", "width", "height", "thumbnail", *COLOURS, "note", "problem"]
NUMBERS = {"width": int, "height": int, **dict.fromkeys(COLOURS, float)}
CHUNK = 256

# What an older scan measured otherwise must not be read as this one's.
SCAN_VERSION = 4


class BadImages(InputError):
    """Pictures that cannot be used, all of them by name, with the reason of each."""


def build(rows, cache, *, skip_bad=False):
    """Check and complete the rows that readers give.

    Args:
        rows: DataFrame with `COLUMNS`; "" = unknown.
        cache: folder for the results of the scan, so that a file is read once.
        skip_bad: leave bad pictures out and count them instead of raising.

    Returns:
        DataFrame, sorted by data set and path, with the scan's columns: sha256 of the file,
        width, height, thumbnail (see `smears.copies`) and mean and standard deviation of R, G, B
        at 96 x 96. `attrs["notes"]`: what people should know;
        `attrs["left_out"]`: (path, reason) of each picture left out.

    Raises:
        BadImages: pictures that cannot be decoded, or whose mask cannot be used, or
            byte-identical pictures with different labels or subjects.
    """
    missing = [column for column in COLUMNS if column not in rows]
    if missing:
        raise ValueError(f"catalogue rows lack the columns {', '.join(missing)}")
    frame = rows[COLUMNS].fillna("").astype(str)
    if taken := sorted(set(frame["label"]) & set(KEYS)):
        raise InputError(
            f"no class can be called {', '.join(taken)}, for columns of results are: rename it."
        )
    frame = frame.sort_values(["data", "path"], kind="stable").reset_index(drop=True)
    frame = pd.concat([frame, scan(frame["path"], cache, frame["mask"])], axis=1)
    notes = _conversions(frame)
    bad = {i: text for i, text in frame["problem"].items() if text}
    twins, same = _twins(frame.drop(index=list(bad)))
    bad.update(twins)
    if bad and not skip_bad:
        lines = [f"  {frame['path'][i]}: {reason}" for i, reason in sorted(bad.items())]
        raise BadImages(
            f"{len(bad)} of {len(frame)} pictures cannot be used:\n"
            + "\n".join(lines)
            + "\nMend or remove them, or leave them out with --skip-bad."
        )
    left_out = [(frame["path"][i], reason) for i, reason in sorted(bad.items())]
    if left_out:
        notes.append(f"{len(left_out)} pictures left out (--skip-bad)")
    if same:
        notes.append(f"{len(same)} byte-identical copies of the same subject and label dropped")
    for row, kept in same.items():
        # The two source images show one cell: whatever else was cut from them stays together.
        source = frame["source"]
        frame["source"] = source.mask(source == source[row], source[kept])
    frame = frame.drop(index=[*bad, *same]).drop(columns=["note", "problem"])
    frame = frame.reset_index(drop=True)
    if frame.empty:
        raise BadImages("no usable picture is left")
    frame.attrs["notes"] = notes + _small(frame)
    frame.attrs["left_out"] = left_out
    return frame


def fingerprint(frame):
    """12 hexadecimal digits that name the data, wherever the files lie."""
    columns = ["sha256", "label", "subject", "source", "part", "derived"]
    lines = sorted("\t".join(row) for row in frame[columns].astype(str).to_numpy().tolist())
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:12]


def file_marks(paths):
    """SHA-256 of each file's content; "" where there is no path."""
    return [hashlib.sha256(Path(path).read_bytes()).hexdigest() if path else "" for path in paths]


def unit_of(frame):
    """What stands for itself in splits and bootstraps: the subject; where unknown, source image.

    Args:
        frame: catalogue or predictions table.

    Returns:
        Series of names on the frame's index.
    """
    return frame["subject"].where(frame["subject"] != "", frame["source"])


def mask_name(frame):
    """16 hexadecimal digits that name which picture has which mask, wherever the files lie.

    Args:
        frame: catalogue. Returns: text, "" where no picture has a mask.
    """
    marks = file_marks(frame["mask"])
    pairs = sorted(" ".join(pair) for pair in zip(frame["sha256"], marks, strict=True))
    return hashlib.sha256("\n".join(pairs).encode()).hexdigest()[:16] if any(marks) else ""


def counts(frame):
    """Number of pictures of each label, a Series sorted by name."""
    return frame["label"].value_counts().sort_index()


def scan(paths, cache, masks=None):
    """Read every file once: hashes, size, colours, or the problem with it or with its mask.

    Args:
        paths: Series of file paths. cache: folder of scan-4.csv, keyed by path, size and mtime.
        masks: Series of the paths of their masks, "" for none; None: no picture has one.

    Returns:
        DataFrame with the columns `SCANNED`, a row a path.
    """
    store = Path(cache) / f"scan-{SCAN_VERSION}.csv"
    known = _stored(store)
    masks = [""] * len(paths) if masks is None else masks
    entries = [(_key(path, mask), path, mask) for path, mask in zip(paths, masks, strict=True)]
    wanted = [entry for entry in entries if entry[0] not in known]
    if wanted:
        cv2.setNumThreads(1)  # the pool uses the cores; OpenCV's own threads would multiply
        with (
            ThreadPoolExecutor(os.cpu_count()) as pool,
            tqdm(total=len(wanted), desc="Reading pictures", unit="picture", leave=None) as bar,
        ):
            for start in range(0, len(wanted), CHUNK):
                chunk = wanted[start : start + CHUNK]
                for (key, *_), found in zip(chunk, pool.map(_scan, chunk), strict=True):
                    known[key] = found
                    bar.update()
        # Problems are not kept: rights, limits and decoders change while the file stays the same.
        good = {key: found for key, found in known.items() if not found["problem"]}
        table = pd.DataFrame([{"key": key, **found} for key, found in good.items()])
        table = table.reindex(columns=["key", *SCANNED])
        store.parent.mkdir(parents=True, exist_ok=True)
        fresh = store.with_suffix(f".{os.getpid()}.partial")
        # All quoted: alone among what ends a line, pandas leaves a carriage return in a path bare.
        table.to_csv(fresh, index=False, quoting=csv.QUOTE_ALL)
        os.replace(fresh, store)
    return pd.DataFrame([known[key] for key, *_ in entries], columns=SCANNED)


def _key(path, mask=""):
    try:
        status = os.stat(path)
    except OSError:
        return f"{path}|missing"
    key = f"{path}|{status.st_size}|{status.st_mtime_ns}"
    return f"{key}|{_key(mask)}" if mask else key


def _stored(path):
    """Scan results on disk; a torn or foreign file counts as none."""
    try:
        # Texts first: what a torn line lacks would else be a number that is not one.
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
        if table.isna().any(axis=None):
            return {}
        return table.astype(NUMBERS).set_index("key")[SCANNED].to_dict("index")
    except (OSError, ValueError, KeyError, pd.errors.ParserError):
        return {}


def _scan(entry):
    _, path, mask = entry
    empty = dict.fromkeys(SCANNED, "") | dict.fromkeys(["width", "height", *COLOURS], 0)
    if "\r" in path:
        name = repr(os.path.basename(path))
        return empty | {"problem": f"rename {name}: tables would break at a carriage return"}
    try:
        content = images.read(path)
        image, note = images.describe(content)
    except OSError as problem:
        return empty | {"problem": f"cannot be read ({problem.strerror or problem})"}
    except images.BadImage as problem:
        return empty | {"problem": str(problem)}
    if mask and (fault := _mask_fault(mask, image.shape[:2])):
        return empty | {"problem": f"mask {mask}: {fault}"}
    small = images.resize(image, 96).reshape(-1, 3).astype(np.float64)
    return {
        "sha256": hashlib.sha256(content).hexdigest(),
        "width": image.shape[1],
        "height": image.shape[0],
        "thumbnail": copies.thumbnail(image),
        **dict(zip(COLOURS, np.round([*small.mean(0), *small.std(0)], 3).tolist(), strict=True)),
        "note": note,
        "problem": "",
    }


def _mask_fault(path, shape):
    """Why a mask cannot serve a picture of this (height, width), or ""."""
    try:
        mask = images.read_mask(path)
    except OSError as problem:
        return f"cannot be read ({problem.strerror or problem})"
    except images.BadImage as problem:
        return str(problem)
    if mask.shape != shape:
        (height, width), (rows, columns) = shape, mask.shape
        return f"{columns} x {rows} pixels, but its picture has {width} x {height}"
    return "" if mask.any() else "nothing is marked in it"


def _conversions(frame):
    found = frame["note"][frame["note"] != ""].value_counts()
    return [f"{count} pictures: {note}" for note, count in found.items()]


def _twins(frame):
    """({row: reason} of contradictory copies, {row: its kept twin} of harmless ones)."""
    bad, same = {}, {}
    for _, group in frame.groupby("sha256", sort=False):
        if len(group) < 2:
            continue
        names = ", ".join(group["path"])
        if group["label"].nunique() > 1:
            labels = "/".join(sorted(set(group["label"])))
            bad.update(
                {i: f"byte-identical, different labels {labels}: {names}" for i in group.index}
            )
        elif group["subject"].nunique() > 1:
            # One is kept, of a known subject: the picture is good, only its owner is in doubt.
            kept = group.index[group["subject"] != ""][0]
            reason = f"byte-identical to {group['path'][kept]} of another subject"
            bad.update(dict.fromkeys(group.index.drop(kept), reason))
        else:
            same |= dict.fromkeys(group.index[1:], group.index[0])
    return bad, same


def _small(frame):
    """A note for every class that no split can serve: one picture, or one subject."""
    numbers = unit_of(frame).groupby(frame["label"]).nunique()
    return [
        f"class {label} has only {count} subject{'s' * (count > 1)} or source "
        f"image{'s' * (count > 1)}: "
        "five or more fill all parts as they should, fewer than three cannot"
        for label, count in numbers.items() if count < 5
    ]  # fmt: skip
