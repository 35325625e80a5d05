"""Every table and figure of LeukocyteNet, and one page of them all."""

from figure3 import AUGMENTATION
from figure5 import ACCURACIES
from figure6 import CURVES
from figure7 import ERRORS
from table1 import LITERATURE
from table2 import ACQUISITION
from table3 import ARCHITECTURE
from table4 import ABLATION
from table5 import COMPARISON
from table6 import REPORT
from table7 import COMPLEXITY
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
    )
