"""Table 9. LeukocyteNet: the paper's statistics over epochs, and what its claim needs (4-3)."""

from table5 import ROWS

from leukocytenet import recipe
from leukocytenet.significance import TURNS, significance
from smears.study import Study, main

SIGNIFICANCE = Study(
    paper="leukocytenet",
    table=9,
    recipe=recipe,
    make=significance,
    # Not the paper's (D19); so that what is claimed of it, too, is tested.
    rows={**ROWS, TURNS: {"augment": "turns"}},
    long=(TURNS,),
)

if __name__ == "__main__":
    main(SIGNIFICANCE)
