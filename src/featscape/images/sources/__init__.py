"""Sources: one module for each kind of source, and the registry of these kinds."""
