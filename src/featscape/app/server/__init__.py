"""The HTTP server of `featscape serve`."""
