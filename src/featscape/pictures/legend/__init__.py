"""The legend of a map: the rows of the classes, or the color bar of numbers and dates."""
