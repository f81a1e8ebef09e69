"""Debian's Firefox for tests, driven through Marionette: without a network, and without a window.

Marionette: https://firefox-source-docs.mozilla.org/testing/marionette/Protocol.html
"""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import pytest

PATIENCE = 600  # seconds: how slow a machine is says nothing about a page
_PREFERENCES = {
    "marionette.port": 0,  # any that is free
    "network.proxy.type": 1,  # a proxy that is not there, so that nothing is loaded
    "network.proxy.http": "127.0.0.1",
    "network.proxy.http_port": 9,
    "network.proxy.ssl": "127.0.0.1",
    "network.proxy.ssl_port": 9,
    "network.proxy.no_proxies_on": "",
    "app.update.enabled": False,
    "browser.shell.checkDefaultBrowser": False,
    "datareporting.policy.dataSubmissionEnabled": False,
}
# What went wrong in a page; messages of the browser about itself are not its.
_ERRORS = """return Services.console.getMessageArray()
  .filter(one => one instanceof Ci.nsIScriptError && one.sourceName.startsWith("file:"))
  .map(one => one.errorMessage);"""


@dataclass
class Firefox:
    """A running Firefox with one window."""

    connection: socket.socket
    numbers: Iterator[int] = field(default_factory=count)

    def ask(self, command: str, **parameters: Any) -> Any:
        text = json.dumps([0, next(self.numbers), command, parameters])
        self.connection.sendall(f"{len(text.encode())}:{text}".encode())
        _, _, error, result = self.receive()
        assert error is None, f"{command}: {error}"
        return result

    def receive(self) -> Any:
        size = b""
        while not size.endswith(b":"):
            size += self._take(1)
        return json.loads(self._take(int(size[:-1])))

    def _take(self, wanted: int) -> bytes:
        taken = b""
        while len(taken) < wanted:
            part = self.connection.recv(wanted - len(taken))
            assert part, "Firefox has gone"
            taken += part
        return taken

    def run(self, script: str, *arguments: Any) -> Any:
        """Return what a script returns in the page, waiting for a promise."""
        return self.ask("WebDriver:ExecuteScript", script=script, args=list(arguments))["value"]

    def wait_for(self, condition: str) -> None:
        """Wait until an expression is true in the page."""
        until = time.monotonic() + PATIENCE
        while not self.run(f"return Boolean({condition});"):
            assert time.monotonic() < until, condition
            time.sleep(0.05)

    def complaints(self) -> list[str]:
        self.ask("Marionette:SetContext", value="chrome")
        found = self.run(_ERRORS)
        self.ask("Marionette:SetContext", value="content")
        return found


@contextmanager
def open_firefox(profile: Path) -> Iterator[Firefox]:
    """Start the system's Firefox with an empty profile; skips the test where there is none."""
    program = next(filter(None, map(shutil.which, ("firefox-esr", "firefox"))), None)
    if program is None:
        pytest.skip("Firefox is not installed (Debian: apt-get install firefox-esr)")
    lines = [f"user_pref({json.dumps(k)}, {json.dumps(v)});" for k, v in _PREFERENCES.items()]
    (profile / "user.js").write_text("\n".join(lines), encoding="utf-8")
    command = [program, "--headless", "--no-remote", "--marionette", "--remote-allow-system-access"]
    with subprocess.Popen(
        [*command, "--profile", str(profile)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            with socket.create_connection(
                ("127.0.0.1", _find_port(profile, process)), PATIENCE
            ) as opened:
                firefox = Firefox(opened)
                firefox.receive()  # it greets
                firefox.ask("WebDriver:NewSession", capabilities={})
                yield firefox
        finally:
            process.terminate()


def _find_port(profile: Path, process: subprocess.Popen[bytes]) -> int:
    file = profile / "MarionetteActivePort"
    until = time.monotonic() + PATIENCE
    while not (file.exists() and file.read_text().strip()):
        assert process.poll() is None, "Firefox did not start"
        assert time.monotonic() < until
        time.sleep(0.1)
    return int(file.read_text())
