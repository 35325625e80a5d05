"""CoTCoNet (arXiv 2410.08797): leukemic against normal cells. Its stages are not here yet."""
