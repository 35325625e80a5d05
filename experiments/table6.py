"""Table 6. LeukocyteNet: precision, recall and F1 of each class (section 4-2)."""

from leukocytenet import recipe
from leukocytenet.tables import per_class
from smears.study import Study, main

REPORT = Study(
    paper="leukocytenet", table=6, recipe=recipe, make=per_class, rows={"LeukocyteNet": {}}
)

if __name__ == "__main__":
    main(REPORT)
