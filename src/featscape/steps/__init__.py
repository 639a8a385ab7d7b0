"""The steps of the program that use several packages."""
