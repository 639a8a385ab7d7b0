"""The original images of a map: reading, downloading and archiving."""
