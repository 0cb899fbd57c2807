"""The claims that every course on language models makes, each as an experiment on a text of the user's own."""
