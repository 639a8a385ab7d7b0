"""Run featscape on damaged and hostile input: see docs/explanation/robustness.md."""
