"""The gradients of the GPU: cuda_gradient.py runs in a subprocess."""


def test_the_gradients_pass_their_tests(run_file):
    run_file("cuda_gradient.py")
