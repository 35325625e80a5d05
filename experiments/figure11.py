"""Figure 11. LeukocyteNet: Grad-CAM and LIME of VGG19 alone and of LeukocyteNet, one image of
every class (section 5-4)."""

from leukocytenet import recipe
from leukocytenet.explanation_figures import grid
from smears.study import Study, main

# Table 5's rows, whose trainings are shared.
GRID = Study(
    paper="leukocytenet", figure=11, recipe=recipe, make=grid,
    rows={"VGG19": {"model": "VGG19"}, "LeukocyteNet": {}},
)  # fmt: skip

if __name__ == "__main__":
    main(GRID)
