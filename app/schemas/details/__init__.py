"""Parts of answers with a structure of their own: explanations, cards, and items of streams."""
