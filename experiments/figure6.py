"""Figure 6. LeukocyteNet: accuracy and loss of training and validation (section 4-2)."""

from leukocytenet import recipe
from leukocytenet.figures import curves
from smears.study import Study, main

CURVES = Study(
    paper="leukocytenet", figure=6, recipe=recipe, make=curves, rows={"LeukocyteNet": {}}
)

if __name__ == "__main__":
    main(CURVES)
