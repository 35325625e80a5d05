"""How the white cells of each drawn class look, as haematology texts describe them.

WHO Classification 2017; Bain, Blood Cells, 5th edition: nucleus size, shape and lobes,
nucleus-to-cell ratio, chromatin, nucleoli, granules, vacuoles. Stylised: no evidence about blood.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Cell:
    """How one kind of white cell looks; pairs are ranges to draw from.

    Args:
        radius: of the cell, in shares of the picture's side.
        ratio: nucleus radius / cell radius.
        nucleus: "round", "oval", "cleft" (a notch or fold), "kidney", "bilobed" (pince-nez) or
            "segmented" (lobes on thin threads).
        lobes: number of lobes of a segmented nucleus.
        irregular: relative wobble of the nucleus' outline.
        clumps: chromatin clumps across the nucleus; contrast: of light against dark chromatin.
        nucleoli: number of pale, rimmed spots in the nucleus.
        blue: cytoplasm from clear pink (0) to deeply basophilic (1).
        granules: number in the cytoplasm; coarse: their size in shares of the cell's radius.
        dark: granules from pink (0) to purple black (1).
        vacuoles: number of clear holes; auer: probability of a red rod.
    """

    radius: tuple = (0.2, 0.24)
    ratio: tuple = (0.7, 0.8)
    nucleus: str = "round"
    lobes: tuple = (1, 1)
    irregular: float = 0.03
    clumps: int = 6
    contrast: float = 0.3
    nucleoli: tuple = (0, 0)
    blue: tuple = (0.4, 0.6)
    granules: tuple = (0, 0)
    coarse: float = 0.05
    dark: float = 0.3
    vacuoles: tuple = (0, 0)
    auer: float = 0.0


NEUTROPHIL = Cell(
    radius=(0.2, 0.24), ratio=(0.5, 0.58), nucleus="segmented", lobes=(3, 5), clumps=5,
    contrast=0.45, blue=(0.0, 0.15), granules=(60, 110), coarse=0.035, dark=0.15,
)  # fmt: skip
LYMPHOCYTE = Cell(radius=(0.14, 0.17), ratio=(0.78, 0.86), clumps=5, contrast=0.5, blue=(0.35, 0.6))
MONOCYTE = Cell(
    radius=(0.23, 0.27), ratio=(0.6, 0.68), nucleus="kidney", irregular=0.06, clumps=9,
    contrast=0.3, blue=(0.3, 0.45), granules=(10, 30), coarse=0.025, vacuoles=(1, 5),
)  # fmt: skip
MYELOCYTE = Cell(
    radius=(0.2, 0.25), ratio=(0.55, 0.65), nucleus="oval", clumps=6, contrast=0.4,
    blue=(0.15, 0.35), granules=(70, 130), coarse=0.06, dark=0.6,
)  # fmt: skip
BASOPHIL = Cell(
    radius=(0.18, 0.22), ratio=(0.55, 0.62), nucleus="bilobed", clumps=4, contrast=0.3,
    blue=(0.1, 0.2), granules=(40, 70), coarse=0.12, dark=1.0,
)  # fmt: skip
BLAST = Cell(
    radius=(0.2, 0.24), ratio=(0.82, 0.88), clumps=16, contrast=0.15, nucleoli=(1, 2),
    blue=(0.5, 0.7),
)  # fmt: skip


@dataclass(frozen=True)
class Field:
    """What a picture of one class shows.

    Args:
        kinds: ((probability, Cell), ...) of the main cell.
        others: mean number of further white cells of the same kinds.
        smudge: probability of a smudge, the smeared nucleus of a burst cell.
        giant: probability of giant platelets.
        middle: range of the main cell's centre, in shares of the side.
    """

    kinds: tuple
    others: float = 0.5
    smudge: float = 0.05
    giant: float = 0.05
    middle: tuple = (0.4, 0.6)


MORPHOLOGY = {
    # Follicular and Burkitt-like cells: cleft, folded nuclei, coarse chromatin, vacuoles.
    "Lymphoma": Field(
        (
            (0.7, Cell((0.19, 0.23), (0.78, 0.85), "cleft", irregular=0.05, clumps=8,
                       contrast=0.4, nucleoli=(0, 1), blue=(0.5, 0.8))),
            (0.3, Cell((0.2, 0.24), (0.74, 0.8), "cleft", irregular=0.05, clumps=8,
                       contrast=0.4, nucleoli=(1, 3), blue=(0.8, 1.0), vacuoles=(5, 12))),
        ),
    ),
    # Pseudo-Pelger neutrophils with two round lobes, poor in granules; giant platelets.
    "MDS": Field(
        ((0.8, Cell((0.19, 0.23), (0.52, 0.6), "bilobed", clumps=4, contrast=0.55,
                    blue=(0.0, 0.2), granules=(0, 6), coarse=0.03, dark=0.1)),
         (0.2, MYELOCYTE)),
        giant=0.6,
    ),
    # Haematogones: small, hardly any cytoplasm, smooth dense chromatin, no nucleoli.
    "ALL-Benign": Field(
        ((1.0, Cell((0.14, 0.18), (0.9, 0.95), clumps=3, contrast=0.08, blue=(0.4, 0.6))),),
        others=1.0,
    ),
    # Medium blasts: little cytoplasm, fine chromatin, nucleoli hard to see.
    "ALL-Early Pre-B": Field(
        ((1.0, Cell((0.18, 0.22), (0.87, 0.92), clumps=15, contrast=0.2, nucleoli=(0, 1),
                    blue=(0.4, 0.7))),),
        others=0.8,
    ),
    # Larger blasts: clear nucleoli, more and bluer cytoplasm, a slight dent.
    "ALL-Pre-B": Field(
        ((1.0, Cell((0.21, 0.25), (0.78, 0.84), "oval", irregular=0.05, clumps=12, contrast=0.25,
                    nucleoli=(1, 2), blue=(0.6, 0.9))),),
    ),
    # Large blasts: folded nucleus, several nucleoli, vacuoles.
    "ALL-Pro-B": Field(
        ((1.0, Cell((0.24, 0.29), (0.76, 0.83), "cleft", irregular=0.09, clumps=14, contrast=0.2,
                    nucleoli=(2, 4), blue=(0.5, 0.8), vacuoles=(0, 4))),),
        others=0.3,
    ),
    # Myeloblasts: abundant cytoplasm, fine chromatin, large nucleoli, granules, Auer rods.
    "AML": Field(
        ((1.0, Cell((0.25, 0.3), (0.62, 0.7), "oval", irregular=0.04, clumps=16, contrast=0.15,
                    nucleoli=(2, 4), blue=(0.35, 0.6), granules=(10, 40), coarse=0.04, dark=0.5,
                    auer=0.6)),),
        others=0.3,
    ),
    # Small lymphocytes with chromatin like a football, and smudges.
    "CLL": Field(
        ((1.0, Cell((0.14, 0.18), (0.84, 0.9), clumps=5, contrast=0.75, blue=(0.35, 0.55))),),
        others=1.0, smudge=0.65,
    ),
    # Every stage of granulocytes at once, basophils among them.
    "CML": Field(
        ((0.5, MYELOCYTE), (0.3, NEUTROPHIL), (0.2, BASOPHIL)),
        others=2.5,
    ),
    "Healthy": Field(((0.8, NEUTROPHIL), (0.1, LYMPHOCYTE), (0.1, MONOCYTE)), others=0.2),
}  # fmt: skip
# The binary task of the second paper: leukaemic blasts against normal lymphoid cells.
MORPHOLOGY["ALL"] = Field(
    (*((0.3, cell) for name in ("ALL-Early Pre-B", "ALL-Pre-B", "ALL-Pro-B")
       for _, cell in MORPHOLOGY[name].kinds), (0.1, BLAST)),
    others=0.1,
)  # fmt: skip
MORPHOLOGY["normal"] = Field(
    ((0.5, LYMPHOCYTE), (0.35, MORPHOLOGY["ALL-Benign"].kinds[0][1]), (0.15, MONOCYTE)), others=0.1
)
# For trying explanations: two classes that chromatin alone tells apart. All else, the nucleus'
# size and outline too, is drawn alike. Off the middle, where a map that knows nothing would point.
for _label, _contrast in (("smooth", 0.05), ("clumped", 0.75)):
    MORPHOLOGY[_label] = Field(
        ((1.0, Cell((0.2, 0.24), (0.72, 0.8), clumps=6, contrast=_contrast)),),
        others=0.0, smudge=0.0, giant=0.0, middle=(0.25, 0.75),
    )  # fmt: skip
