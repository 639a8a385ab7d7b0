"""Labels: classes, their order and their colors."""
