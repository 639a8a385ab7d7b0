"""Work in threads, with one thread of BLAS each."""

import pytest

from featscape.threads import map_parts


def test_an_error_in_a_thread_is_raised():
    def fail(part):
        if part == 2:
            raise ValueError(part)

    with pytest.raises(ValueError, match="2"):
        map_parts(fail, range(4), n_threads=2)
