"""Text data on its way into training and evaluation.

Begin with `corpus.Corpus`: text files that are cleaned, encoded and split into training and validation parts.
`labelled` reads examples of tasks, texts with labels, tags or questions. `line_reader` cleans text by rules that
requests share; `bptt_batches` lays a corpus out for recurrent training.
"""
