"""The layout of a map: t-SNE with featscape's records and errors."""
