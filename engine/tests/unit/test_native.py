"""The check that the native module and the Python code are of one version."""

import pytest

from meshtsne.errors import InstallationError
from meshtsne.native import check_interface


def test_a_module_of_another_version_is_refused(tmp_path):
    stub = tmp_path / "_native.pyi"
    check_interface("of a wheel without the stub", stub)
    stub.write_text("INTERFACE: str\n")
    with pytest.raises(InstallationError, match=r"another version\. .* run make install") as error:
        check_interface("", stub)  # a module without the hash
    assert error.value.name == "meshtsne._native"  # featscape prints the line
