"""Published models: what lies in the folder of checkpoints, by name, in memory as far as it is used."""
