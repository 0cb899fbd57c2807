"""Word tokens in bulk: text is split and looked up by compiled loops."""
