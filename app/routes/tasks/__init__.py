"""Routes of what models do that read a whole text: classify, tag, fill in, answer, embed."""
