"""Tables of labels and columns, and their pairing with the images."""
