"""Published numbers with their marks, read from a package's paper.yaml."""

from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import pandas as pd
import yaml

MARKS = ("stated", "derived", "assumed", "contradicted")


@dataclass(frozen=True)
class Value:
    """One published number: what the paper prints, how sure it is, and where it stands.

    Args:
        value: number or text. mark: one of `MARKS`. section: of the paper. note: why the mark.
    """

    value: object
    mark: str = "stated"
    section: str = ""
    note: str = ""


class Paper:
    """A paper's numbers. `claims` and `settings`: dict name -> Value."""

    def __init__(self, data):
        self.name, self.title, self.source = data["name"], data["title"], data["source"]
        self._tables = data["tables"]
        self._figures = data.get("figures", {})
        self.claims = {name: _value(cell) for name, cell in data.get("claims", {}).items()}
        self.settings = {name: _value(cell) for name, cell in data.get("settings", {}).items()}
        for table in self._tables.values():
            for row in [*table["rows"].values(), *table.get("totals", {}).values()]:
                for cell in row.values():
                    _value(cell)

    def caption(self, table):
        """What a table shows, one phrase."""
        return self._tables[table]["caption"]

    def figure_caption(self, figure):
        """What a figure shows, one phrase."""
        return self._figures[figure]

    def value(self, table, row, column):
        """The Value of a cell, or None where the paper has none."""
        rows = self._tables[table]["rows"]
        cell = rows.get(row, {}).get(column)
        return None if cell is None else _value(cell, self._tables[table]["section"])

    def text(self, table, row, column):
        """A cell as people print it: "84.44", "97.33†" where contradicted, "–" where absent."""
        value = self.value(table, row, column)
        if value is None:
            return "–"
        text = value.value
        if isinstance(text, int):
            text = f"{text:,}"
        elif isinstance(text, float):
            text = f"{text:.2f}"
        return f"{text}†" if value.mark == "contradicted" else str(text)

    def table(self, number, part="rows"):
        """DataFrame of the plain values of a table's "rows" or "totals"."""
        rows = self._tables[number][part]
        plain = {
            name: {column: _value(cell).value for column, cell in row.items()}
            for name, row in rows.items()
        }
        return pd.DataFrame.from_dict(plain, orient="index")


@cache
def load(package):
    """The Paper of a package, e.g. "leukocytenet".

    Raises:
        ValueError: an unknown mark or key in a cell of paper.yaml.
    """
    text = files(package).joinpath("paper.yaml").read_text(encoding="utf-8")
    return Paper(yaml.safe_load(text))


def _value(cell, section=""):
    if not isinstance(cell, dict):
        return Value(cell, section=section)
    unknown = set(cell) - {"value", "mark", "section", "note"}
    if unknown or cell.get("mark", "stated") not in MARKS:
        raise ValueError(
            f"paper.yaml: {cell}: keys value, mark ({', '.join(MARKS)}), section, note"
        )
    return Value(**{"section": section, **cell})
