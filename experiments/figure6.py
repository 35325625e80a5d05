"""Figure 6. LeukocyteNet: accuracy and loss of training and validation (section 4-2).
CoTCoNet: what the selector does, where the paper draws its flowchart (section 3.5).
"""

from cotconet import recipe as cotconet
from cotconet.figures import selection
from leukocytenet import recipe
from leukocytenet.figures import curves
from smears.study import Study, main

CURVES = Study(
    paper="leukocytenet", figure=6, recipe=recipe, make=curves, rows={"LeukocyteNet": {}}
)

SELECTION = Study(
    paper="cotconet", figure=6, recipe=cotconet, make=selection, rows={"CoTCoNet": {}}
)

if __name__ == "__main__":
    main(CURVES, SELECTION)
