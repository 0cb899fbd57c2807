"""Counting by many processes that share nothing but a folder: census, freeze, map, reduce and pack.

`census` counts the vocabulary of a shard, and `freeze` makes a tokenizer and a `plan` of all censuses. `steps` counts
the n-grams of a shard, cut by ranges of first words, and adds those of a range. `estimation` and its `rounds` may
estimate each range by itself; `packing` makes the model of all ranges. Each step reads files and writes files, in the
folders that `work_folder` names. The model is that of one process which reads the shards as one text, bit for bit.
"""
