"""Figure 10. LeukocyteNet: saliency of one image of every class (section 5-4).
CoTCoNet: class discrimination at the classifier's last layer (section 5).
"""

from cotconet import recipe as cotconet
from cotconet.explanation_figures import last_layer
from leukocytenet import recipe
from leukocytenet.explanation_figures import saliency_of_classes
from smears.study import Study, main

SALIENCY = Study(
    paper="leukocytenet", figure=10, recipe=recipe, make=saliency_of_classes,
    rows={"LeukocyteNet": {}},
)  # fmt: skip

LAST_LAYER = Study(
    paper="cotconet", figure=10, recipe=cotconet, make=last_layer, rows={"CoTCoNet": {}}
)

if __name__ == "__main__":
    main(SALIENCY, LAST_LAYER)
