"""Find close classes, classes of two parts and typical images."""
