"""Count, sort and color the classes of labels."""
