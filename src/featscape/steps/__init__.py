"""The steps of the program that work on more than one room."""
