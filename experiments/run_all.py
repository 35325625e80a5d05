"""Every table and figure of both papers, and one page of them all."""

from figure3 import AUGMENTATION
from figure5 import ACCURACIES
from figure6 import CURVES, SELECTION
from figure7 import CURVES as METHODS
from figure7 import ERRORS
from figure8 import LIME, MAPS
from figure9 import CELLS, HEAT
from figure10 import LAST_LAYER, SALIENCY
from figure11 import GRID
from table1 import COUNTS, LITERATURE
from table2 import ACQUISITION, CNMC
from table3 import ARCHITECTURE, FORMULAS
from table4 import ABLATION, ALLIDB1
from table5 import ALLIDB2, COMPARISON
from table6 import REPORT, SNAM
from table7 import COMPLEXITY, STEPS
from table8 import DURATIONS
from table9 import SIGNIFICANCE

from smears.gallery import main

if __name__ == "__main__":
    main(
        LITERATURE,
        ACQUISITION,
        ARCHITECTURE,
        ABLATION,
        COMPARISON,
        REPORT,
        COMPLEXITY,
        DURATIONS,
        SIGNIFICANCE,
        AUGMENTATION,
        ACCURACIES,
        CURVES,
        ERRORS,
        LIME,
        HEAT,
        SALIENCY,
        GRID,
        COUNTS,
        CNMC,
        FORMULAS,
        ALLIDB1,
        ALLIDB2,
        SNAM,
        STEPS,
        SELECTION,
        METHODS,
        MAPS,
        CELLS,
        LAST_LAYER,
    )
