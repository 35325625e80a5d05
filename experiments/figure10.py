"""Figure 10. LeukocyteNet: saliency of one image of every class (section 5-4)."""

from leukocytenet import recipe
from leukocytenet.explanation_figures import saliency_of_classes
from smears.study import Study, main

SALIENCY = Study(
    paper="leukocytenet", figure=10, recipe=recipe, make=saliency_of_classes,
    rows={"LeukocyteNet": {}},
)  # fmt: skip

if __name__ == "__main__":
    main(SALIENCY)
