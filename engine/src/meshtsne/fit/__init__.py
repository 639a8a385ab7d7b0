"""One fit of the estimator: checked parameters, device, stages and log."""
