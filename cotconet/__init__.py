"""CoTCoNet (Raghaw et al. 2024): leukemic against normal cells, a file a stage."""

__all__ = ["CoTCoNet"]


def __getattr__(name):
    # Imported when first asked for: tables' scripts need no pipeline to show their help.
    if name in __all__:
        from cotconet import pipeline

        return getattr(pipeline, name)
    raise AttributeError(f"module 'cotconet' has no attribute {name!r}")
