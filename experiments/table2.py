"""Table 2. LeukocyteNet: images of each class, before and after augmentation (section 3-2-2).
CoTCoNet: six methods and CoTCoNet on C-NMC 2019 (section 4.3.1).
"""

from cotconet import recipe as cotconet
from cotconet.tables import comparison
from leukocytenet import recipe
from leukocytenet.tables import acquisition
from smears.study import Study, main

ACQUISITION = Study(paper="leukocytenet", table=2, recipe=recipe, make=acquisition)

# Tables 4 to 6 and Figure 7 show the same rows.
METHODS = {
    "Mohammed et al.": {"method": "mohammed"},
    "Gehlot et al.": {"method": "gehlot"},
    "Jawahar et al.": {"method": "jawahar"},
    "Das et al.": {"method": "das"},
    "Depto et al.": {"method": "depto"},
    "Khandekar et al.": {"method": "khandekar"},
    "CoTCoNet": {},
}

# Deep networks: minutes each even when small.
LONG = ("Das et al.", "Depto et al.", "Khandekar et al.", "Depto et al., weights alone")

CNMC = Study(
    paper="cotconet",
    table=2,
    recipe=cotconet,
    make=comparison,
    long=LONG,
    rows={
        **METHODS,
        # Not the paper's row: which of the two it took, is unknown.
        "Depto et al., weights alone": {"method": "depto", "synthesise": False},
    },
)

if __name__ == "__main__":
    main(ACQUISITION, CNMC)
