"""The way to the API server for kopf's watches and our own requests: one login, sessions that renew what they show."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from pathlib import Path

import aiohttp

from cbbot_operator.api_access import Access, Credentials, NoAccess
from cbbot_operator.kubeconfig import kubeconfig_files, read_kubeconfig
from cbbot_operator.kubeconfig_credentials import KubeconfigCredentials
from cbbot_operator.service_account import SERVICE_ACCOUNT, ServiceAccount, in_cluster_address

__all__ = ["find_credentials", "open_session"]

Handler = Callable[[aiohttp.ClientRequest], Awaitable[aiohttp.ClientResponse]]
Middleware = Callable[[aiohttp.ClientRequest, Handler], Awaitable[aiohttp.ClientResponse]]


def find_credentials() -> Credentials:
    """By the pod's service account, or a kubeconfig outside of a cluster.

    Raises:
        NoAccess: neither was found, or what was found cannot be read.
    """
    if (SERVICE_ACCOUNT / "token").exists():
        return ServiceAccount(SERVICE_ACCOUNT, in_cluster_address(os.environ))
    if files := kubeconfig_files(os.environ, Path.home()):
        return KubeconfigCredentials(read_kubeconfig(files))
    raise NoAccess("no way to the cluster: neither a service account's token nor a kubeconfig was found")


def open_session(
    credentials: Credentials,
    access: Access,
    *,
    timeout: aiohttp.ClientTimeout | None = None,
    middlewares: tuple[Middleware, ...] = (),
) -> aiohttp.ClientSession:
    """An HTTP session by ``access``; each of its requests shows what is valid then. Close it."""

    async def authorized(request: aiohttp.ClientRequest, handler: Handler) -> aiohttp.ClientResponse:
        shown = await _valid(credentials)
        response = await _shown(request, shown, handler)
        if response.status == 401:
            credentials.refuse(shown)
            renewed = await _valid(credentials)
            if renewed.authorization != shown.authorization:
                response.close()
                response = await _shown(request, renewed, handler)
        return response

    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(ssl=access.tls if access.tls is not None else True, limit=0),
        timeout=timeout if timeout is not None else aiohttp.ClientTimeout(total=300),
        middlewares=(*middlewares, authorized),
        proxy=access.proxy,
    )


async def _valid(credentials: Credentials) -> Access:
    try:
        return await credentials.access()
    except NoAccess as error:
        # kopf takes whatever else is raised here for the end of a watch.
        raise aiohttp.ClientConnectionError(str(error)) from error


async def _shown(request: aiohttp.ClientRequest, access: Access, handler: Handler) -> aiohttp.ClientResponse:
    request.headers.update(access.headers)
    request.server_hostname = access.server_name
    return await handler(request)
