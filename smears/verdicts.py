"""What became of a paper's claims: each held against stored runs, or against the paper itself."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from smears import InputError, metrics, statistics
from smears.runs import Run
from smears.tables import confusions, interval, spread

MET, NOT_MET = "met", "not met"
NOT_TESTABLE, CONTRADICTED = "not testable here", "contradicted by the paper itself"


@dataclass(frozen=True)
class Verdict:
    """What became of one claim.

    Args:
        result: `MET`, `NOT_MET`, `NOT_TESTABLE` or `CONTRADICTED`.
        evidence: sentences: what was measured, on what, or what in the paper speaks against it.
        tolerance: how far results of this kind lie apart by chance, as text; "" where none applies.
        firmness: whether half or twice that tolerance would change the result; "" likewise.
    """

    result: str
    evidence: str
    tolerance: str = ""
    firmness: str = ""


def better(results, claim):
    """Whether one row's test accuracy is above another's by more than chance explains.

    The tolerance is half the 95% interval of the difference, from a bootstrap over subjects (source
    images where unknown) and over seeds where there are several: our own spread, not a number of
    choice. Met: the difference is larger than that.

    Args:
        results: folder with a folder of runs for each set of results.
        claim: dict with folder, first and second (each {name, settings}: the runs whose settings
            hold all of these), and note, a sentence to be added or "".

    Returns:
        Verdict.

    Raises:
        InputError: no such runs.
    """
    folder = Path(results) / claim["folder"]
    tables = [_predictions(folder, claim[side]["settings"]) for side in ("first", "second")]
    seeds = sorted(set(tables[0]) & set(tables[1]))
    first, second = ([table[seed] for seed in seeds] for table in tables)
    both = [confusions(rows, "test") for rows in (first, second)]
    gain, low, high = statistics.difference_by_subject(*both, _accuracy)
    spread = (high - low) / 2
    accuracies = [_accuracy(stack.sum((0, 1))) for stack in both]
    p = statistics.mcnemar(statistics.right_apart(*both))
    evidence = (
        f"{claim['first']['name']} {100 * accuracies[0]:.1f}%, {claim['second']['name']} "
        f"{100 * accuracies[1]:.1f}%: {100 * gain:+.1f} points ({100 * low:+.1f} to "
        f"{100 * high:+.1f}; exact test by subject p = {p:.2g}); {_on(both[0], claim['folder'])}."
    )
    over = "subjects and seeds" if len(seeds) > 1 else "subjects (one seed)"
    return Verdict(
        _told(gain, spread), f"{evidence} {claim['note']}".strip(),
        f"{100 * spread:.1f} points, over {over}", _firm(gain, spread),
    )  # fmt: skip


def untestable(results, claim):
    """A claim that nothing at hand can decide, with what was measured near it.

    Args:
        results: as for `better`.
        claim: dict with reason, and beside, a list of {name, folder, settings}: runs whose test
            accuracy is told, though it decides nothing.

    Returns:
        Verdict.
    """
    parts = [claim["reason"]]
    for near in claim.get("beside", []):
        tables = list(_predictions(Path(results) / near["folder"], near["settings"]).values())
        percents = [100 * x for x in interval(tables, "test", "accuracy")]
        parts.append(
            f"{near['name']}: {spread(percents, 1, 1, ' to ', '%')}; "
            f"{_on(confusions(tables, 'test'), near['folder'])}."
        )
    return Verdict(NOT_TESTABLE, " ".join(parts))


def contradicted(findings, claim):
    """A claim that the paper's own numbers refute.

    Args:
        findings: list of smears.published.Finding, of `forensics.findings`.
        claim: dict with finding, the beginning of the finding's sentence, and note.

    Returns:
        Verdict.

    Raises:
        InputError: no such finding: the numbers or the claim's text have changed.
    """
    found = [f.sentence for f in findings if f.sentence.startswith(claim["finding"])]
    if not found:
        raise InputError(f"no finding begins with {claim['finding']!r}: see forensics.py")
    return Verdict(CONTRADICTED, f"{found[0]}. {claim['note']}".strip())


def equal(published, ours, what):
    """A number that follows from the network alone: no tolerance.

    Args:
        published, ours: texts. what: what was counted.
    """
    result = MET if published == ours else NOT_MET
    return Verdict(result, f"{what.capitalize()}: published {published}, ours {ours}.")


def _on(stack, folder):
    """What an accuracy was measured on, of confusions (seeds, subjects, k, k)."""
    matrix = stack[0].sum(0)
    most = 100 * matrix.sum(1).max() / matrix.sum()
    seeds = f"{len(stack)} seed{'s' * (len(stack) > 1)}"
    return f"{matrix.sum()} test pictures, {seeds}, the most frequent class {most:.1f}%, {folder}"


def _accuracy(matrix):
    return metrics.from_confusion(matrix)["accuracy"]


def _told(gain, tolerance):
    return MET if gain > tolerance else NOT_MET


def _firm(gain, tolerance):
    changes = [
        f"at {word} of it: {_told(gain, share * tolerance)}"
        for word, share in (("half", 0.5), ("twice", 2))
        if _told(gain, share * tolerance) != _told(gain, tolerance)
    ]
    return "; ".join(changes) or "the same at half and twice of it"


def _predictions(folder, wanted):
    """Dict seed -> predictions of all folds of the runs whose settings hold all that is wanted.

    Runs under a paper's own protocol count only where it is wanted.
    """
    found, wanted = {}, {"paper_split": None, **wanted}
    for path in sorted(folder.glob("runs/*/settings.json")):
        settings = json.loads(path.read_text(encoding="utf-8"))
        run = Run.read(path.parent)
        if run.finished and all(settings.get(key) == value for key, value in wanted.items()):
            found.setdefault(settings["seed"], []).append(run.predictions)
    if not found:
        raise InputError(f"{folder} has no finished run with the settings {wanted}")
    return {seed: pd.concat(tables, ignore_index=True) for seed, tables in found.items()}


def table(rows):
    """DataFrame of a list of (number, claim text, section, Verdict)."""
    return pd.DataFrame(
        [
            {
                "no.": number, "claim": text, "section": section, "verdict": verdict.result,
                "evidence": verdict.evidence, "tolerance": verdict.tolerance or "–",
                "at half and twice the tolerance": verdict.firmness or "–",
            }
            for number, text, section, verdict in rows
        ]
    )  # fmt: skip


def tally(rows):
    """E.g. "2 met, 3 not met": how many of the claims ended how, in that order."""
    results = np.array([verdict.result for *_, verdict in rows])
    kinds = (MET, NOT_MET, NOT_TESTABLE, CONTRADICTED)
    return ", ".join(f"{(results == kind).sum()} {kind}" for kind in kinds)
