"""Files of n-gram models in the formats of other programs: ARPA text, OpenFst text, binaries of KenLM.

Begin with `arpa`: `read_arpa` makes a back-off table of a file and `write_arpa` a file of a table. `arpa_lines` and
`arpa_parser` know the syntax, `sorted_ngrams` links n-grams to contexts, `normalization` adds up every distribution.
`model_file` opens what a user calls a model and says what it is, `kenlm_binary` reads the header of a binary,
`openfst` writes automata of bigrams and their symbols, and `export` all formats.
"""
