"""A real Kubernetes API server with its etcd, on loopback, with everything it keeps in one folder."""

from __future__ import annotations

import secrets
import ssl
import subprocess
import urllib.error
import urllib.request
from collections.abc import Sequence
from http import HTTPStatus
from pathlib import Path
from types import TracebackType

import yaml

from dev.access import ClusterAccess, write_kubeconfig
from dev.binaries import Binaries, binaries
from dev.certificates import Pki, write_pki
from dev.ports import LOOPBACK, free_ports
from dev.process import AddressInUseError, Identity, spawn, stop, wait_until

START_SECONDS = 90.0
TRIES = 5
AUDIT_POLICY = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [{"level": "Metadata"}],
}


class ControlPlane:
    """etcd and kube-apiserver, and kube-controller-manager when asked for.

    A stopped one can be started again: the data, the port and every kubeconfig stay good.
    """

    def __init__(
        self,
        directory: Path,
        *,
        controller_manager: bool = False,
        api_server_arguments: Sequence[str] = (),
        dies_with_parent: bool = False,
    ) -> None:
        self.directory = directory.absolute()
        self._controller_manager = controller_manager
        self._api_server_arguments = tuple(api_server_arguments)
        self._dies_with_parent = dies_with_parent
        self._api_server_port: int | None = None
        self.etcd_url = ""
        self.processes: dict[str, Identity] = {}

    def __enter__(self) -> ClusterAccess:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> ClusterAccess:
        """The API server answers that it is ready, and the folder holds an administrator's kubeconfig."""
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        programs = binaries(self._controller_manager)
        pki = write_pki(self.directory / "pki")
        token = self._administrator_token()
        self._write_audit_policy()
        try:
            self._start_etcd(programs)
            self.start_api_server(programs, pki)
            access = self._access(programs, pki, token)
            if programs.kube_controller_manager:
                self._start_controller_manager(programs.kube_controller_manager, pki, access)
        except BaseException:
            self.stop()
            raise
        return access

    def stop(self) -> None:
        """None of the processes is left."""
        for name in ("kube-controller-manager", "kube-apiserver", "etcd"):
            self._stop_process(name)

    def stop_api_server(self) -> None:
        """The API server is gone, etcd and its data stay."""
        self._stop_process("kube-apiserver")

    def start_api_server(self, programs: Binaries | None = None, pki: Pki | None = None) -> None:
        """The API server is ready; after a stop it is on the same port as before."""
        programs = programs or binaries(self._controller_manager)
        pki = pki or write_pki(self.directory / "pki")
        for attempt in range(TRIES):
            port = self._api_server_port or free_ports(1)[0]
            process = self._spawn("kube-apiserver", self._api_server(programs, pki, port))
            try:
                wait_until(
                    lambda port=port: _ready(port, pki.authority),  # type: ignore[misc]
                    name="kube-apiserver",
                    process=process,
                    log=self._log("kube-apiserver"),
                    deadline_seconds=START_SECONDS,
                )
            except AddressInUseError:
                if self._api_server_port or attempt + 1 == TRIES:
                    raise
                continue
            self._api_server_port = port
            return

    def _start_etcd(self, programs: Binaries) -> None:
        for attempt in range(TRIES):
            client, peer = free_ports(2)
            process = self._spawn("etcd", self._etcd(programs, client, peer))
            try:
                wait_until(
                    lambda client=client: _answers(f"http://{LOOPBACK}:{client}/readyz"),  # type: ignore[misc]
                    name="etcd",
                    process=process,
                    log=self._log("etcd"),
                    deadline_seconds=START_SECONDS,
                )
            except AddressInUseError:
                if attempt + 1 == TRIES:
                    raise
                continue
            self.etcd_url = f"http://{LOOPBACK}:{client}"
            return

    def _start_controller_manager(self, program: Path, pki: Pki, access: ClusterAccess) -> None:
        process = self._spawn(
            "kube-controller-manager",
            [
                *(program, f"--kubeconfig={self._kubeconfig}", "--leader-elect=false", "--secure-port=0"),
                *(f"--root-ca-file={pki.authority}", "--use-service-account-credentials=false"),
                f"--service-account-private-key-file={pki.service_account_key}",
                f"--cert-dir={self.directory / 'pki'}",
            ],
        )
        wait_until(
            lambda: _has_controllers(access),
            name="kube-controller-manager",
            process=process,
            log=self._log("kube-controller-manager"),
            deadline_seconds=START_SECONDS,
        )

    def _etcd(self, programs: Binaries, client: int, peer: int) -> list[str | Path]:
        client_url, peer_url = f"http://{LOOPBACK}:{client}", f"http://{LOOPBACK}:{peer}"
        return [
            *(programs.etcd, f"--data-dir={self.directory / 'etcd'}", "--unsafe-no-fsync", "--name=dev"),
            *(f"--listen-client-urls={client_url}", f"--advertise-client-urls={client_url}"),
            *(f"--listen-peer-urls={peer_url}", f"--initial-advertise-peer-urls={peer_url}"),
            *(f"--initial-cluster=dev={peer_url}", "--force-new-cluster", "--log-level=warn"),
        ]

    def _api_server(self, programs: Binaries, pki: Pki, port: int) -> list[str | Path]:
        return [
            *(programs.kube_apiserver, f"--etcd-servers={self.etcd_url}"),
            *(f"--bind-address={LOOPBACK}", f"--advertise-address={LOOPBACK}", f"--secure-port={port}"),
            # The endpoint of the service `kubernetes` may not be loopback; nothing here uses that service.
            "--endpoint-reconciler-type=none",
            *(f"--cert-dir={self.directory / 'pki'}", f"--tls-cert-file={pki.certificate}"),
            *(f"--tls-private-key-file={pki.key}", "--service-cluster-ip-range=10.96.0.0/16"),
            f"--service-account-issuer=https://{LOOPBACK}:{port}",
            f"--service-account-key-file={pki.service_account_key}",
            f"--service-account-signing-key-file={pki.service_account_key}",
            *("--authorization-mode=RBAC", f"--token-auth-file={self.directory / 'tokens.csv'}"),
            f"--audit-policy-file={self.directory / 'audit-policy.yaml'}",
            f"--audit-log-path={self._audit_log}",
            *self._api_server_arguments,
        ]

    def _access(self, programs: Binaries, pki: Pki, token: str) -> ClusterAccess:
        server = f"https://{LOOPBACK}:{self._api_server_port}"
        write_kubeconfig(self._kubeconfig, server, pki.authority.read_bytes(), "admin", token)
        return ClusterAccess(server, self._kubeconfig, programs.kubectl, self._audit_log)

    def _administrator_token(self) -> str:
        tokens = self.directory / "tokens.csv"
        if not tokens.exists():
            tokens.touch(mode=0o600)
            tokens.write_text(f'{secrets.token_hex(24)},admin,admin,"system:masters"\n')
        return tokens.read_text().partition(",")[0]

    def _write_audit_policy(self) -> None:
        (self.directory / "audit-policy.yaml").write_text(yaml.safe_dump(AUDIT_POLICY))

    def _spawn(self, name: str, arguments: Sequence[str | Path]) -> Identity:
        self.processes[name] = spawn(arguments, self._log(name), dies_with_parent=self._dies_with_parent)
        return self.processes[name]

    def _stop_process(self, name: str) -> None:
        identity = self.processes.pop(name, None)
        if identity:
            stop(identity)

    def _log(self, name: str) -> Path:
        return self.directory / f"{name}.log"

    @property
    def _kubeconfig(self) -> Path:
        return self.directory / "kubeconfig"

    @property
    def _audit_log(self) -> Path:
        return self.directory / "audit.log"


def _ready(port: int, authority: Path) -> bool:
    return _answers(f"https://{LOOPBACK}:{port}/readyz", ssl.create_default_context(cafile=authority))


def _has_controllers(access: ClusterAccess) -> bool:
    # Nobody but a controller makes this account.
    try:
        access.kubectl("get", "serviceaccount", "default", "--namespace", "default")
    except subprocess.CalledProcessError:
        return False
    return True


def _answers(url: str, context: ssl.SSLContext | None = None) -> bool:
    # A proxy of the environment must not stand between this machine and its own loopback.
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)
    )
    try:
        with opener.open(url, timeout=2) as answer:
            return bool(answer.status == HTTPStatus.OK)
    except (urllib.error.URLError, OSError):
        return False
