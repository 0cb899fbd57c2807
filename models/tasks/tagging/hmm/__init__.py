"""Hidden Markov models that tag, after TnT (Brants 2000): the baseline beside the recurrent tagger.

`model` tags with NumPy alone; `suffixes` tells the tags of unknown words. `estimation` counts both.
"""
