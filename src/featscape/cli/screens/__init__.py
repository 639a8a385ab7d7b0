"""What the commands print: summaries, tables and lists."""
