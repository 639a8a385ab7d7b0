"""The networks of libraries, each with the library's own weights and preprocessing."""
