"""Credentials from a program that a kubeconfig names, as the clouds' clusters have them.

https://kubernetes.io/docs/reference/access-authn-authz/authentication/#client-go-credential-plugins
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, BinaryIO

from cbbot_operator.api_access import NoAccess
from cbbot_operator.kubeconfig import KubeconfigPart

__all__ = ["PluginCredential", "run_plugin"]

_SECONDS = 60.0
_MOST_BYTES = 1_000_000
_EXTENSION = "client.authentication.k8s.io/exec"


@dataclass(frozen=True, slots=True)
class PluginCredential:
    """A token, or a certificate with its key, and until when it is good; None when it does not say."""

    token: str
    certificate: str
    key: str
    expires: datetime | None


async def run_plugin(user: KubeconfigPart, cluster: KubeconfigPart, seconds: float = _SECONDS) -> PluginCredential:
    """Run the program of ``user``'s field ``exec``. It has nobody to ask, and is ended when it takes longer.

    Raises:
        NoAccess: it is not there, failed, took too long or said nothing that can be used.
    """
    spec = user.fields["exec"]
    try:
        command, version = str(spec["command"]), str(spec["apiVersion"])
        arguments = [str(argument) for argument in spec.get("args") or ()]
        variables = {str(item["name"]): str(item["value"]) for item in spec.get("env") or ()}
    except (KeyError, TypeError, AttributeError) as error:
        raise NoAccess(f"{user.what}: exec cannot be read: {error!r}") from error
    if spec.get("interactiveMode") == "Always":
        raise NoAccess(f"{user.what}: {command} wants to ask a person (interactiveMode Always), and nobody is there")
    program = str(user.folder / command) if "/" in command else shutil.which(command)
    if program is None:
        raise NoAccess(f"{user.what}: {command} is not installed. {spec.get('installHint') or ''}".rstrip())
    question = _question(version, cluster if spec.get("provideClusterInfo") else None)
    environment = {**os.environ, **variables, "KUBERNETES_EXEC_INFO": json.dumps(question)}
    said = await _output(program, arguments, environment, seconds)
    return _credential(command, version, said)


def _question(version: str, cluster: KubeconfigPart | None) -> dict[str, Any]:
    asked: dict[str, Any] = {"interactive": False}
    if cluster is not None:
        fields = ("server", "tls-server-name", "insecure-skip-tls-verify", "certificate-authority-data", "proxy-url")
        asked["cluster"] = {field: cluster.fields[field] for field in fields if field in cluster.fields}
        if (authority := cluster.path("certificate-authority")) is not None:
            asked["cluster"]["certificate-authority"] = str(authority)
        for extension in cluster.fields.get("extensions") or ():
            if extension.get("name") == _EXTENSION:
                asked["cluster"]["config"] = extension.get("extension")
    return {"apiVersion": version, "kind": "ExecCredential", "spec": asked}


async def _output(program: str, arguments: list[str], environment: Mapping[str, str], seconds: float) -> bytes:
    # Files, not pipes: what the program leaves running may keep a pipe open for ever.
    with tempfile.TemporaryFile() as said, tempfile.TemporaryFile() as complaint:
        try:
            process = await asyncio.create_subprocess_exec(
                program,
                *arguments,
                env=environment,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=said,
                stderr=complaint,
                start_new_session=True,
            )
        except OSError as error:
            raise NoAccess(f"{program} cannot be started: {error.strerror or error}") from error
        try:
            async with asyncio.timeout(seconds):
                code = await process.wait()
        except TimeoutError as error:
            raise NoAccess(f"{program} gave no credentials in {seconds:.0f} s") from error
        finally:
            if process.returncode is None:
                os.killpg(process.pid, signal.SIGKILL)
                await process.wait()
        if code != 0:
            raise NoAccess(f"{program} ended with {code}: {_head(complaint, 500).decode(errors='replace').strip()}")
        return _head(said, _MOST_BYTES)


def _head(file: BinaryIO, size: int) -> bytes:
    file.seek(0)
    return file.read(size)


def _credential(command: str, version: str, said: bytes) -> PluginCredential:
    try:
        answer = json.loads(said)
        status = answer["status"]
        found = PluginCredential(
            token=str(status.get("token") or ""),
            certificate=str(status.get("clientCertificateData") or ""),
            key=str(status.get("clientKeyData") or ""),
            expires=datetime.fromisoformat(text) if (text := status.get("expirationTimestamp")) else None,
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise NoAccess(f"{command} did not answer with an ExecCredential: {error!r}") from error
    if answer.get("apiVersion") != version:
        raise NoAccess(f"{command} speaks {answer.get('apiVersion')}, and the kubeconfig wants {version}")
    if not found.token and not (found.certificate and found.key):
        raise NoAccess(f"{command} gave neither a token nor a certificate with its key")
    if found.expires is not None and found.expires.tzinfo is None:
        raise NoAccess(f"{command} gave an expirationTimestamp without a time zone")
    return found
