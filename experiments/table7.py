"""Table 7. LeukocyteNet: parameters and operations of a forward pass (section 4-3).
CoTCoNet: what each step contributes (section 4.3.2).
"""

from cotconet import recipe as cotconet
from cotconet.tables import ablation
from leukocytenet import recipe
from leukocytenet.tables import complexity
from smears.study import Study, main

COMPLEXITY = Study(paper="leukocytenet", table=7, recipe=recipe, make=complexity, needs_data=False)

# VGG-16, and rows that make other cells, of which LeuGAN learns anew: minutes each even when small.
LONG = (
    "No Enhancement", "Fuzzy", "MirNET", "HE", "Sharpen", "CLAHE", "UNet", "UNet++", "VGG-16",
)  # fmt: skip

STEPS = Study(
    paper="cotconet",
    table=7,
    recipe=cotconet,
    make=ablation,
    long=LONG,
    rows={
        "No Enhancement": {"enhance": []},
        "Fuzzy": {"enhance": ["fuzzy"]},
        "MirNET": {"enhance": ["mirnet"]},
        "HE": {"enhance": ["equalise"]},
        "Sharpen": {"enhance": ["sharpen"]},
        "CLAHE": {"enhance": ["clahe"]},
        "UNet": {"segment": "unet"},
        "UNet++": {"segment": "unet++"},
        "No Augmentation": {"synthesise": None},
        "Traditional Augmentation": {"synthesise": "traditional"},
        "ViT-B/32": {
            "features": ["gmod"],
            "extractor": "ViT-B/32",
            "graph": False,
            "select": False,
        },
        "ViT-L/32": {
            "features": ["gmod"],
            "extractor": "ViT-L/32",
            "graph": False,
            "select": False,
        },
        "ViT-H/16": {
            "features": ["gmod"],
            "extractor": "ViT-H/16",
            "graph": False,
            "select": False,
        },
        "VGG-16": {"features": ["vgg16"], "graph": False, "select": False},
        "GMod": {"features": ["gmod"], "graph": False, "select": False},
        "SMod": {"features": ["smod"], "graph": False, "select": False},
        "GMod + SMod": {"graph": False, "select": False},
        "w/o graph, w/o selection": {"graph": False, "select": False},
        "with graph, w/o selection": {"select": False},
        "w/o graph, with selection": {"graph": False},
        "CoTCoNet": {},
    },
)

if __name__ == "__main__":
    main(COMPLEXITY, STEPS)
