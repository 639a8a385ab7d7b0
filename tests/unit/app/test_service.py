"""The command: a real server in a separate process, and the errors at the start."""

import http.client
import json
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request

import pytest

from featscape.app.server import service
from featscape.app.server.service import listen, serve
from featscape.errors import InputError

RUN = "from featscape.cli import main; main()"
SERVE = (
    "import sys; from featscape.app import serve; "
    "serve(sys.argv[2], port=0, open_browser=False, say=lambda line: print(line, flush=True)); "
    "print('returned', flush=True)"
)
NEVER_PLACED = """
import time
from featscape.app.placer import Placer

def never(*_):
    print("placing", flush=True)
    time.sleep(600)

Placer.place = never
"""


@pytest.fixture
def start(digits):
    """Return a function that starts featscape serve and returns the line with the address."""
    running = []

    def begin(*options, before="", code=RUN):
        process = subprocess.Popen(
            [
                sys.executable,
                "-c",
                before + code,
                "serve",
                str(digits.folder),
                "--no-browser",
                *options,
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        running.append(process)
        line = process.stdout.readline()
        address = re.search(r"http://\S+", line)
        assert address is not None, process.stderr.read()
        return process, address[0]

    yield begin
    for process in running:
        process.kill()
        process.communicate()


def read(address, **headers):
    with urllib.request.urlopen(urllib.request.Request(address, headers=headers)) as answer:
        return answer.read()


def status_of(address, **headers):
    """Return the status, and check the JSON of an error."""
    try:
        read(address, **headers)
    except urllib.error.HTTPError as error:
        return json.loads(error.read())["status"]
    return 200


class TestCommand:
    def test_serve_prints_the_address_and_stops_at_ctrl_c(self, start):
        process, address = start("--port", "0")
        assert address.startswith("http://127.0.0.1:")
        assert b'id="featscape"' in read(address)
        assert len(read(f"{address}data/positions.bin", Range="bytes=8-15")) == 8
        assert status_of(address, Host="evil.example") == 403
        assert status_of(f"{address}data/%2e%2e/run.json") == 404
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
        assert (process.returncode, out, err) == (0, "", "")

    def test_ctrl_c_does_not_wait_for_a_slow_client(self, start):
        process, address = start("--port", "0")
        port = int(address.rstrip("/").rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port)) as slow:
            slow.sendall(
                b"POST /api/place HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n"
                b"Expect: 100-continue\r\n\r\n"
            )
            assert slow.recv(100).startswith(b"HTTP/1.1 100")  # the server waits for the image
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=20)
        assert (process.returncode, out, err) == (0, "", "")

    def test_ctrl_c_does_not_wait_for_an_image_that_is_being_placed(self, start):
        process, address = start("--port", "0", before=NEVER_PLACED)
        connection = http.client.HTTPConnection(address.split("/")[2])
        connection.request("POST", "/api/place", b"an image")
        assert process.stdout.readline() == "placing\n"
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
        connection.close()
        assert (process.returncode, out, err) == (0, "", "")

    def test_serve_returns_while_an_image_is_being_placed(self, start):
        process, address = start(before=NEVER_PLACED, code=SERVE)
        connection = http.client.HTTPConnection(address.split("/")[2])
        connection.request("POST", "/api/place", b"an image")
        assert process.stdout.readline() == "placing\n"
        process.send_signal(signal.SIGINT)
        assert process.stdout.readline() == "returned\n"
        connection.close()
        process.kill()  # the thread delays the exit
        assert process.communicate() == ("", "")

    def test_other_interfaces_need_the_token(self, start):
        _, address = start("--port", "0", "--host", "0.0.0.0")
        port, token = re.fullmatch(r"http://[^/]+:(\d+)/\?token=(\S+)", address).groups()
        local = f"http://127.0.0.1:{port}/"
        assert status_of(local) == 401
        assert status_of(f"{local}?token=wrong") == 401
        assert status_of(f"{local}?token={token}") == 200
        cookie = f"featscape-{port}={token}"
        assert status_of(f"{local}data/manifest.json", Cookie=cookie) == 200

    def test_simultaneous_requests_are_answered(self, start):
        _, address = start("--port", "0")
        expected = read(f"{address}api/items/5/neighbors")
        answers = []

        def ask():
            answers.extend(read(f"{address}api/items/5/neighbors") for _ in range(10))

        threads = [threading.Thread(target=ask) for _ in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert answers == [expected] * 200

    def test_a_response_is_sent_without_delay(self, start):
        _, address = start("--port", "0")
        connection = http.client.HTTPConnection(address.split("/")[2])
        times = []
        for _ in range(30):
            began = time.perf_counter()
            connection.request("GET", "/api/items/5/neighbors")
            connection.getresponse().read()
            times.append(time.perf_counter() - began)
        connection.close()
        assert min(times) < 0.02  # 0.04 at least without TCP_NODELAY

    def test_a_map_of_someone_else(self, copied, change_run, monkeypatch):
        monkeypatch.setattr("uvicorn.Server.run", lambda *_, **__: None)
        change_run(copied.folder, seal="0" * 64)
        said = []
        serve(copied.folder, port=0, open_browser=False, say=said.append)
        assert "you did not make this map on this computer" in said[0]
        assert "--originals" in said[0]
        said.clear()
        serve(copied.folder, port=0, open_browser=False, originals=copied.source, say=said.append)
        assert [line.split()[0] for line in said] == ["Serving"]

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
        said = []
        serve(digits.folder, port=0, say=said.append)
        assert opened == [re.search(r"http://\S+", said[0])[0]]

    def test_no_browser_opens_if_switched_off(self, opened, digits):
        serve(digits.folder, port=0, open_browser=False, say=str)
        assert opened == []

    def test_no_browser_opens_with_a_token(self, opened, digits):
        serve(digits.folder, host="0.0.0.0", port=0, say=str)
        assert opened == []


def test_importing_serve_loads_no_server_library():
    code = "import sys, featscape, featscape.cli; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"fastapi", "uvicorn", "pydantic"} & set(done.stdout.split())
