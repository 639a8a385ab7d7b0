"""Collections: the images that a program holds, instead of files."""
