"""Slack's Web API: who a bot token is, and the channels that it sees. Nearly every answer is HTTP 200."""

import base64
import binascii
import secrets
import string
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import ClassVar

from dev.simulator.exchange import Answer, Ask, Json, json_answer
from dev.simulator.provider import Provider, bearer
from dev.simulator.state import Credential, CredentialState, Target, TargetState

LARGEST_PAGE = 1000
READS = ("auth.test", "conversations.info", "conversations.list", "api.test")
WRITES = ("chat.postMessage", "conversations.join", "conversations.create", "files.upload")
KIND_SCOPES = MappingProxyType(
    {
        "public_channel": "channels:read",
        "private_channel": "groups:read",
        "mpim": "mpim:read",
        "im": "im:read",
    }
)
REFUSALS = MappingProxyType(
    {
        CredentialState.WRONG: "invalid_auth",
        CredentialState.EXPIRED: "token_expired",
        CredentialState.REVOKED: "token_revoked",
        CredentialState.DISABLED: "account_inactive",
        CredentialState.SSO_REQUIRED: "org_login_required",
        CredentialState.AGREEMENT_REQUIRED: "access_denied",
        CredentialState.API_DISABLED: "access_denied",
        CredentialState.LOGIN_BLOCKED: "accesslimited",
        CredentialState.MAINTENANCE: "service_unavailable",
    }
)


def slack_id(letter: str) -> str:
    """Give an id of Slack's look."""
    return letter + "".join(secrets.choice(string.ascii_uppercase + string.digits) for _ in range(10))


def _bot_token() -> str:
    tail = "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(24))
    return f"xoxb-{secrets.randbelow(10**12):012d}-{secrets.randbelow(10**13):013d}-{tail}"


@dataclass(kw_only=True)
class BotToken(Credential):
    """A bot token of one workspace."""

    token: str = field(default_factory=_bot_token)
    workspace: str = field(default_factory=lambda: slack_id("T"))
    user_id: str = field(default_factory=lambda: slack_id("U"))
    bot_id: str = field(default_factory=lambda: slack_id("B"))
    scopes: tuple[str, ...] = ("chat:write", "channels:read", "groups:read")
    largest_page: int = LARGEST_PAGE

    @property
    def lookup(self) -> str:
        """The token itself."""
        return self.token

    @property
    def secret(self) -> dict[str, str]:
        """The fields of the Secret."""
        return {"botToken": self.token}

    @property
    def granted(self) -> tuple[str, ...]:
        """The scopes that it really has: a small token may write and nothing else."""
        return ("chat:write",) if self.state is CredentialState.INSUFFICIENT_PERMISSION else self.scopes


@dataclass(kw_only=True)
class Channel(Target):
    """A channel of a workspace."""

    workspace: str
    number: str = field(default_factory=lambda: slack_id("C"))
    private: bool = False
    member: bool = True

    @property
    def group(self) -> str:
        """The workspace that it is in."""
        return self.workspace

    def shown_to(self, token: BotToken) -> bool:
        """Tell whether the bot sees it: a private channel only from inside."""
        return self.seen_by(token.id) and (self.member or not self.private)


class Slack(Provider):
    """slack.com/api, the methods that change nothing."""

    name = "SLACK"
    setting = "SLACK_API_URL"
    path = "/api"
    credential_type = BotToken
    target_types: ClassVar[Mapping[str, type[Target]]] = MappingProxyType({"channel": Channel})

    def presented(self, ask: Ask) -> str | None:
        """Give the token from the header or the form."""
        return bearer(ask) or ask.form().get("token")

    def is_write(self, ask: Ask) -> bool:
        """Everything but the known reads would change something."""
        return ask.path.removeprefix("/api/") not in READS

    def answer(self, ask: Ask) -> Answer:
        """Answer like Slack: the truth is in `ok` and `error`."""
        method = ask.path.removeprefix("/api/")
        if method not in READS + WRITES or ask.method not in ("GET", "POST"):
            return _answer({"ok": False, "error": "unknown_method", "req_method": method}, ())
        if method == "api.test":
            return _answer({"ok": True, "args": ask.parameters()}, ())
        lookup = self.presented(ask)
        if lookup is None:
            return _answer({"ok": False, "error": "not_authed"}, ())
        token = self.find(lookup)
        if not isinstance(token, BotToken):
            return _answer({"ok": False, "error": "invalid_auth"}, ())
        return self._refused(ask, token) or self._call(ask, token, method)

    def _refused(self, ask: Ask, token: BotToken) -> Answer | None:
        standing = token.standing(ask.now)
        if standing is CredentialState.RATE_LIMITED:
            headers = token.rate_limit.retry_after(ask.now)
            return json_answer(429, {"ok": False, "error": "ratelimited"}, headers)
        code = REFUSALS.get(standing) or token.error_at(ask.path)
        if code is None:
            return None
        body: dict[str, Json] = {"ok": False, "error": code}
        if code == "missing_scope":
            body |= {"needed": "channels:read", "provided": ",".join(token.granted)}
        return _answer(body, token.granted)

    def _call(self, ask: Ask, token: BotToken, method: str) -> Answer:
        if method == "auth.test":
            return _answer(_identity(token), token.granted)
        if method in WRITES:
            return _answer({"ok": False, "error": "restricted_action"}, token.granted)
        # Like Slack's, these methods read a form or a query: arguments in a JSON body are not seen.
        arguments = ask.parameters() | ask.form()
        if method == "conversations.info":
            return self._info(token, arguments.get("channel", ""))
        return self._list(token, arguments)

    def _info(self, token: BotToken, wanted: str) -> Answer:
        if not {"channels:read", "groups:read"} & set(token.granted):
            return _missing(token, "channels:read,groups:read,mpim:read,im:read")
        for channel in self.world.targets(self.name, Channel, token.workspace):
            if channel.number == wanted and channel.shown_to(token):
                kind = "private_channel" if channel.private else "public_channel"
                if KIND_SCOPES[kind] not in token.granted:
                    return _missing(token, KIND_SCOPES[kind])
                return _answer({"ok": True, "channel": _channel(channel)}, token.granted)
        return _answer({"ok": False, "error": "channel_not_found"}, token.granted)

    def _list(self, token: BotToken, arguments: dict[str, str]) -> Answer:
        kinds = [kind.strip() for kind in arguments.get("types", "public_channel").split(",")]
        if any(kind not in KIND_SCOPES for kind in kinds):
            return _answer({"ok": False, "error": "invalid_types"}, token.granted)
        lacking = [KIND_SCOPES[kind] for kind in kinds if KIND_SCOPES[kind] not in token.granted]
        if lacking:
            return _missing(token, ",".join(lacking))
        limit = arguments.get("limit", "100")
        if not limit.isdigit() or not 1 <= int(limit) <= LARGEST_PAGE:
            return _answer({"ok": False, "error": "invalid_limit"}, token.granted)
        start = _start(arguments.get("cursor", ""))
        if start is None:
            return _answer({"ok": False, "error": "invalid_cursor"}, token.granted)
        found = [
            channel
            for channel in self.world.targets(self.name, Channel, token.workspace)
            if channel.shown_to(token)
            and ("private_channel" if channel.private else "public_channel") in kinds
            and not (arguments.get("exclude_archived") in ("true", "1") and _archived(channel))
        ]
        end = start + min(int(limit), token.largest_page)
        cursor = _cursor(end) if end < len(found) else ""
        return _answer(
            {
                "ok": True,
                "channels": [_channel(channel) for channel in found[start:end]],
                "response_metadata": {"next_cursor": cursor},
            },
            token.granted,
        )


def _identity(token: BotToken) -> dict[str, Json]:
    body: dict[str, Json] = {
        "ok": True,
        "url": f"https://{token.workspace.lower()}.slack.com/",
        "team": token.workspace,
        "user": "release-bot",
        "team_id": token.workspace,
        "user_id": token.user_id,
        "bot_id": token.bot_id,
        "is_enterprise_install": False,
    }
    return body


def _archived(channel: Channel) -> bool:
    return channel.state in (TargetState.ARCHIVED, TargetState.DISABLED)


def _channel(channel: Channel) -> dict[str, Json]:
    return {
        "id": channel.number,
        "name": channel.name,
        "name_normalized": channel.name,
        "is_channel": not channel.private,
        "is_group": channel.private,
        "is_im": False,
        "is_mpim": False,
        "is_private": channel.private,
        "is_archived": _archived(channel),
        "is_general": False,
        "is_shared": False,
        "is_ext_shared": False,
        "is_org_shared": False,
        "is_pending_ext_shared": False,
        "pending_shared": [],
        "previous_names": [],
        "is_member": channel.member and not _archived(channel),
        "created": 1_700_000_000,
        "creator": "U0000000001",
        "unlinked": 0,
        "context_team_id": channel.workspace,
        "updated": 1_700_000_000_000,
        "num_members": 3,
        "topic": {"value": "", "creator": "", "last_set": 0},
        "purpose": {"value": "", "creator": "", "last_set": 0},
    }


def _cursor(start: int) -> str:
    return base64.b64encode(f"channel:{start}".encode()).decode()


def _start(cursor: str) -> int | None:
    if not cursor:
        return 0
    try:
        kind, _, start = base64.b64decode(cursor, validate=True).decode().partition(":")
        return int(start) if kind == "channel" else None
    except (binascii.Error, ValueError):
        return None


def _missing(token: BotToken, needed: str) -> Answer:
    body = {"ok": False, "error": "missing_scope", "needed": needed, "provided": ",".join(token.granted)}
    return _answer(body, token.granted)


def _answer(body: dict[str, Json], scopes: tuple[str, ...]) -> Answer:
    headers = {
        "Server": "Apache",
        "x-slack-req-id": secrets.token_hex(16),
        "Vary": "Accept-Encoding",
        "Cache-Control": "private, no-cache, no-store, must-revalidate",
    }
    if scopes:
        headers["x-oauth-scopes"] = ",".join(scopes)
    return json_answer(200, body, headers)
