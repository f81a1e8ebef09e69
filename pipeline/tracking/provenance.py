"""Say where a run comes from: commit, packages, platform, and what MLflow shows as its source."""

from __future__ import annotations

import contextlib
import getpass
import platform
import subprocess
from functools import cache
from importlib.metadata import version

from pipeline.config.programs import as_started
from pipeline.config.schema import CODE, IN_CLONE


@cache
def provenance() -> dict[str, str]:
    """Return tags that name the commit of the code, the versions of its packages and the platform."""

    def git(*arguments: str) -> str:
        if not IN_CLONE:  # the environment may be inside an unrelated repository
            return "unknown"
        command = ["git", "-C", str(CODE), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return done.stdout.strip() if done.returncode == 0 else "unknown"

    try:
        commit, changed = git("rev-parse", "HEAD"), git("status", "--porcelain")
    except OSError:  # git is not installed
        commit = changed = "unknown"
    packages = ", ".join(f"{name} {version(name)}" for name in ("tensorflow", "keras", "mlflow"))
    shown = {"mlflow.source.name": as_started("python -m experiments.compare")}
    if commit != "unknown":
        shown["mlflow.source.git.commit"] = commit
    with contextlib.suppress(OSError, KeyError):  # a user without a name, as in some containers
        shown["mlflow.user"] = getpass.getuser()
    return shown | {
        "mlflow.source.type": "LOCAL",
        "git_commit": commit,
        "git_dirty": changed if changed == "unknown" else str(bool(changed)).lower(),
        "versions": f"python {platform.python_version()}, {packages}",
        "platform": platform.platform(),
    }
