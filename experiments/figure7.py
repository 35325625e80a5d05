"""Figure 7. LeukocyteNet: confusion matrix and ROC curves of the test part (section 4-2)."""

from leukocytenet import recipe
from leukocytenet.figures import confusion_and_roc
from smears.study import Study, main

ERRORS = Study(
    paper="leukocytenet", figure=7, recipe=recipe, make=confusion_and_roc, rows={"LeukocyteNet": {}}
)

if __name__ == "__main__":
    main(ERRORS)
