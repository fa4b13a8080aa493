"""Finds the API server: the pod's own, else the one that KUBECONFIG names."""

import contextlib
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import yaml
from kubernetes.aio import client, config

from delivr_operator.cluster.traffic import Asked, traced

CONNECTIONS = 24
_OWN_NAMESPACE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")


class NoCluster(Exception):  # noqa: N818 - an answer for a person, not a programming error
    """Neither a pod's service account nor a kubeconfig says where the API server is."""

    unnamed = "No cluster is named: set KUBECONFIG to a kubeconfig with a current context, or run in a pod."
    unreadable = (
        "The kubeconfig that KUBECONFIG names, or the pod's account, cannot be read: kubectl config view "
        "shows whether it is YAML with a current context, and its certificates and keys must be PEM."
    )

    def __init__(self, sentence: str = unnamed) -> None:
        super().__init__(sentence)
        self.sentence = sentence


_STUMBLES = (yaml.YAMLError, OSError, LookupError, TypeError, ValueError, AttributeError)
"""All the ways in which the client stumbles over a kubeconfig; some repeat what stands in it."""


@contextlib.contextmanager
def _understood() -> Iterator[None]:
    """Turn every way in which no cluster is found into one sentence of ours."""
    try:
        yield
    except config.ConfigException:
        raise NoCluster from None
    except _STUMBLES:
        raise NoCluster(NoCluster.unreadable) from None


@contextlib.asynccontextmanager
async def connected(asked: Asked | None = None) -> AsyncIterator[client.ApiClient]:
    """Offer a client of the cluster, for as long as the block runs; `asked` is told of every question.

    Raises:
        NoCluster: nothing says where it is.
    """
    configuration = client.Configuration()
    with _understood():
        if _in_pod():
            config.load_incluster_config(client_configuration=configuration)  # type: ignore[no-untyped-call]
        else:
            await config.load_kube_config(  # type: ignore[no-untyped-call]
                config_file=os.environ.get("KUBECONFIG"),
                client_configuration=configuration,
                persist_config=False,
            )
    configuration.connection_pool_maxsize = CONNECTIONS
    if asked is not None:
        configuration.trace_configs = [traced(asked)]
    # As kopf does it: no proxy and no .netrc of the environment stands before the API server.
    configuration.client_session_kwargs = {"trust_env": False}
    with _understood():
        api = client.ApiClient(configuration)
    async with api:
        yield api


def home_namespace() -> str:
    """Return the namespace that a person means who names none, as kubectl does.

    Raises:
        NoCluster: nothing says where the cluster is.
    """
    if _in_pod():
        return _OWN_NAMESPACE.read_text().strip()
    with _understood():
        found: Any = config.list_kube_config_contexts(os.environ.get("KUBECONFIG"))  # type: ignore[no-untyped-call]
    return str(found[1]["context"].get("namespace") or "default")


def pod_server() -> str | None:
    """Return the API server's address as the kubelet tells it, without a name; None outside a pod."""
    if not _in_pod():
        return None
    host, port = os.environ["KUBERNETES_SERVICE_HOST"], os.environ.get("KUBERNETES_SERVICE_PORT", "443")
    return f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"


def _in_pod() -> bool:
    return "KUBERNETES_SERVICE_HOST" in os.environ
