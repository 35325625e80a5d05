"""The ground both papers stand on: data, splits, runs, metrics, statistics and reports."""
