"""Published numbers with their marks, read from a package's paper.yaml."""

from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import pandas as pd
import yaml

MARKS = ("stated", "derived", "assumed", "contradicted")


class Printed(float):
    """A number that keeps the decimals it is printed with: str(Printed("83.00")) is "83.00"."""

    def __new__(cls, text):
        number = super().__new__(cls, text)
        number.text = text
        return number

    def __str__(self):
        return self.text


@dataclass(frozen=True)
class Value:
    """One published number: what the paper prints, how sure it is, and where it stands.

    Args:
        value: int, Printed or text; of a setting also a list. mark: one of `MARKS`. section: of
            the paper. note: why the mark. unit: "%" for percentages, else "".
        read: the number that a misprinted value must mean, as Printed or int.
    """

    value: object
    mark: str = "stated"
    section: str = ""
    note: str = ""
    unit: str = ""
    read: object = None

    @property
    def number(self):
        """The value, or what it must mean where it is misprinted."""
        return self.value if self.read is None else self.read

    @property
    def printed(self):
        """The number as text with its unit, e.g. "83.00%": what `smears.forensics` reads."""
        return f"{self.number!s}{self.unit}"


@dataclass(frozen=True)
class Finding:
    """One thing that published numbers imply.

    Args:
        sentence: what follows, one plain sentence. rows: labels of the rows it rests on.
        detail: how it follows. kind: "implied" or "contradicted". tables: their numbers.
        caption: whether the captions of these tables say it too.
    """

    sentence: str
    rows: tuple = ()
    detail: str = ""
    kind: str = "contradicted"
    tables: tuple = ()
    caption: bool = True


class Paper:
    """A paper's numbers.

    Attributes:
        claims, settings: dict name -> Value.
        checks: dict table number -> the entries of its `forensics` list, for `smears.forensics`.
    """

    def __init__(self, data):
        self.name, self.title, self.source = data["name"], data["title"], data["source"]
        self._tables = data["tables"]
        self._figures = data.get("figures", {})
        self.claims = {name: _value(cell) for name, cell in data.get("claims", {}).items()}
        self.settings = {name: _value(cell) for name, cell in data.get("settings", {}).items()}
        self.checks = {number: t.get("forensics", []) for number, t in self._tables.items()}
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
        found = self._tables[table]
        cell = {**found.get("totals", {}), **found["rows"]}.get(row, {}).get(column)
        return None if cell is None else _value(cell, found["section"], found.get("unit", ""))

    def misprints(self, table):
        """List of (row, column, Value) of a table's cells that must mean another number."""
        cells = (
            (row, column, self.value(table, row, column))
            for row, cells in self._tables[table]["rows"].items() for column in cells
        )  # fmt: skip
        return [(row, column, cell) for row, column, cell in cells if cell.read is not None]

    def rows(self, table):
        """Row labels of a table, in the paper's order, without its totals."""
        return list(self._tables[table]["rows"])

    def text(self, table, row, column):
        """A cell as people print it: "84.44", "97.33†" where contradicted, "–" where absent."""
        value = self.value(table, row, column)
        if value is None:
            return "–"
        text = value.value
        if isinstance(text, int):
            text = f"{text:,}"
        return f"{text}†" if value.mark == "contradicted" else str(text)

    def table(self, number, part="rows"):
        """DataFrame of the plain values of a table's "rows" or "totals"."""
        rows = self._tables[number][part]
        plain = {
            name: {column: _value(cell).number for column, cell in row.items()}
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
    return read(text)


def read(text):
    """The Paper in the text of a paper.yaml. Raises as `load`."""
    return Paper(yaml.load(text, _Loader))


class _Loader(yaml.SafeLoader):
    """YAML's safe loader, with floats as `Printed`."""


_Loader.add_constructor("tag:yaml.org,2002:float", lambda _, node: Printed(node.value))


def _value(cell, section="", unit=""):
    if not isinstance(cell, dict):
        return Value(cell, section=section, unit=unit)
    unknown = set(cell) - {"value", "mark", "section", "note", "unit", "read"}
    if unknown or "value" not in cell or cell.get("mark", "stated") not in MARKS:
        raise ValueError(
            f"paper.yaml: {cell}: keys value, mark ({', '.join(MARKS)}), section, note, unit, read"
        )
    return Value(**{"section": section, "unit": unit, **cell})
