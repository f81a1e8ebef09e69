"""A tracking server that may be away: what a failure of it means, how long to wait, and what to say.

MLflow's own retries are turned off (see the package): they wait in silence, hide what the server
answered, and would hold up whoever writes.
"""

from __future__ import annotations

import functools
import logging
import os
import re
import threading
import time
from collections.abc import Callable
from enum import Enum
from typing import Any, TypeVar, cast

import requests
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from pipeline.errors import TrackingError

log = logging.getLogger(__name__)

Answer = TypeVar("Answer")


class Trouble(Enum):
    away = "away"  # no answer, or one that tells of a fault that may pass
    forbidden = "forbidden"  # the credentials; a person can mend that, and then it may work
    refused = "refused"  # an answer, and asking again will not change it


class ServerAway(TrackingError):
    """A call that may work later: the server is away, or does not take the credentials."""

    def __init__(self, message: str, trouble: Trouble) -> None:
        super().__init__(message)
        self.trouble = trouble


def trouble_of(error: BaseException) -> Trouble:
    """What a failed call means for trying again. What nobody foresaw may pass, so it counts as away."""
    status = 500
    if isinstance(error, MlflowException):
        status = error.get_http_status_code()
    elif isinstance(error, requests.RequestException):
        status = error.response.status_code if error.response is not None else status
    elif isinstance(error, LookupError | TypeError | ValueError | FileNotFoundError):
        return Trouble.refused  # what was to be sent cannot be read
    if status in (401, 403):
        return Trouble.forbidden
    code = getattr(error, "error_code", "")
    # A 404 that does not speak of a run or experiment is a proxy whose server is away; and a bad request
    # is what MLflow calls most errors of its database.
    passing = status >= 500 or status in (408, 429) or code == "BAD_REQUEST"
    passing = passing or (status == 404 and code != "RESOURCE_DOES_NOT_EXIST")
    return Trouble.away if passing else Trouble.refused


class Server:
    """Whether the server is there. Says so in a line when it goes, and in one when it is back.

    patience: seconds to wait for it, `pause`: between two tries. Who has waited in vain does not wait
    again until it was back: `waits` is 0 then.
    """

    def __init__(self, shown_uri: str, patience: float, pause: float = 3.0) -> None:
        self.shown_uri = shown_uri
        self.patience = patience
        self.pause = pause
        self.trouble: Trouble | None = None
        self._said: Trouble | None = None
        self._gave_up = False
        self._saying = threading.Lock()

    @property
    def waits(self) -> float:
        return 0.0 if self._gave_up else self.patience

    def give_up(self) -> None:
        self._gave_up = True

    def attempt(self, call: Callable[[], Answer]) -> Answer:
        """One call.

        Raises:
          ServerAway: it may work later. Whatever else the call raises, it will not.
        """
        try:
            answer = self._call(call)
        except Exception as error:
            trouble = trouble_of(error)
            if trouble is Trouble.refused:
                self._note_answer()
                raise
            self.trouble = trouble
            raise ServerAway(self._message(error, trouble), trouble) from error
        self._note_answer()
        return answer

    def insist(self, call: Callable[[], Answer]) -> Answer:
        """The same, again and again while the server is away and patience lasts.

        Raises:
          TrackingError: it lasted no longer, or the credentials are not taken.
        """
        waits = self.waits
        until = time.monotonic() + waits
        while True:
            try:
                return self.attempt(call)
            except ServerAway as away:
                if away.trouble is Trouble.forbidden or time.monotonic() >= until:
                    self.give_up()
                    raise TrackingError(str(away)) from away.__cause__
                self.say(away, f"waiting for it, {waits:.0f} seconds at most")
            time.sleep(self.pause)

    def say(self, away: ServerAway, meanwhile: str) -> None:
        """Says once that the server is away, and what happens meanwhile."""
        with self._saying:
            known, self._said = self._said, away.trouble
        if known is not away.trouble:
            line = str(away)
            log.warning("%s", f"{line[0].upper()}{line[1:]}; {meanwhile}")

    def _call(self, call: Callable[[], Answer]) -> Answer:
        try:
            return call()
        except Exception as error:
            # A kept connection that the server has closed fails once; that is not being away.
            if self.trouble is not None or trouble_of(error) is not Trouble.away:
                raise
        return call()

    def _note_answer(self) -> None:
        self.trouble, self._gave_up = None, False
        with self._saying:
            known, self._said = self._said, None
        if known is not None:
            log.warning("The tracking server %s is back", self.shown_uri)

    def _message(self, error: Exception, trouble: Trouble) -> str:
        if trouble is Trouble.forbidden:
            return (
                f"the tracking server {self.shown_uri} does not take the credentials "
                f"({reason_of(error)}): set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or "
                "MLFLOW_TRACKING_TOKEN, in the environment"
            )
        return f"the tracking server {self.shown_uri} does not answer: {reason_of(error)}"


class _WaitingClient:
    """MLflow's client, whose every call waits for a server that is away."""

    def __init__(self, client: MlflowClient, server: Server) -> None:
        self._client = client
        self._server = server

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._client, name)
        if not callable(method):
            return method

        def insist(*args: Any, **kwargs: Any) -> Any:
            return self._server.insist(functools.partial(method, *args, **kwargs))

        return insist


def waiting_client(client: MlflowClient, server: Server) -> MlflowClient:
    """The client, whose every call waits for a server that is away; it then raises `TrackingError`."""
    return cast(MlflowClient, _WaitingClient(client, server))


def reason_of(error: BaseException) -> str:
    """Why a call failed, in a line without credentials."""
    text = " ".join(str(error).split())
    # Of a failed connection, what the system said of it and not the objects it went through.
    system = re.search(r"\[Errno -?\d+\] ([^'\")]+)|(?:Read|Connect)TimeoutError", text)
    if system:
        text = system[1] or "no answer in time"
    return without_credentials(text)[:300] or type(error).__name__


_SECRETS = ("MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN")


def without_credentials(text: str) -> str:
    """`text` without a user and password in an address, nor a secret of the environment: a header
    that cannot be sent is quoted in the error about it.
    """
    for name in _SECRETS:
        secret = os.environ.get(name, "").strip()
        if secret:
            text = text.replace(secret, "***")
    return re.sub(r"://\S*@", "://", text)
