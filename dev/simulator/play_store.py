"""The Google Play Developer API: the one listing that needs no edit."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar
from urllib.parse import unquote

from dev.simulator.exchange import Answer, Ask, json_answer
from dev.simulator.google import PLAY, ServiceAccount
from dev.simulator.google_api import GoogleApi, google_error, google_headers, no_page
from dev.simulator.state import Credential, CredentialState, Target, TargetState

PUBLISHER_SCOPE = "https://www.googleapis.com/auth/androidpublisher"
RELEASES_PATH = re.compile(r"/androidpublisher/v3/applications/([^/]+)/tracks/([^/]+)/releases")


@dataclass(kw_only=True)
class Package(Target):
    """An app of Google Play, named by its package name."""

    tracks: tuple[str, ...] = ("production", "beta", "alpha", "internal")
    released: tuple[str, ...] = ("production",)


class PlayStore(GoogleApi):
    """androidpublisher.googleapis.com, the one listing that needs no edit."""

    name = PLAY
    holder = PLAY
    setting = "PLAY_STORE_API_URL"
    scopes = frozenset({PUBLISHER_SCOPE})
    title = "Google Play Android Developer API"
    credential_type = ServiceAccount
    target_types: ClassVar[Mapping[str, type[Target]]] = MappingProxyType({"package": Package})

    def route(self, ask: Ask, account: Credential) -> Answer:
        """Answer the listing of a track's releases, and nothing else."""
        found = RELEASES_PATH.fullmatch(ask.path)
        if ask.method != "GET":
            words = "The simulator takes no writes."
            return google_error(405, "UNIMPLEMENTED", words, "httpMethodNotAllowed", None)
        if found is None:
            return no_page()
        if account.standing(ask.now) is not CredentialState.VALID:
            return _denied()
        name, track = unquote(found[1]), unquote(found[2])
        package = self.world.target(self.name, Package, name)
        if package is None or package.state is TargetState.ABSENT:
            return google_error(404, "NOT_FOUND", f"Package not found: {name}.", "applicationNotFound", None)
        if not package.seen_by(account.id) or package.state is TargetState.DISABLED:
            return _denied()
        return self._releases(package, track)

    def _releases(self, package: Package, track: str) -> Answer:
        if track not in package.tracks:
            return google_error(404, "NOT_FOUND", f"Track not found: {track}.", "notFound", None)
        if track not in package.released:
            return json_answer(200, {}, google_headers())
        one = {
            "releaseName": "1.0",
            "track": track,
            "activeArtifacts": [{"versionCode": 1}],
            "releaseLifecycleState": "RELEASE_LIFECYCLE_STATE_PUBLISHED",
        }
        return json_answer(200, {"releases": [one]}, google_headers())


def _denied() -> Answer:
    return google_error(403, "PERMISSION_DENIED", "The caller does not have permission", "forbidden", None)
