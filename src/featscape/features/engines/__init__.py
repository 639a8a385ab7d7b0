"""The engines that run a network: PyTorch on any device, OpenVINO on the CPU."""
