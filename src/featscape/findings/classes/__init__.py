"""Find close classes, classes of separate parts and typical images."""
