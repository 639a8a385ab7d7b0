"""The layers of a network, and how the output of a layer becomes a row of features."""
