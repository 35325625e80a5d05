"""Table 1. LeukocyteNet: published work as the paper cites it, and our measured row (section 2)."""

from leukocytenet import recipe
from leukocytenet.tables import literature
from smears.study import Study, main

LITERATURE = Study(
    paper="leukocytenet", table=1, recipe=recipe, make=literature, rows={"LeukocyteNet": {}}
)

if __name__ == "__main__":
    main(LITERATURE)
