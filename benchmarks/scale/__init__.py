"""Benchmarks at size: texts of tens of millions of tokens and more, beside `lmplz`.

Begin with `text`, which writes such a text, and `growth`, which makes models of several sizes of it; `counts` makes one
by steps.
"""
