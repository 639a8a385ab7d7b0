"""Feed damaged and hostile input to featscape, and check the rules of docs/robustness.md."""
