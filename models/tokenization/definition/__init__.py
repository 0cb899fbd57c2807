"""Definition of tokens: how text is normalized and split, in terms of Hugging Face `tokenizers`."""
