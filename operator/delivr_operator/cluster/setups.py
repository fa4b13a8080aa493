"""EDGE: one ReleaseSetup as the API server has it, for the operator and for people alike."""

from collections.abc import Mapping

from kubernetes.aio import client
from kubernetes.aio.client.exceptions import ApiException

from delivr_operator.cluster.outages import ClusterUnavailable, outages
from delivr_operator.resource import GROUP, PLURAL, VERSION, Key, ReleaseSetup

REQUEST_TIMEOUT = 15.0
NOT_FOUND = 404


async def read_setup(custom: client.CustomObjectsApi, key: Key) -> ReleaseSetup | None:
    """Return the resource as it stands, or None where there is none (or it may not be seen).

    Raises:
        ClusterUnavailable: the API server gave no answer, or does not allow the question.
    """
    with outages():
        try:
            body = await custom.get_namespaced_custom_object(
                GROUP, VERSION, key.namespace, PLURAL, key.name, _request_timeout=REQUEST_TIMEOUT
            )
        except ApiException as error:
            if error.status == NOT_FOUND:
                return None
            raise
    return parsed_setup(body)


def parsed_setup(body: object) -> ReleaseSetup:
    """Read what the API server answered with.

    Raises:
        ClusterUnavailable: it is no object at all.
    """
    if not isinstance(body, Mapping):
        raise ClusterUnavailable(None)
    return ReleaseSetup.parse(body)
