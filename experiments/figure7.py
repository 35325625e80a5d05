"""Figure 7. LeukocyteNet: confusion matrix and ROC curves of the test part (section 4-2).
CoTCoNet: ROC curves and radar charts of the methods at hand (section 4.2.4).
"""

from table2 import LONG, METHODS

from cotconet import recipe as cotconet
from cotconet.comparison_figure import comparison
from leukocytenet import recipe
from leukocytenet.figures import confusion_and_roc
from smears.study import Study, main

ERRORS = Study(
    paper="leukocytenet", figure=7, recipe=recipe, make=confusion_and_roc, rows={"LeukocyteNet": {}}
)

CURVES = Study(
    paper="cotconet", figure=7, recipe=cotconet, make=comparison, long=LONG, rows=METHODS
)

if __name__ == "__main__":
    main(ERRORS, CURVES)
