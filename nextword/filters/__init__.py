"""Filters of text for pipelines that prepare corpora, in the interfaces of other libraries.

`text_filter` is the filter itself, and needs nothing else; `datatrove` is a step of a pipeline of datatrove,
`nemo_curator` a stage of one of NeMo Curator, and `ray` filters datasets of Ray Data.
"""
