"""Figure 8. LeukocyteNet: what LIME marks in one image (section 5-1)."""

from leukocytenet import recipe
from leukocytenet.explanation_figures import lime_of_one
from smears.study import Study, main

LIME = Study(
    paper="leukocytenet", figure=8, recipe=recipe, make=lime_of_one, rows={"LeukocyteNet": {}}
)

if __name__ == "__main__":
    main(LIME)
