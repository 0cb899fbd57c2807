"""Answers to the example requests of the OpenAPI document; `python -m tools.examples` writes them."""
