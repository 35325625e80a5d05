"""Figure 9. LeukocyteNet: Grad-CAM and saliency of one image (sections 5-2 and 5-3)."""

from leukocytenet import recipe
from leukocytenet.explanation_figures import gradcam_and_saliency
from smears.study import Study, main

HEAT = Study(
    paper="leukocytenet", figure=9, recipe=recipe, make=gradcam_and_saliency,
    rows={"LeukocyteNet": {}},
)  # fmt: skip

if __name__ == "__main__":
    main(HEAT)
