"""Start the backend once, quietly, before any test imports Keras."""

from smears.backend import start

start()
