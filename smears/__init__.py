"""The ground both papers stand on: data, splits, runs, metrics, statistics and reports."""


class InputError(ValueError):
    """Something that the user gave cannot be used; the text names it, the rule and the remedy.

    Scripts print the text alone and end with exit code 2.
    """
