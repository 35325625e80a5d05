"""Figure 9. LeukocyteNet: Grad-CAM and saliency of one image (sections 5-2 and 5-3).
CoTCoNet: what LIME highlights in twenty cells (section 5).
"""

from cotconet import recipe as cotconet
from cotconet.explanation_figures import lime_cells
from leukocytenet import recipe
from leukocytenet.explanation_figures import gradcam_and_saliency
from smears.study import Study, main

HEAT = Study(
    paper="leukocytenet", figure=9, recipe=recipe, make=gradcam_and_saliency,
    rows={"LeukocyteNet": {}},
)  # fmt: skip

CELLS = Study(paper="cotconet", figure=9, recipe=cotconet, make=lime_cells, rows={"CoTCoNet": {}})

if __name__ == "__main__":
    main(HEAT, CELLS)
