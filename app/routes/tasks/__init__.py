"""Routes of tasks on whole texts: classify, tag, fill in, answer, embed."""
