"""Definition of tokens: how text is normalized and split, by Hugging Face `tokenizers` in the file of a tokenizer."""
