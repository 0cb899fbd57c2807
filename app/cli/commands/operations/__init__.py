"""Commands for whoever keeps a service running: `doctor`, `backup`, `restore`."""
