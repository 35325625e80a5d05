"""A web page and an API for a trained network, as the paper's Figure 1 has them: Flask, waitress.

Unlike the authors' application it loads the network once, takes input size, scaling and order of
classes from the run, keeps nothing of what is uploaded, and lets no other site use it unless asked.
"""
