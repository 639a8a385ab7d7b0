"""Files from strangers: opened without following links, checked before they are read."""
