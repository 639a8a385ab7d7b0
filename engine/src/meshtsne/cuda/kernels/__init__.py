"""The Triton kernels of the GPU, and the function that starts them."""
