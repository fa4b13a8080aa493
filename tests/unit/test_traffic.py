"""Questions to the API server are told in words of a closed list, whatever their address holds."""

import pytest

from delivr_operator.cluster.traffic import described

GROUP = "/apis/release.delivr.live/v1"


@pytest.mark.parametrize(
    ("method", "path", "query", "told"),
    [
        ("GET", f"{GROUP}/releasesetups", {}, ("list", "releasesetups")),
        ("GET", f"{GROUP}/releasesetups", {"watch": "true"}, ("watch", "releasesetups")),
        ("GET", f"{GROUP}/namespaces/falcon/releasesetups", {"watch": "True"}, ("watch", "releasesetups")),
        ("GET", f"{GROUP}/namespaces/falcon/releasesetups/mobile-app", {}, ("get", "releasesetups")),
        ("PATCH", f"{GROUP}/namespaces/falcon/releasesetups/mobile-app", {}, ("patch", "releasesetups")),
        (
            *("PATCH", f"{GROUP}/namespaces/falcon/releasesetups/mobile-app/status", {}),
            ("patch", "releasesetups/status"),
        ),
        ("GET", "/api/v1/namespaces", {"limit": "500"}, ("list", "namespaces")),
        ("GET", "/api/v1/namespaces/falcon", {}, ("get", "namespaces")),
        ("GET", "/api/v1/namespaces/falcon/secrets/github", {}, ("get", "secrets")),
        ("GET", "/api/v1/secrets", {"watch": "1"}, ("watch", "secrets")),
        ("POST", "/api/v1/namespaces/falcon/events", {}, ("create", "events")),
        (
            *("PUT", "/apis/coordination.k8s.io/v1/namespaces/delivr-system/leases/delivr-operator", {}),
            ("update", "leases"),
        ),
        ("GET", "/api/v1/namespaces/falcon/c4naryZq", {}, ("other", "other")),
        ("GET", "/apis", {}, ("other", "other")),
        ("GET", "/", {}, ("other", "other")),
        ("BREW", "/api/v1/secrets", {}, ("other", "secrets")),
    ],
)
def test_a_question_is_told_by_verb_and_resource(
    method: str, path: str, query: dict[str, str], told: tuple[str, str]
) -> None:
    assert described(method, path, query) == told
