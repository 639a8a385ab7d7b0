"""Storage: read and list files on a local disk or at an address."""
