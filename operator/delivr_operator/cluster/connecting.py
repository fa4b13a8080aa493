"""Finds the API server: the pod's own, else the one that KUBECONFIG names."""

import contextlib
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from kubernetes.aio import client, config

from delivr_operator.cluster.traffic import Asked, traced

CONNECTIONS = 24
_OWN_NAMESPACE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")


class NoCluster(Exception):  # noqa: N818 - an answer for a person, not a programming error
    """Neither a pod's service account nor a kubeconfig says where the API server is."""

    sentence = "No cluster is named: set KUBECONFIG to a kubeconfig with a current context, or run in a pod."


@contextlib.asynccontextmanager
async def connected(asked: Asked | None = None) -> AsyncIterator[client.ApiClient]:
    """Offer a client of the cluster, for as long as the block runs; `asked` is told of every question.

    Raises:
        NoCluster: nothing says where it is.
    """
    configuration = client.Configuration()
    try:
        if _in_pod():
            config.load_incluster_config(client_configuration=configuration)  # type: ignore[no-untyped-call]
        else:
            await config.load_kube_config(  # type: ignore[no-untyped-call]
                config_file=os.environ.get("KUBECONFIG"),
                client_configuration=configuration,
                persist_config=False,
            )
    except config.ConfigException:
        raise NoCluster from None
    configuration.connection_pool_maxsize = CONNECTIONS
    if asked is not None:
        configuration.trace_configs = [traced(asked)]
    # As kopf does it: no proxy and no .netrc of the environment stands before the API server.
    configuration.client_session_kwargs = {"trust_env": False}
    async with client.ApiClient(configuration) as api:
        yield api


def home_namespace() -> str:
    """Return the namespace that a person means who names none, as kubectl does.

    Raises:
        NoCluster: nothing says where the cluster is.
    """
    if _in_pod():
        return _OWN_NAMESPACE.read_text().strip()
    try:
        found: Any = config.list_kube_config_contexts(os.environ.get("KUBECONFIG"))  # type: ignore[no-untyped-call]
    except config.ConfigException:
        raise NoCluster from None
    return str(found[1]["context"].get("namespace") or "default")


def _in_pod() -> bool:
    return "KUBERNETES_SERVICE_HOST" in os.environ
