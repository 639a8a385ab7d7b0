"""Describe a source and a run in words, for the screen and for the interactive map."""
