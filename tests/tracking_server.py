"""A tracking server for tests: MLflow with users, on PostgreSQL, on loopback and in a folder."""

from __future__ import annotations

import glob
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import requests

USER, PASSWORD = "reader", "s3cret-and-long-enough"


def find_postgres() -> Path | None:
    """The folder of PostgreSQL's programs; Debian keeps them off the path."""
    known = sorted(glob.glob("/usr/lib/postgresql/*/bin"), reverse=True)
    known += [str(Path(found).parent) for found in [shutil.which("initdb")] if found]
    return next((Path(folder) for folder in known if Path(folder, "initdb").exists()), None)


class Postgres:
    """A database of its own in `folder`, which the user postgres owns where this process is root."""

    def __init__(self, programs: Path, folder: Path) -> None:
        self.port = free_port()
        owner = "postgres" if os.geteuid() == 0 else None
        if owner:
            shutil.chown(folder, owner)
        data = folder / "data"
        initdb = [programs / "initdb", "-D", data, "-U", "mlflow", "-A", "trust", "-E", "UTF8"]
        subprocess.run(initdb, user=owner, cwd=folder, check=True, stdout=subprocess.DEVNULL)
        settings = [f"port={self.port}", "listen_addresses=127.0.0.1", "fsync=off"]
        settings += [f"unix_socket_directories={folder}"]
        options = [part for setting in settings for part in ("-c", setting)]
        with (folder / "postgres.log").open("w") as log:
            self.process = subprocess.Popen(
                [programs / "postgres", "-D", data, *options],
                user=owner,
                cwd=folder,
                stdout=log,
                stderr=log,
            )
        self.uri = f"postgresql://mlflow@127.0.0.1:{self.port}/postgres"
        wait_until(self._answers)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with closing(psycopg.connect(self.uri)) as connection, connection.cursor() as cursor:
            cursor.execute(query.encode())
            return cursor.fetchall()

    def _answers(self) -> bool:
        try:
            return self.rows("SELECT 1") == [(1,)]
        except psycopg.OperationalError:
            return False

    def stop(self) -> None:
        self.process.send_signal(signal.SIGINT)
        self.process.wait(60)


class MlflowServer:
    """`mlflow server` with users, which may be killed and started again at the same address."""

    def __init__(self, database_uri: str, folder: Path) -> None:
        self.folder = folder
        self.artifacts = folder / "artifacts"
        port = free_port()
        self.uri = f"http://127.0.0.1:{port}"
        # The package asks for it to be read when it is imported, so it stands in a file.
        users = folder / "users.ini"
        users.write_text(
            "[mlflow]\ndefault_permission = READ\n"
            f"database_uri = sqlite:///{folder / 'users.db'}\nadmin_username = {USER}\n"
            "auth_cache_ttl_seconds = 600\n"  # or each request takes long to check the password
            "authorization_function = mlflow.server.auth:authenticate_request_basic_auth\n"
        )
        self.command = [sys.executable, "-m", "mlflow", "server", "--app-name", "basic-auth"]
        self.command += ["--backend-store-uri", database_uri, "--host", "127.0.0.1"]
        self.command += ["--artifacts-destination", str(self.artifacts)]
        self.command += ["--port", str(port), "--workers", "1"]
        self.environment = os.environ | {
            "MLFLOW_AUTH_CONFIG_PATH": str(users),
            "MLFLOW_AUTH_ADMIN_PASSWORD": PASSWORD,
            "MLFLOW_FLASK_SERVER_SECRET_KEY": "for the forms of its pages",
            "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
            "MLFLOW_DISABLE_TELEMETRY": "true",
        }
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def client_environment(self) -> dict[str, str]:
        """What a person sets to use it."""
        return {
            "MLFLOW_TRACKING_URI": self.uri,
            "MLFLOW_TRACKING_USERNAME": USER,
            "MLFLOW_TRACKING_PASSWORD": PASSWORD,
        }

    def start(self) -> None:
        with (self.folder / "mlflow.log").open("a") as log:
            self.process = subprocess.Popen(
                self.command,
                cwd=self.folder,
                env=self.environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        wait_until(self._answers)

    def kill(self) -> None:
        """As when the machine goes: nothing is finished, nobody is told."""
        if self.process is not None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = None

    def _answers(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, (self.folder / "mlflow.log").read_text()[-2000:]
        try:
            return requests.get(f"{self.uri}/health", timeout=5).ok
        except requests.RequestException:
            return False


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until(is_so: Callable[[], bool]) -> None:
    for _ in range(600):
        if is_so():
            return
        time.sleep(0.5)
    raise AssertionError("it did not come up")
