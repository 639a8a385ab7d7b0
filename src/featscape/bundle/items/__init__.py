"""The files of a bundle with one entry for each item: columns, words and findings."""
