"""Maps that a stranger made to harm whoever opens them."""
