"""The optimization: initial positions, schedule of the phases, and the loop over a gradient."""
