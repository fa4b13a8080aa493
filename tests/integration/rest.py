"""The API server as an administrator asks it from a test that asks often: no process for each question."""

import ssl
from pathlib import Path
from typing import Any

import httpx
import yaml

from dev.access import ClusterAccess

GROUP = "apis/release.delivr.live/v1"
Json = Any


class Rest:
    """The objects of one namespace."""

    def __init__(self, access: ClusterAccess, namespace: str) -> None:
        config = yaml.safe_load(Path(access.kubeconfig).read_text())
        context = ssl.create_default_context(cadata=access.authority.decode())
        token = config["users"][0]["user"]["token"]
        self._namespace = namespace
        self._http = httpx.Client(
            base_url=access.server,
            verify=context,
            headers={"Authorization": f"Bearer {token}"},
            trust_env=False,
            timeout=30,
        )

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def setup(self, name: str = "mobile-app") -> Json | None:
        """A ReleaseSetup as it stands, None where there is none."""
        answer = self._http.get(self._setups(name))
        return None if answer.status_code == httpx.codes.NOT_FOUND else answer.raise_for_status().json()

    def standing(self, name: str = "mobile-app") -> Json:
        """A ReleaseSetup that has to be there."""
        return self._http.get(self._setups(name)).raise_for_status().json()

    def create(self, setup: Json) -> Json:
        return self._http.post(self._setups(), json=setup).raise_for_status().json()

    def patch(self, change: Json, name: str = "mobile-app", *, status: bool = False) -> Json:
        """Merge a change into a ReleaseSetup."""
        where = self._setups(name) + ("/status" if status else "")
        headers = {"Content-Type": "application/merge-patch+json"}
        return self._http.patch(where, json=change, headers=headers).raise_for_status().json()

    def delete(self, name: str = "mobile-app") -> None:
        self._http.delete(self._setups(name)).raise_for_status()

    def secret(self, name: str, values: dict[str, str]) -> None:
        """A Secret holds these values and no others."""
        where = f"/api/v1/namespaces/{self._namespace}/secrets"
        body = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": values}
        answer = self._http.put(f"{where}/{name}", json=body)
        if answer.status_code == httpx.codes.NOT_FOUND:
            answer = self._http.post(where, json=body)
        answer.raise_for_status()

    def delete_secret(self, name: str) -> None:
        answer = self._http.delete(f"/api/v1/namespaces/{self._namespace}/secrets/{name}")
        if answer.status_code != httpx.codes.NOT_FOUND:
            answer.raise_for_status()

    def events(self, uid: str) -> list[tuple[str, str]]:
        """The reasons and messages of the events about one object."""
        where = f"/api/v1/namespaces/{self._namespace}/events"
        answer = self._http.get(where, params={"fieldSelector": f"involvedObject.uid={uid}"})
        return [(e["reason"], e["message"]) for e in answer.raise_for_status().json()["items"]]

    def _setups(self, name: str = "") -> str:
        return f"/{GROUP}/namespaces/{self._namespace}/releasesetups" + (f"/{name}" if name else "")
