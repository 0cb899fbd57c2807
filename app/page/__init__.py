"""The page at `/`: static files that show the models, and the routes that serve them.

The page is a client of the public API like any other; nothing here computes or knows a model.
"""
