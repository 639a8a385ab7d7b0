"""The user's own networks: code that returns a module of PyTorch, and ONNX files."""
