"""Table 8. LeukocyteNet: how long training and validation take (section 4-3)."""

from leukocytenet import recipe
from leukocytenet.tables import durations
from smears.study import Study, main

DURATIONS = Study(
    paper="leukocytenet", table=8, recipe=recipe, make=durations, rows={"LeukocyteNet": {}}
)

if __name__ == "__main__":
    main(DURATIONS)
