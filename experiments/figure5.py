"""Figure 5. LeukocyteNet: test accuracy of the five baselines and LeukocyteNet (section 4-2)."""

from table5 import ROWS

from leukocytenet import recipe
from leukocytenet.figures import accuracies
from smears.study import Study, main

ACCURACIES = Study(
    paper="leukocytenet",
    figure=5,
    recipe=recipe,
    make=accuracies,
    rows=ROWS,
)

if __name__ == "__main__":
    main(ACCURACIES)
