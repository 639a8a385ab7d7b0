"""Find properties other than the content that predict a label."""
