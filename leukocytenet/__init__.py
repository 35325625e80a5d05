"""LeukocyteNet (Apon et al. 2026): ten kinds of leukocyte images, VGG19 joined with a Swin block."""
