"""Find duplicates: equal files, equal pixels and edited copies."""
