"""Figure 8. LeukocyteNet: what LIME marks in one image (section 5-1).
CoTCoNet: feature maps of both classes, and how dense they are (section 5).
"""

from cotconet import recipe as cotconet
from cotconet.explanation_figures import feature_maps
from leukocytenet import recipe
from leukocytenet.explanation_figures import lime_of_one
from smears.study import Study, main

LIME = Study(
    paper="leukocytenet", figure=8, recipe=recipe, make=lime_of_one, rows={"LeukocyteNet": {}}
)

MAPS = Study(paper="cotconet", figure=8, recipe=cotconet, make=feature_maps, rows={"CoTCoNet": {}})

if __name__ == "__main__":
    main(LIME, MAPS)
