"""What a paper's numbers imply and where they cannot all be right, from the numbers alone.

A paper.yaml lists under each table what is to be checked (`forensics:`), so no paper is named
here; the checks stand in `smears.testsets` and `smears.agreement`.
"""

import functools
from dataclasses import replace

import pandas as pd

from smears import agreement, testsets
from smears.published import Finding

CHECKS = {
    check.__name__: check
    for check in (
        testsets.sample_size, testsets.which_fits, testsets.truncated_loop,
        testsets.images_of_class, testsets.round_share, testsets.class_sizes, testsets.impossible,
        testsets.exchanged, testsets.accuracy_follows, testsets.epochs_as_samples,
        testsets.counted_seconds, agreement.f1_follows, agreement.agree, agreement.covers,
        agreement.differences, agreement.contains, agreement.equal_columns, agreement.copied,
        agreement.parts, agreement.best, agreement.worst,
    )
}  # fmt: skip


# They take seconds, and every table asks for them.
@functools.lru_cache(maxsize=4)
def findings(paper):
    """All findings of a smears.published.Paper, table by table.

    Each entry of a table's `forensics` list is {check: name in `CHECKS`, argument: value, ...},
    with `also: [number, ...]` for further tables that its findings concern, and `caption: false`
    where captions, which must be short, leave them out. In a value, [table, row, column],
    [claims, name] or [settings, name] stands for that printed text; {column: c, rows: [...]} for
    the texts of a column by row; {columns: [c, ...], rows: [...]} for several columns, by row and
    column. Without rows, all rows are meant. Cells that the paper.yaml reads otherwise than the
    paper prints them (`read`) are findings by themselves.

    Raises:
        ValueError: an unknown check, or a place that the paper does not have.
    """
    found = []
    for table, entries in paper.checks.items():
        for entry in entries:
            entry = dict(entry)
            name, tables = entry.pop("check"), (table, *entry.pop("also", []))
            caption = entry.pop("caption", True)
            if name not in CHECKS:
                raise ValueError(f"paper.yaml, table {table}: check {name}: {', '.join(CHECKS)}")
            arguments = {key: _resolve(paper, table, value) for key, value in entry.items()}
            found += [
                replace(finding, tables=tables, caption=caption)
                for finding in CHECKS[name](**arguments)
            ]
        found += [
            Finding(
                f"{row}: {column} is printed {cell.value}, which must mean {cell.read}", (row,),
                cell.note, tables=(table,), caption=False,
            )
            for row, column, cell in paper.misprints(table)
        ]  # fmt: skip
    return found


def table(found):
    """Findings as a DataFrame of texts: Table, What follows, Kind, Rows, How."""
    return pd.DataFrame(
        {
            "Table": ", ".join(map(str, finding.tables)),
            "What follows": finding.sentence,
            "Kind": finding.kind,
            "Rows": ", ".join(finding.rows),
            "How": finding.detail,
        }
        for finding in found
    )


def caption(paper, number):
    """What the numbers of one table imply, as a list of one caption line, or of none."""
    found = [finding for finding in findings(paper) if number in finding.tables]
    sentences = [finding.sentence for finding in found if finding.caption]
    return [f"What the published numbers imply: {'; '.join(sentences)}."] if sentences else []


def _resolve(paper, table, value):
    if isinstance(value, dict) and ("column" in value or "columns" in value):
        rows = value.get("rows") or paper.rows(table)
        if "column" in value:
            return {row: _printed(paper, [table, row, value["column"]]) for row in rows}
        columns = value["columns"]
        return {row: {c: _printed(paper, [table, row, c]) for c in columns} for row in rows}
    if isinstance(value, dict):
        return {name: _resolve(paper, table, part) for name, part in value.items()}
    if isinstance(value, list):
        if len(value) == 3 and isinstance(value[0], int) and isinstance(value[1], str):
            return _printed(paper, value)
        if len(value) == 2 and value[0] in ("claims", "settings"):
            return _printed(paper, value)
        return [_resolve(paper, table, part) for part in value]
    return value


def _printed(paper, place):
    if place[0] in ("claims", "settings"):
        value = getattr(paper, place[0]).get(place[1])
    else:
        value = paper.value(*place)
    if value is None:
        raise ValueError(f"paper.yaml, forensics: there is no number at {place}.")
    return value.printed
