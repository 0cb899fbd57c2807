"""Commands that ask models which read a whole text, one file each; `texts` reads what is asked about."""
