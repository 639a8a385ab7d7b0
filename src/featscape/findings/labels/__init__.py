"""Find labels that are probably wrong, and estimate their number."""
