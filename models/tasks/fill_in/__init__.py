"""Fill-in: the words that blanks of a text may stand for, told from both sides.

`fill` in `predict` asks any model. A language model ranks fillings by the probability of the whole text
(`text_probability`). A `FillInModel` tells the distribution of a token from all others, one blank after another
(`blank_by_blank`): `LanguageModelPair` multiplies what two language models say, one for each side, and
`RecurrentFillIn` is a network trained for it. `pseudo_likelihood` and `evaluate` measure with it.
"""
