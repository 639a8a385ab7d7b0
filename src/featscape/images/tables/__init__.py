"""Tables: read the files that describe images row by row, and infer the types of their columns."""
