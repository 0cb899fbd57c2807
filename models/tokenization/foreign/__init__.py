"""Tokenizers from files of others: `tokenizer.json`, SentencePiece's `.model`, lists of words.

Begin with `reading.read_tokenizer_file`. `huggingface` and `sentence_piece` split text as the files' own libraries do;
`file_vocabulary` maps the ids of a file to ours, in which the unknown token is 0 and the boundary 1. SentencePiece also
makes the tokens of kind `unigram`, which `unigram` trains and splits.
"""
