"""The forces of t-SNE on the CPU: exact reference, direct sum over all pairs, and grid."""
