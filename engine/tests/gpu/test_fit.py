"""The fits of the GPU: cuda_fit.py runs in a subprocess."""


def test_the_fits_pass_their_tests(run_file):
    run_file("cuda_fit.py")
