"""A client made in an application that gunicorn loads once and forks: every worker answers and reports."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.builders.clients import ROLE, stored, until
from tests.builders.database import Database
from tests.builders.scene import Scene, a_scene

APPLICATION = """
import json, os
from urllib.parse import parse_qs
from reconciler.client import RolloutClient

rollouts = RolloutClient(os.environ["DSN"])

def application(environ, start_response):
    customer = parse_qs(environ["QUERY_STRING"])["customer"][0]
    is_on = rollouts.is_enabled("checkout", customer)
    rollouts.record_error("checkout", customer)
    body = json.dumps([is_on, os.getpid()]).encode()
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return [body]
"""


class Server:
    """The application behind gunicorn, on a socket of its own."""

    def __init__(self, folder: Path, dsn: str) -> None:
        (folder / "shop.py").write_text(APPLICATION)
        self._socket = folder / "http"
        words = ["gunicorn", "--preload", "--workers", "2", "--bind", f"unix:{self._socket}", "shop:application"]
        environment = {**os.environ, "DSN": dsn, "PYTHONPATH": str(Path(__file__).parents[3])}
        with (folder / "log").open("w") as log:
            self.process = subprocess.Popen([sys.executable, "-m", *words], cwd=folder, env=environment, stderr=log)
        until(self._answers, seconds=20)

    def ask(self, customer: str) -> tuple[bool, int]:
        """Return whether a customer has the feature, and which worker says so."""
        connection = http.client.HTTPConnection("localhost")
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.connect(str(self._socket))
        connection.request("GET", f"/?customer={customer}")
        is_on, worker = json.loads(connection.getresponse().read())
        connection.close()
        return bool(is_on), int(worker)

    def stop(self) -> int:
        """Ask it to end, and return what it answered."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=20)

    def _answers(self) -> bool:
        with socket.socket(socket.AF_UNIX) as probe:
            return probe.connect_ex(str(self._socket)) == 0


@pytest.fixture
def scene(database: Database) -> Iterator[Scene]:
    with a_scene(database) as scene:
        scene.commit({"checkout": {"tier": 1, "whitelist": ["ada"]}})
        scene.apply()
        yield scene


@pytest.fixture
def shop(scene: Scene, database: Database, tmp_path: Path) -> Iterator[Server]:
    server = Server(tmp_path, database.dsn_for(ROLE))
    yield server
    if server.process.poll() is None:
        server.process.kill()
        server.process.wait()


def test_every_worker_answers_hears_of_changes_and_stores_everything(
    shop: Server, scene: Scene, database: Database
) -> None:
    answers = [shop.ask(f"c{number}") for number in range(60)]
    workers = {worker for _, worker in answers}
    assert shop.ask("ada")[0]

    scene.roll_back("checkout")
    until(lambda: not any(shop.ask("ada")[0] for _ in range(8)))
    code = shop.stop()

    customers = Counter(customer for _, customer, event, _ in stored(database) if event == "error")
    assert (code, shop.process.pid in workers) == (0, False)
    assert all(customers[f"c{number}"] == 1 for number in range(60))
