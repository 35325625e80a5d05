"""CoTCoNet (Raghaw et al. 2024): leukemic against normal cells, a file a stage."""
