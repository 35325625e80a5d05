"""Which of two classes is the disease, as far as their names tell."""

# What people call cells without the disease they look for, in lower case ("hem" by C-NMC 2019).
HEALTHY = {
    "normal", "normals", "healthy", "benign", "control", "controls", "mature",
    "negative", "neg", "hem", "0",
}  # fmt: skip


def by_name(classes):
    """The one of two classes that is not healthy by its name; "" where names do not tell."""
    ill = [name for name in classes if name.strip().casefold() not in HEALTHY]
    return ill[0] if len(classes) == 2 and len(ill) == 1 else ""
