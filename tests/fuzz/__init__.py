"""Run featscape on damaged and hostile input and check the rules of docs/robustness.md."""
