"""CoTCoNet (Raghaw et al. 2024): leukemic against normal cells. Its stages are not here yet."""
