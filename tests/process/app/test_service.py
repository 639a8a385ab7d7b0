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

from featscape.app.server.service import find_own_address

RUN = "from featscape.cli import main; main()"
SERVE = (
    "import sys; from featscape.app import serve; "
    "serve(sys.argv[2], port=0, open_browser=False, note=lambda line: print(line, flush=True)); "
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


def test_importing_serve_loads_no_server_library():
    code = "import sys, featscape, featscape.cli; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"fastapi", "uvicorn", "pydantic"} & set(done.stdout.split())


def test_the_own_address_is_an_address_of_this_machine():
    found = find_own_address()  # None without a network
    if found is not None:
        with socket.socket() as listening:
            listening.bind((found, 0))
