"""Commands that make models or files of models that are there: import, export, convert, counts, mix."""
