"""Run one fit of the estimator: check the parameters, choose the device, run and log the stages."""
