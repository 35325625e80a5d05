"""Table 4. LeukocyteNet: what each branch contributes, and another data set (section 4-4).
CoTCoNet: six methods and CoTCoNet on ALL-IDB1 (section 4.3.1).
"""

from table2 import LONG, METHODS

from cotconet import recipe as cotconet
from cotconet.tables import comparison
from leukocytenet import recipe
from leukocytenet.tables import ablation
from smears.study import Study, main

ABLATION = Study(
    paper="leukocytenet",
    table=4,
    recipe=recipe,
    make=ablation,
    external=True,
    rows={
        "Swin Transformer Only": {"model": "Swin Transformer Only"},
        # The paper's row is Table 5's frozen baseline; the next three train as the hybrid (D14).
        "VGG19 Only": {"model": "VGG19"},
        "VGG19 Only, fine-tuned": {"model": "VGG19 Only", "head": "pooled"},
        # With the rate that it, too, does best with on PBC's validation pictures (D14).
        "VGG19 Only, fine-tuned at 1e-4": {
            "model": "VGG19 Only",
            "head": "pooled",
            "learning_rate": 1e-4,
        },
        "VGG19 Only, fine-tuned, AlphaDropout": {
            "model": "VGG19 Only",
            "head": "pooled_alpha_dropout",
        },
        "VGG19 Only, fine-tuned at 1e-4, flips and quarter turns": {
            "model": "VGG19 Only",
            "head": "pooled",
            "learning_rate": 1e-4,
            "augment": "turns",
        },
        "LeukocyteNet (VGG19+Swin)": {},
        # Not the paper's: what its strong zooms and shears cost or bring (D19).
        "LeukocyteNet, flips and quarter turns": {"augment": "turns"},
    },
)

ALLIDB1 = Study(
    paper="cotconet", table=4, recipe=cotconet, make=comparison, long=LONG, rows=METHODS
)

if __name__ == "__main__":
    main(ABLATION, ALLIDB1)
