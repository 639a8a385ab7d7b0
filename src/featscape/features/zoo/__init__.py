"""The networks: how they are found by name, built, and given their weights."""
