"""Calls to a tracking server that may be unavailable: error classification, retries and warnings.

MLflow's own retries are turned off (see the package): they wait silently, hide the server's answer and
would block the caller.
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


class ServerProblem(Enum):
    """Name the reason why a call failed."""

    unavailable = "unavailable"  # no answer, or a transient error
    unauthorized = "unauthorized"  # the credentials; works once the user corrects them
    rejected = "rejected"  # a final answer: retrying is useless


class ServerUnavailable(TrackingError):
    """Report a call that may succeed later: no answer, or credentials that were not accepted."""

    def __init__(self, message: str, problem: ServerProblem) -> None:
        super().__init__(message)
        self.problem = problem


def classify_error(error: BaseException) -> ServerProblem:
    """Return whether a failed call is worth retrying. Unknown errors count as transient."""
    status = 500
    if isinstance(error, MlflowException):
        status = error.get_http_status_code()
    elif isinstance(error, requests.RequestException):
        status = error.response.status_code if error.response is not None else status
    elif isinstance(error, LookupError | TypeError | ValueError | FileNotFoundError):
        return ServerProblem.rejected  # the data to send cannot be read
    if status in (401, 403):
        return ServerProblem.unauthorized
    code = getattr(error, "error_code", "")
    # A 404 that does not name a run or experiment comes from a proxy whose server is down, and MLflow
    # reports most database errors as BAD_REQUEST.
    transient = status >= 500 or status in (408, 429) or code == "BAD_REQUEST"
    transient = transient or (status == 404 and code != "RESOURCE_DOES_NOT_EXIST")
    return ServerProblem.unavailable if transient else ServerProblem.rejected


class Server:
    """Track whether the server answers, and warn once when it goes away and once when it is back.

    patience: seconds to wait for an answer; pause: seconds between two tries. After one timeout
    nobody waits again until the server has answered: `wait_seconds` is then 0.
    """

    def __init__(self, shown_uri: str, patience: float, pause: float = 3.0) -> None:
        self.shown_uri = shown_uri
        self.patience = patience
        self.pause = pause
        self.problem: ServerProblem | None = None
        self._reported: ServerProblem | None = None
        self._gave_up = False
        self._reporting = threading.Lock()

    @property
    def wait_seconds(self) -> float:
        """Return how long a call may wait for the server."""
        return 0.0 if self._gave_up else self.patience

    def give_up(self) -> None:
        self._gave_up = True

    def call_once(self, call: Callable[[], Answer]) -> Answer:
        """Return the result of `call`.

        Raises:
          ServerUnavailable: the call may succeed later. Other errors of `call` are final.
        """
        try:
            answer = self._call(call)
        except Exception as error:
            problem = classify_error(error)
            if problem is ServerProblem.rejected:
                self._record_answer()
                raise
            self.problem = problem
            raise ServerUnavailable(self._message(error, problem), problem) from error
        self._record_answer()
        return answer

    def call_with_retries(self, call: Callable[[], Answer]) -> Answer:
        """Return the result of `call`, retrying while the server is unavailable.

        Raises:
          TrackingError: `wait_seconds` have passed, or the credentials were not accepted.
        """
        wait_seconds = self.wait_seconds
        until = time.monotonic() + wait_seconds
        while True:
            try:
                return self.call_once(call)
            except ServerUnavailable as error:
                if error.problem is ServerProblem.unauthorized or time.monotonic() >= until:
                    self.give_up()
                    raise TrackingError(str(error)) from error.__cause__
                self.warn_once(error, f"retrying for up to {wait_seconds:.0f} seconds")
            time.sleep(self.pause)

    def warn_once(self, error: ServerUnavailable, meanwhile: str) -> None:
        """Warn that the server is unavailable, and say what happens meanwhile."""
        with self._reporting:
            known, self._reported = self._reported, error.problem
        if known is not error.problem:
            line = str(error)
            log.warning("%s", f"{line[0].upper()}{line[1:]}; {meanwhile}")

    def _call(self, call: Callable[[], Answer]) -> Answer:
        try:
            return call()
        except Exception as error:
            # A kept-alive connection that the server has closed fails once: try again at once.
            if self.problem is not None or classify_error(error) is not ServerProblem.unavailable:
                raise
        return call()

    def _record_answer(self) -> None:
        self.problem, self._gave_up = None, False
        with self._reporting:
            known, self._reported = self._reported, None
        if known is not None:
            log.warning("The tracking server %s is back", self.shown_uri)

    def _message(self, error: Exception, problem: ServerProblem) -> str:
        if problem is ServerProblem.unauthorized:
            return (
                f"the tracking server {self.shown_uri} does not accept the credentials "
                f"({reason_of(error)}): set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or "
                "MLFLOW_TRACKING_TOKEN, in the environment"
            )
        return f"the tracking server {self.shown_uri} does not answer: {reason_of(error)}"


class _RetryingClient:
    """Wrap MLflow's client so that every call retries while the server is unavailable."""

    def __init__(self, client: MlflowClient, server: Server) -> None:
        self._client = client
        self._server = server

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._client, name)
        if not callable(method):
            return method

        def retry(*args: Any, **kwargs: Any) -> Any:
            return self._server.call_with_retries(functools.partial(method, *args, **kwargs))

        return retry


def retrying_client(client: MlflowClient, server: Server) -> MlflowClient:
    """Return `client` with calls that retry while the server is unavailable.

    Raises:
      TrackingError: by each call, when the server does not answer in time.
    """
    return cast(MlflowClient, _RetryingClient(client, server))


def reason_of(error: BaseException) -> str:
    """Return the reason why a call failed, in one line without credentials."""
    text = " ".join(str(error).split())
    # For a failed connection, the system's message without the stack of wrapper objects.
    system = re.search(r"\[Errno -?\d+\] ([^'\")]+)|(?:Read|Connect)TimeoutError", text)
    if system:
        text = system[1] or "no answer in time"
    return without_credentials(text)[:300] or type(error).__name__


_SECRETS = ("MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN")


def without_credentials(text: str) -> str:
    """Return `text` without credentials in addresses and without secrets from the environment.

    The secrets matter because an error about an invalid header quotes the header.
    """
    for name in _SECRETS:
        secret = os.environ.get(name, "").strip()
        if secret:
            text = text.replace(secret, "***")
    return re.sub(r"://\S*@", "://", text)
