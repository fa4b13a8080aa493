"""What a client needs to use a control plane, and the few things the tests ask of every one."""

from __future__ import annotations

import base64
import os
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from dev.private_file import write_private


@dataclass(frozen=True)
class ClusterAccess:
    """A running API server as seen by an administrator."""

    server: str
    kubeconfig: Path
    kubectl_program: Path
    audit_log: Path

    def kubeconfig_for(self, name: str, token: str, path: Path) -> Path:
        """The path holds a kubeconfig, readable by its owner alone, for whoever has that bearer token."""
        return write_kubeconfig(path, self.server, self.authority, name, token)

    @property
    def authority(self) -> bytes:
        """The certificates that the API server's own is signed by, in PEM."""
        administrators: dict[str, Any] = yaml.safe_load(self.kubeconfig.read_text())
        return base64.b64decode(administrators["clusters"][0]["cluster"]["certificate-authority-data"])

    def kubectl(self, *arguments: str, stdin: str | None = None, kubeconfig: Path | None = None) -> str:
        """What kubectl printed; CalledProcessError, with its words in `stderr`, when it failed."""
        used = kubeconfig or self.kubeconfig
        answer = subprocess.run(
            [str(self.kubectl_program), *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "KUBECONFIG": str(used)},
        )
        return answer.stdout

    def install(self, folder: Path, kubectl: Callable[..., str] | None = None) -> None:
        """What a folder of manifests renders to stands, less what runs: its programs run elsewhere.

        Kinds and namespaces come first, since the rest needs them.

        Args:
            folder: where its kustomization is.
            kubectl: what applies it, such as one that shows its commands.
        """
        rendered = yaml.safe_load_all(self.kubectl("kustomize", str(folder)))
        running = {"Deployment", "StatefulSet"}
        objects = [found for found in rendered if found and found["kind"] not in running]
        for first in (True, False):
            part = [o for o in objects if (o["kind"] in {"CustomResourceDefinition", "Namespace"}) is first]
            (kubectl or self.kubectl)("apply", "--server-side", "-f", "-", stdin=yaml.safe_dump_all(part))
            self.await_established()

    def await_established(self, name: str = "releasesetups.release.delivr.live") -> None:
        """The definition of a kind is in force; TimeoutError when it is not within a minute.

        `kubectl wait --for=condition=...` fails at once where the object has no conditions yet.
        """
        deadline = time.monotonic() + 60
        wanted = '-o=jsonpath={.status.conditions[?(@.type=="Established")].status}'
        while not self._says("True", "get", "crd", name, wanted):
            if time.monotonic() > deadline:
                raise TimeoutError(name)
            time.sleep(0.1)

    def _says(self, what: str, *question: str) -> bool:
        try:
            return self.kubectl(*question) == what
        except subprocess.CalledProcessError:
            return False  # a server that has just started may not know yet what kinds there are

    def service_account_token(self, namespace: str, name: str, duration: str = "1h") -> str:
        """A token of an existing service account."""
        return self.kubectl(
            "create", "token", name, "--namespace", namespace, f"--duration={duration}"
        ).strip()

    @classmethod
    def of_kubeconfig(cls, kubeconfig: Path, kubectl_program: Path, flattened: Path) -> ClusterAccess:
        """The access to any cluster that a kubeconfig names; it has no audit log to read."""
        answer = subprocess.run(
            [str(kubectl_program), "config", "view", "--raw", "--minify", "--flatten"],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "KUBECONFIG": str(kubeconfig)},
        )
        write_private(flattened, answer.stdout)
        server = yaml.safe_load(answer.stdout)["clusters"][0]["cluster"]["server"]
        return cls(str(server), flattened, kubectl_program, flattened.with_name("audit.log"))

    def as_record(self) -> dict[str, str]:
        """The access as plain strings, for another process."""
        return {name: str(value) for name, value in vars(self).items()}

    @classmethod
    def from_record(cls, record: dict[str, str]) -> ClusterAccess:
        """The access that `as_record` wrote."""
        return cls(
            record["server"],
            Path(record["kubeconfig"]),
            Path(record["kubectl_program"]),
            Path(record["audit_log"]),
        )


def write_kubeconfig(path: Path, server: str, authority: bytes, user: str, token: str) -> Path:
    """The path holds a kubeconfig that needs no other file, readable by its owner alone."""
    cluster = {"server": server, "certificate-authority-data": base64.b64encode(authority).decode()}
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "delivr-dev", "cluster": cluster}],
        "users": [{"name": user, "user": {"token": token}}],
        "contexts": [{"name": "delivr-dev", "context": {"cluster": "delivr-dev", "user": user}}],
        "current-context": "delivr-dev",
    }
    write_private(path, yaml.safe_dump(content))
    return path
