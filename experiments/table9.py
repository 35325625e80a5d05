"""Table 9. LeukocyteNet: the paper's statistics over epochs, and what its claim needs (4-3)."""

from table5 import ROWS

from leukocytenet import recipe
from leukocytenet.significance import significance
from smears.study import Study, main

SIGNIFICANCE = Study(
    paper="leukocytenet",
    table=9,
    recipe=recipe,
    make=significance,
    rows=ROWS,
)

if __name__ == "__main__":
    main(SIGNIFICANCE)
