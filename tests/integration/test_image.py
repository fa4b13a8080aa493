"""The operator's image: what its recipe promises, and that what is built from it works as it is deployed.

Runs where buildah is, as root, to mount a root file system read-only. DELIVR_TEST_IMAGE names a base image
that buildah has in its storage or can pull; without it, one is made by debootstrap, which takes minutes once.
"""

import base64
import fnmatch
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import tomllib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from dev.access import ClusterAccess
from dev.cache import locked
from dev.ports import free_ports
from tests.integration.tenancy import ROOT, Tenancy

BASE, NAME = "localhost/delivr-base", "localhost/delivr-operator:under-test"
# What needs no daemon, no namespaces and no overlay: works in a container too.
BUILDING = {"STORAGE_DRIVER": "vfs", "BUILDAH_ISOLATION": "chroot", **os.environ}
RECIPE = (ROOT / "Dockerfile").read_text()
USER = 65532
BUNDLE = Path("/etc/ssl/certs/ca-certificates.crt")
LARGEST = 320_000_000  # in all; most of it is the Kubernetes client
pytestmark = pytest.mark.timeout(900)

# The image's root file system, read-only, seen by the image's user with the image's environment alone. /run
# is the pod's own: files that the operator is given are copied there.
CONTAINER = """
set -eu
root=$1 given=$2; shift 2
mount --bind "$root" "$root"
mount -t tmpfs -o mode=0755 tmpfs "$root/run"
cp -R "$given/." "$root/run"
chmod -R a+rX "$root/run"
mount -o remount,ro "$root/run"
mount --bind /dev "$root/dev"
mount -o remount,ro,bind "$root"
exec env -i "$@"
"""


def recipe_lines(word: str) -> list[str]:
    joined = RECIPE.replace("\\\n", " ")
    return [line.partition(" ")[2].strip() for line in joined.splitlines() if line.startswith(f"{word} ")]


def test_the_base_is_pinned_and_names_no_registry() -> None:
    default = next(line for line in recipe_lines("ARG") if line.startswith("PYTHON="))
    assert re.fullmatch(r"PYTHON=python:3\.\d+-slim-[a-z]+(@sha256:[0-9a-f]{64})?", default)
    assert recipe_lines("FROM") == ["${PYTHON} AS build", "scratch"]


def test_nothing_is_installed_but_by_hash_and_nothing_is_compiled() -> None:
    installs = [
        command for line in recipe_lines("RUN") for command in line.split("&&") if " install " in command
    ]
    assert len(installs) == 3
    for command in installs:
        if "--no-index" not in command:
            assert "--require-hashes" in command
            assert "--only-binary :all:" in command


def test_the_user_is_the_one_of_the_deployment() -> None:
    deployment = yaml.safe_load((ROOT / "manifests" / "base" / "deployment.yaml").read_text())
    security = deployment["spec"]["template"]["spec"]["securityContext"]
    assert security["runAsUser"] == security["runAsGroup"] == USER
    assert recipe_lines("USER") == [f"{USER}:{USER}"]


def test_the_version_is_the_projects() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert f"VERSION={project['version']}" in recipe_lines("ARG")


def test_the_context_holds_what_is_copied_and_no_more() -> None:
    first, *others = [
        line for line in (ROOT / ".dockerignore").read_text().splitlines() if not line.startswith("#")
    ]
    allowed = {line.removeprefix("!") for line in others if line.startswith("!")}
    copied = {
        source
        for line in recipe_lines("COPY")
        if not line.startswith("--from")
        for source in shlex.split(line)[:-1]
    }
    assert first == "*"
    assert copied == allowed
    assert any(fnmatch.fnmatch("operator/delivr_operator/__pycache__", line) for line in others)


@dataclass(frozen=True)
class Image:
    """A built image and its root file system."""

    root: Path
    config: dict[str, Any]

    def command(self, *arguments: str, given: Path, **environment: str) -> list[str]:
        """The words that run a program as the Deployment would."""
        variables = [*self.config["Env"], *(f"{name}={value}" for name, value in environment.items())]
        script = ["unshare", "--mount", "sh", "-c", CONTAINER, "sh"]
        outside = [
            shutil.which("chroot") or "chroot",
            f"--userspec={USER}:{USER}",
            "--groups=",
            str(self.root),
        ]
        return [*script, str(self.root), str(given), *variables, *outside, *arguments]

    def run(self, *arguments: str, given: Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*arguments, given=given), capture_output=True, text=True, check=False
        )


def buildah(*arguments: str | Path) -> str:
    answer = subprocess.run(
        ["buildah", *map(str, arguments)], capture_output=True, text=True, check=False, cwd=ROOT, env=BUILDING
    )
    assert answer.returncode == 0, f"buildah {arguments[0]}: {answer.stdout[-1000:]}{answer.stderr[-2000:]}"
    return answer.stdout.strip()


def base_image() -> str:
    """The base that was named, or Debian's own packages, made once."""
    named = os.environ.get("DELIVR_TEST_IMAGE", "")
    if named or BASE in buildah("images", "--format", "{{.Name}}").splitlines():
        return named or BASE
    if not shutil.which("debootstrap"):
        pytest.skip("DELIVR_TEST_IMAGE names no base image, and there is no debootstrap to make one")
    subprocess.run(["sh", str(ROOT / "dev" / "base_image.sh"), BASE], check=True, env=BUILDING)
    return BASE


@pytest.fixture(scope="module")
def image(shared_directory: Path) -> Iterator[Image]:
    if not shutil.which("buildah"):
        pytest.skip("no buildah on PATH")
    if os.geteuid() != 0:
        pytest.skip("needs root to mount the image's root file system read-only")
    shared_directory.mkdir(parents=True, exist_ok=True)
    built = shared_directory / "image.built"
    with locked(shared_directory / "image.lock"):  # one worker builds, each looks
        if not built.exists():
            build()
            built.touch()
    container = buildah("from", "--pull-never", NAME)
    try:
        found = json.loads(buildah("inspect", "--type", "image", NAME))
        yield Image(Path(buildah("mount", container)), found["OCIv1"]["config"])
    finally:
        buildah("rm", container)
        rmi = ["buildah", "rmi", NAME]
        subprocess.run(rmi, check=False, capture_output=True, env=BUILDING)  # the last one to leave can


def build() -> None:
    bundle = ["--volume", f"{BUNDLE}:{BUNDLE}:ro"] if BUNDLE.exists() else []
    base = f"PYTHON={base_image()}"
    buildah("build", "--layers=false", "--build-arg", base, *bundle, "--tag", NAME, ".")


def test_it_says_what_it_is(image: Image, tmp_path: Path) -> None:
    answer = image.run("delivr-operator", "version", given=tmp_path)
    assert answer.returncode == 0, answer.stderr
    labels = image.config["Labels"]
    assert labels["org.opencontainers.image.version"] == answer.stdout.strip()
    assert labels["org.opencontainers.image.title"] == "delivr-operator"
    assert labels["org.opencontainers.image.licenses"] == "Apache-2.0"


def test_it_runs_as_nobody_and_can_write_nowhere(image: Image, tmp_path: Path) -> None:
    assert image.config["User"] == f"{USER}:{USER}"
    assert image.config["Entrypoint"] == ["delivr-operator"]
    script = "import os; print(os.getuid(), os.getgid(), os.getgroups()); open('/tmp/x', 'w')"
    answer = image.run("python3", "-c", script, given=tmp_path)
    assert answer.stdout.strip() == f"{USER} {USER} []"
    assert "Read-only file system" in answer.stderr


def test_it_holds_nothing_to_build_or_install_with(image: Image, tmp_path: Path) -> None:
    for module in ("pip", "ensurepip", "uv", "hatchling"):
        answer = image.run("python3", "-c", f"import {module}", given=tmp_path)
        assert f"No module named '{module}'" in answer.stderr
    assert not list(image.root.rglob("*.whl"))
    assert not (image.root / "build").exists()
    assert not (image.root / "root").exists()


def test_it_holds_no_shell_and_no_program_but_python(image: Image, tmp_path: Path) -> None:
    script = "import subprocess; subprocess.run('true', shell=True)"
    answer = image.run("python3", "-c", script, given=tmp_path)
    assert "FileNotFoundError: [Errno 2] No such file or directory: '/bin/sh'" in answer.stderr
    folders = [found for found in image.root.rglob("*bin") if found.is_dir() and not found.is_symlink()]
    programs = {found.name for folder in folders for found in folder.iterdir()}
    own = {found.name for found in (image.root / "opt" / "delivr-operator" / "bin").iterdir()}
    assert all(name.startswith("python3") for name in programs - own)
    assert "delivr-operator" in own
    runnable = {found for found in image.root.rglob("*") if is_program(found)} - set(
        (image.root / "opt" / "delivr-operator" / "bin").iterdir()
    )
    assert [found.name for found in runnable if not re.match(r"python3|ld-linux|lib.*\.so", found.name)] == []


def is_program(path: Path) -> bool:
    """A file that the kernel would run, for all that its mode says."""
    if path.is_symlink() or not path.is_file() or not path.stat().st_mode & 0o111:
        return False
    with path.open("rb") as content:
        start = content.read(4)
    return start[:2] == b"#!" or (start == b"\x7fELF" and ".so" not in path.name)


def test_all_bytecode_is_there_and_trusted(image: Image) -> None:
    sources = sorted(image.root.glob("opt/delivr-operator/lib/*/site-packages/delivr_operator/**/*.py"))
    assert sources
    for source in sources:
        compiled = next((source.parent / "__pycache__").glob(f"{source.stem}.*.pyc")).read_bytes()
        assert int.from_bytes(compiled[4:8], "little") == 0b01  # by hash, unchecked


def test_it_stays_small(image: Image) -> None:
    size = sum(one.stat().st_size for one in image.root.rglob("*") if one.is_file() and not one.is_symlink())
    print(f"the image holds {size / 1e6:.0f} MB")  # noqa: T201 - seen with -s
    assert 1_000_000 < size < LARGEST


def test_a_tenant_becomes_ready_by_it(image: Image, tenancy: Tenancy, tmp_path: Path) -> None:
    given, port = tmp_path / "given", free_ports(1)[0]
    write_kubeconfig(given, tenancy.access, tenancy.namespace)
    (given / "extra.crt").write_bytes(Path(tenancy.environment["EXTRA_CA_FILE"]).read_bytes())
    own = {name: value for name, value in tenancy.environment.items() if name not in {"PATH", "HOME", "LANG"}}
    command = image.command(
        *(*image.config["Entrypoint"], *image.config["Cmd"]),
        *("--namespace", tenancy.namespace, "--health-port", str(port)),
        given=given,
        **{**own, "EXTRA_CA_FILE": "/run/extra.crt", "KUBECONFIG": "/run/kubeconfig"},
    )
    with running(command, tenancy.folder / "operator.log") as stopped:
        tenancy.apply(tenancy.complete())
        tenancy.await_ready("True")
        assert stopped() == 0, tenancy.log()[-2000:]
    assert len(tenancy.integrations()) == 5


def write_kubeconfig(given: Path, access: ClusterAccess, namespace: str) -> None:
    """The folder holds what the operator needs as files: nothing may be written where it runs."""
    given.mkdir()
    token = access.service_account_token(namespace, "delivr-operator")
    path = access.kubeconfig_for("delivr-operator", token, given / "kubeconfig")
    configuration = yaml.safe_load(path.read_text())
    cluster = configuration["clusters"][0]["cluster"]
    (given / "ca.crt").write_bytes(base64.b64decode(cluster.pop("certificate-authority-data")))
    cluster["certificate-authority"] = "/run/ca.crt"
    path.write_text(yaml.safe_dump(configuration))


@contextmanager
def running(command: Sequence[str], log: Path) -> Iterator[Callable[[], int]]:
    """The command runs; what is given ends it as the kubelet would and says its exit code."""
    with log.open("ab") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output)

    def stopped() -> int:
        process.send_signal(signal.SIGTERM)
        return process.wait(20)

    try:
        yield stopped
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
