"""The commands of `nextword`, one a file; each is loaded when it is called for."""
