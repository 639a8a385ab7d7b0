"""The neighbors and affinities of the GPU: cuda_search.py runs in a subprocess."""


def test_the_neighbors_and_affinities_pass_their_tests(run_file):
    run_file("cuda_search.py")
