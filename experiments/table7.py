"""Table 7. LeukocyteNet: parameters and operations of a forward pass (section 4-3)."""

from leukocytenet import recipe
from leukocytenet.tables import complexity
from smears.study import Study, main

COMPLEXITY = Study(paper="leukocytenet", table=7, recipe=recipe, make=complexity, needs_data=False)

if __name__ == "__main__":
    main(COMPLEXITY)
