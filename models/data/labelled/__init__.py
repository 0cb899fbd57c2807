"""Labelled data: texts with labels, sentences with tags, questions with answers.

Begin with `formats`: it reads files in any of the formats of `config` to the plain data of `examples`. `splits` holds
examples out. The readers themselves are `tables`, `conll`, `squad` and `babi`.
"""
