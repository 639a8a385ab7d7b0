"""How the server starts, and the ways in which the server cannot start."""

import re
import socket
import time

import pytest

from featscape.app.server import service
from featscape.app.server.service import listen, serve
from featscape.errors import InputError


class TestCommand:
    def test_a_map_of_someone_else(self, copied, change_run, monkeypatch):
        monkeypatch.setattr("uvicorn.Server.run", lambda *_, **__: None)
        change_run(copied.folder, seal="0" * 64)
        printed = []
        serve(copied.folder, port=0, open_browser=False, note=printed.append)
        assert "cannot confirm that you made this map on this computer" in printed[0]
        assert "--originals" in printed[0]
        printed.clear()
        serve(
            copied.folder, port=0, open_browser=False, originals=copied.source, note=printed.append
        )
        assert [line.split()[0] for line in printed] == ["Serving"]

    def test_missing_place_of_the_originals_is_refused(self, featscape, digits):
        done = featscape("serve", digits.folder, "--originals", "/no/such/folder")
        assert done.status == 2
        assert "/no/such/folder does not. Check the path of --originals" in done.err
        assert done.err.count("\n") == 1

    def test_a_folder_that_is_not_a_map_is_refused(self, featscape, tmp_path):
        done = featscape("serve", tmp_path / "none")
        assert done.status == 2
        assert done.err.startswith("featscape: there is no map ")
        assert done.err.count("\n") == 1

    def test_a_damaged_map_is_refused(self, featscape, copied):
        (copied.folder / "bundle" / "ids.bin").write_bytes(b"")
        done = featscape("serve", copied.folder)
        assert done.status == 2
        assert "ids.bin is missing or damaged" in done.err
        assert done.err.count("\n") == 1

    def test_a_port_in_use_is_refused(self, featscape, digits):
        with socket.socket() as other:
            other.bind(("127.0.0.1", 0))
            other.listen()
            done = featscape("serve", digits.folder, "--port", other.getsockname()[1])
        assert done.status == 2
        assert "in use at 127.0.0.1. Choose another port with --port" in done.err
        assert done.err.count("\n") == 1


class TestListen:
    def test_listen_uses_the_next_free_port(self, monkeypatch):
        with socket.socket() as other:
            other.bind(("127.0.0.1", 0))
            other.listen()
            taken = other.getsockname()[1]
            monkeypatch.setattr(service, "DEFAULT_PORT", taken)
            with listen("127.0.0.1", None) as listening:
                assert taken < listening.getsockname()[1] < taken + 100
            with pytest.raises(InputError, match=f"port {taken} is in use"):
                listen("127.0.0.1", taken)

    @pytest.mark.parametrize("port", [-1, 65_536, 10**9])
    def test_invalid_ports_are_refused(self, port):
        with pytest.raises(InputError, match=f"between 0 and 65535; got {port}"):
            listen("127.0.0.1", port)

    @pytest.mark.parametrize("host", ["no.such.host.invalid", "a b", "x" * 70, "1.2.3.4.5"])
    def test_unknown_hosts_are_refused(self, host):
        with pytest.raises(InputError, match="address or a name of this machine"):
            listen(host, 0)

    def test_an_address_of_another_machine_is_refused(self):
        with pytest.raises(InputError, match=r"cannot listen at 192\.0\.2\.1"):
            listen("192.0.2.1", 0)

    def test_a_host_name_is_accepted(self):
        with listen("localhost", 0) as listening:
            assert listening.getsockname()[0] == "127.0.0.1"


class TestBrowser:
    @pytest.fixture
    def opened(self, monkeypatch):
        """Run no server, and record the addresses that the browser receives."""
        addresses = []
        monkeypatch.setattr("uvicorn.Server.run", lambda *_, **__: time.sleep(0.2))
        monkeypatch.setattr("webbrowser.open", addresses.append)
        return addresses

    def test_the_browser_opens_on_the_loopback_interface(self, opened, digits):
        printed = []
        serve(digits.folder, port=0, note=printed.append)
        assert opened == [re.search(r"http://\S+", printed[0])[0]]

    def test_no_browser_opens_if_switched_off(self, opened, digits):
        serve(digits.folder, port=0, open_browser=False, note=str)
        assert opened == []

    @pytest.mark.parametrize("own", ["10.1.2.3", None])
    def test_no_browser_opens_with_a_token(self, opened, digits, monkeypatch, own):
        monkeypatch.setattr(service, "find_own_address", lambda: own)
        printed = []
        serve(digits.folder, host="0.0.0.0", port=0, note=printed.append)
        assert opened == []
        at_name = re.search(r"http://(\S+?)(:\S+)", printed[0])
        assert at_name[1] == socket.gethostname()
        by_address = [f"If a browser does not find {at_name[1]}: http://{own}{at_name[2]}"]
        assert printed[1:] == (by_address if own else [])
