"""What became of a paper's claims: each held against stored runs, or against the paper itself."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from smears import InputError, metrics, statistics
from smears.runs import Run, read_predictions
from smears.tables import confusions, difference, interval, spread, without

MET, NOT_MET = "met", "not met"
NOT_TESTABLE, CONTRADICTED = "not testable here", "contradicted by the paper itself"
AS_CLAIMED, REVERSED, OPEN = "as claimed", "reversed", "open"


@dataclass(frozen=True)
class Verdict:
    """What became of one claim.

    Args:
        result: `MET`, `NOT_MET`, `NOT_TESTABLE` or `CONTRADICTED`.
        evidence: sentences: what was measured, on what, or what in the paper speaks against it.
        tolerance: how far results of this kind lie apart by chance, as text; "" where none applies.
        firmness: whether half or twice that tolerance would change the result; "" likewise.
        published: the figure that the claim is held to, as text; "" where it stands in the claim.
        ours: what this code reached in its place, as text; "" where nothing can stand there.
        direction: of a comparison, `AS_CLAIMED`, `REVERSED` or `OPEN`; "" for other claims.
        more: sentences on what was measured near it and decides nothing.
    """

    result: str
    evidence: str
    tolerance: str = ""
    firmness: str = ""
    published: str = ""
    ours: str = ""
    direction: str = ""
    more: tuple[str, ...] = ()


def better(results, claim, paper):
    """Whether one row's test accuracy is above another's by the published difference.

    The tolerance is how far the 95% interval of the difference reaches to either side of it, from a
    bootstrap over subjects (source images where unknown) and over seeds where there are several:
    our own spread, not a number of choice. Not met: the published difference lies above that
    interval. Met: it does not, and the interval is above 0. Else our runs can tell neither: not
    testable here. Whether there is a gain of whatever size is told beside it.

    Args:
        results: folder with a folder of runs for each set of results.
        claim: dict with folder, first and second (each {name, row, settings}: the runs whose
            settings hold all of these, and the paper's row for them; second may be a list, of
            which the most accurate is taken that has runs), published, {table, column} of those
            rows, and perhaps note, a sentence, beside, see `untestable`, and elsewhere, a list of
            other folders: what the same two rows differ by there is told, and decides nothing.
        paper: smears.published.Paper.

    Returns:
        Verdict.

    Raises:
        InputError: no such runs, no seed that both have, or runs of several rows.
    """
    sides, both = _sides(Path(results) / claim["folder"], claim)
    gain, low, high = found = statistics.difference_by_subject(*both, _accuracy)
    theirs = _published(paper, **claim["published"], rows=[side["row"] for side in sides])

    def told(share):
        if theirs - gain > share * (high - gain):
            return NOT_MET
        return MET if gain > share * (gain - low) else NOT_TESTABLE

    evidence = _told(sides, both, found, claim["folder"], f", published {100 * theirs:+.1f}")
    return Verdict(
        told(1), _sentences(evidence, claim.get("note")),
        _tolerance(gain - low, high - gain, len(both[0])), _firm(told),
        f"{100 * theirs:+.1f} points", _points(*found),
        AS_CLAIMED if low > 0 else REVERSED if high < 0 else OPEN,
        (*_elsewhere(results, claim), *_beside(results, claim)),
    )  # fmt: skip


def _sides(folder, claim):
    """A claim's two sides in one folder, and their confusions (seeds, subjects, k, k)."""
    sides = [claim["first"], claim["second"]]
    if isinstance(claim["second"], list):
        sides[1] = _best(folder, claim["second"])
    tables = [_predictions(folder, side["settings"]) for side in sides]
    seeds = sorted(set(tables[0]) & set(tables[1]))
    if not seeds:
        names = " and ".join(side["name"] for side in sides)
        raise InputError(f"{folder}: {names} have no seed in common: train one.")
    for seed in seeds:
        first, second = (
            set(table[seed]["path"][table[seed]["part"] == "test"]) for table in tables
        )
        if first != second:
            names = " and ".join(side["name"] for side in sides)
            raise InputError(f"{folder}: {names}, seed {seed}, were tested on different pictures.")
    return sides, [confusions([table[seed] for seed in seeds], "test") for table in tables]


def _told(sides, both, found, folder, published=""):
    """A sentence on the difference (itself, low, high) of two sides."""
    names = [
        f"{side['name']} {100 * _accuracy(stack.sum((0, 1))):.1f}%"
        for side, stack in zip(sides, both, strict=True)
    ]
    p = statistics.mcnemar(statistics.right_apart(*both))
    return f"{', '.join(names)}: {_points(*found)}{published}; p = {p:.2g}; {_on(both[0], folder)}."


def _elsewhere(results, claim):
    """A sentence for each further folder in which both sides of a claim were trained."""
    for folder in claim.get("elsewhere", []):
        sides, both = _sides(Path(results) / folder, claim)
        found = statistics.difference_by_subject(*both, _accuracy)
        yield f"Elsewhere: {_told(sides, both, found, folder)}"


def _best(folder, sides):
    """The one with the most accurate runs, over its seeds; its name tells of how many."""
    found = []
    for side in sides:
        if _runs(folder, side["settings"]):
            stack = confusions(list(_predictions(folder, side["settings"]).values()), "test")
            found.append((_accuracy(stack.sum((0, 1))), side))
    if not found:
        names = ", ".join(side["name"] for side in sides)
        raise InputError(f"{folder} has no finished run of any of {names}")
    _, best = max(found, key=lambda pair: pair[0])
    return {**best, "name": f"{best['name']} (the best of {len(found)} that were run)"}


def kept_apart(results, claim):
    """Whether balanced accuracy holds where people of the training part are kept out of the test.

    The gap is that under the paper's own protocol less that by subject. Not met: its 95% interval,
    each side's units and seeds drawn by themselves, is above 0. A smaller gap shows no equality, so
    that such a claim is never met here.

    Args:
        results: as for `better`.
        claim: dict with folder and settings, and perhaps note, and without: how names of test
            pictures begin that are left out, for they show no person.

    Returns:
        Verdict.
    """
    folder = Path(results) / claim["folder"]
    mixed, apart = (
        list(_predictions(folder, {**claim["settings"], "paper_split": split}).values())
        for split in (True, None)
    )
    whole = difference(mixed, apart, "test", "balanced_accuracy")
    if "without" in claim:
        mixed = [without(table, claim["without"]) for table in mixed]
    gap, low, high = difference(mixed, apart, "test", "balanced_accuracy")
    stacks = [confusions(tables, "test") for tables in (mixed, apart)]
    reached = [100 * metrics.from_confusion(s.sum((0, 1)))["balanced_accuracy"] for s in stacks]
    evidence = (
        f"Balanced accuracy {reached[0]:.1f}% by image, {reached[1]:.1f}% by subject: "
        f"{_points(gap, low, high)}; {stacks[0][0].sum()} test pictures by image; "
        f"by subject {_on(stacks[1], claim['folder'])}."
    )
    if "without" in claim:
        evidence += f" Of all test pictures, synthetic ones too: {_points(*whole)}."

    def told(share):
        return NOT_MET if gap > share * (gap - low) else NOT_TESTABLE

    return Verdict(
        told(1), _sentences(evidence, claim.get("note")),
        _tolerance(gap - low, high - gap, min(len(mixed), len(apart))), _firm(told),
        ours=_points(gap, low, high),
    )  # fmt: skip


def untestable(results, claim):
    """A claim that nothing at hand can decide, with what was measured near it.

    Args:
        results: as for `better`.
        claim: dict with reason, and beside, a list of {name, folder, settings}: runs whose test
            accuracy is told, though it decides nothing; with external, the fingerprint of other
            pictures, that on these of the runs that were tried on them. With rows, {label:
            settings}, in place of settings, that of several rows on the same pictures.

    Returns:
        Verdict.
    """
    return Verdict(NOT_TESTABLE, claim["reason"], more=tuple(_beside(results, claim)))


def _beside(results, claim):
    """A sentence for each of a claim's further rows, or sets of rows."""
    for near in claim.get("beside", []):
        folder, part = Path(results) / near["folder"], "external" if "external" in near else "test"
        told = []
        for label, settings in near.get("rows", {"": near.get("settings")}).items():
            tables = _tables(folder, settings, near.get("external"))
            stack = confusions(tables, part)
            percents = [100 * x for x in interval(tables, part, "accuracy")]
            told.append(f"{label} {spread(percents, 1, 1, ' to ', '%')}, {_seeds(stack)}".strip())
        yield f"{near['name']}: {'; '.join(told)}; {_pictures(stack, near['folder'], part)}."


def _tables(folder, settings, external=None):
    """The predictions of each seed of a row, or those on other pictures, by their fingerprint."""
    if external is None:
        return list(_predictions(folder, settings).values())
    name = f"external-{external}.csv"
    paths = [run.folder / name for run in _runs(folder, settings)]
    tables = [read_predictions(path) for path in paths if path.exists()]
    if not tables:
        raise InputError(f"{folder}, {settings}: no run with such a file as {name}")
    return tables


def contradicted(findings, claim):
    """A claim that the paper's own numbers refute, or its own words.

    Args:
        findings: list of smears.published.Finding, of `forensics.findings`.
        claim: dict with finding, the beginning of the finding's sentence, and perhaps note; or with
            reason, which words of the paper speak against it.

    Returns:
        Verdict.

    Raises:
        InputError: no such finding: the numbers or the claim's text have changed.
    """
    if "reason" in claim:
        return Verdict(CONTRADICTED, claim["reason"])
    found = [f.sentence for f in findings if f.sentence.startswith(claim["finding"])]
    if not found:
        raise InputError(f"no finding begins with {claim['finding']!r}: see forensics.py")
    sentence = f"{found[0][0].upper()}{found[0][1:]}."
    return Verdict(CONTRADICTED, _sentences(sentence, claim.get("note")))


def equal(published, ours, what):
    """A number that follows from the network alone: no tolerance.

    Args:
        published, ours: texts. what: what was counted.
    """
    result = MET if published == ours else NOT_MET
    evidence = f"{what.capitalize()}: published {published}, ours {ours}."
    return Verdict(result, evidence, published=published, ours=ours)


def _on(stack, folder):
    """What an accuracy was measured on, of confusions (seeds, subjects, k, k)."""
    return f"{_seeds(stack)}, {_pictures(stack, folder)}"


def _seeds(stack):
    return f"{len(stack)} seed{'s' * (len(stack) > 1)}"


def _pictures(stack, folder, part="test"):
    matrix = stack[0].sum(0)
    most = 100 * matrix.sum(1).max() / matrix.sum()
    return f"{matrix.sum()} {part} pictures, the most frequent class {most:.1f}%, {folder}"


def _accuracy(matrix):
    return metrics.from_confusion(matrix)["accuracy"]


def _sentences(*parts):
    return " ".join(part for part in parts if part)


def _points(difference, low, high):
    return f"{100 * difference:+.1f} points ({100 * low:+.1f} to {100 * high:+.1f})"


def _published(paper, table, column, rows):
    """The difference of two published percentages or shares, as a share."""
    first, second = (paper.value(table, row, column) for row in rows)
    return (first.number - second.number) / (100 if first.unit else 1)


def _tolerance(down, up, seeds):
    over = "subjects and seeds" if seeds > 1 else "subjects (one seed)"
    return f"{100 * down:.1f} points down, {100 * up:.1f} up, over {over}"


def _firm(told):
    """Whether the verdict, a function of shares of the tolerance, is another at half or twice."""
    changes = [
        f"{told(share)} at {word} of it"
        for word, share in (("half", 0.5), ("twice", 2))
        if told(share) != told(1)
    ]
    return "; ".join(changes) or "the same at half and twice of it"


def _predictions(folder, wanted):
    """Dict seed -> predictions of all folds of these `_runs`; InputError where there are none."""
    found = {}
    for run in _runs(folder, wanted):
        found.setdefault(run.settings["seed"], []).append(run)
    if not found:
        raise InputError(f"{folder} has no finished run with the settings {wanted}")
    return {seed: _joined(runs) for seed, runs in found.items()}


def _runs(folder, wanted):
    """The finished runs whose settings hold all that is wanted.

    Runs under a paper's own protocol count only where it is wanted.
    """
    found, wanted = [], {"paper_split": None, **wanted}
    for path in sorted(folder.glob("runs/*/settings.json")):
        run = Run.read(path.parent)
        if run.finished and all(run.settings.get(key) == value for key, value in wanted.items()):
            found.append(run)
    return found


def _joined(runs):
    """The predictions of one row's folds, which test no picture twice."""
    tables = [run.predictions for run in runs]
    tested = [path for table in tables for path in set(table.loc[table["part"] == "test", "path"])]
    if len(tested) > len(set(tested)):
        names = ", ".join(run.folder.name for run in runs)
        raise InputError(
            f"{names}: these runs test the same pictures, so they are not the folds of one row. "
            "Name more of the settings."
        )
    return pd.concat(tables, ignore_index=True)


def overview(rows):
    """DataFrame of a list of (number, claim text, section, Verdict)."""
    return pd.DataFrame(
        [
            {
                "no.": number, "claim": text, "published": verdict.published or "–",
                "ours (95% interval)": verdict.ours or "–", "section": section,
                "verdict": verdict.result,
                "direction": verdict.direction or "–",
                "at half and twice the tolerance": verdict.firmness or "–",
            }
            for number, text, section, verdict in rows
        ]
    )  # fmt: skip


def evidence(rows):
    """Markdown list: what each verdict of such a list rests on."""
    return "\n".join(
        f"- **{number}** {verdict.evidence}"
        + (f" Tolerance: {verdict.tolerance}." if verdict.tolerance else "")
        + "".join(f"\n  - {sentence}" for sentence in verdict.more)
        for number, _, _, verdict in rows
    )


def tally(rows):
    """E.g. "2 met (L1, L4), 1 not met (L2), ...": which of the claims ended how."""
    parts = []
    for kind in (MET, NOT_MET, NOT_TESTABLE, CONTRADICTED):
        numbers = [number for number, *_, verdict in rows if verdict.result == kind]
        parts.append(f"{len(numbers)} {kind}" + (f" ({', '.join(numbers)})" if numbers else ""))
    return ", ".join(parts)
