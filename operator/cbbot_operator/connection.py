"""The way to the API server: who we are and whom we trust, for kopf's watches and our own requests."""

from __future__ import annotations

import ssl

import aiohttp
import kopf
import yaml

from cbbot.errors import Retryable

__all__ = ["log_in", "open_session", "watch_login"]


def log_in() -> kopf.ConnectionInfo:
    """By the pod's service account, or a kubeconfig outside of a cluster.

    Raises:
        Retryable: neither was found, or what was found cannot be read.
    """
    settings = kopf.OperatorSettings()
    try:
        connection = kopf.login_with_service_account(settings=settings) or kopf.login_with_kubeconfig(settings=settings)
    except (OSError, KeyError, TypeError, ValueError, yaml.YAMLError, kopf.LoginError) as error:
        raise Retryable(f"no way to the cluster: {type(error).__name__}: {error}") from error
    if connection is None:
        raise Retryable("no way to the cluster: neither a service account's token nor a kubeconfig was found")
    return connection


def open_session(
    connection: kopf.ConnectionInfo, timeout: aiohttp.ClientTimeout | None = None
) -> aiohttp.ClientSession:
    """An HTTP session that trusts the cluster's CA. Close it."""
    tls: ssl.SSLContext | bool = True
    if connection.server.startswith("https"):
        tls = connection.as_ssl_context()
        # Python 3.13 refuses CAs without a key usage extension, as many clusters have them; chain and
        # host name are verified all the same.
        tls.verify_flags &= ~ssl.VERIFY_X509_STRICT
    connector = aiohttp.TCPConnector(ssl=tls, limit=0)
    if timeout is None:
        return aiohttp.ClientSession(connector=connector)
    return aiohttp.ClientSession(connector=connector, timeout=timeout)


def watch_login(connection: kopf.ConnectionInfo) -> kopf.AiohttpSession:
    """The same for kopf, which closes the session itself."""
    session = open_session(connection)
    session.headers.update(connection.as_http_headers())
    return kopf.AiohttpSession(
        server=connection.server, default_namespace=connection.default_namespace, aiohttp_session=session
    )
