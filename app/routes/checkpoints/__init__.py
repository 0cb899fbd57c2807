"""Routes that hand out a published model: its files, and exports for other programs."""
