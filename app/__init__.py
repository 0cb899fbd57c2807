"""The service: a thin HTTP face, command line and worker on top of `models`."""
