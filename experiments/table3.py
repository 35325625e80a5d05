"""Table 3. LeukocyteNet: every layer's output shape and parameters (section 3-3-2)."""

from leukocytenet import recipe
from leukocytenet.tables import architecture
from smears.study import Study, main

ARCHITECTURE = Study(
    paper="leukocytenet", table=3, recipe=recipe, make=architecture, needs_data=False
)

if __name__ == "__main__":
    main(ARCHITECTURE)
