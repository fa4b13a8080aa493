"""SLACK: the channels that are told; nearly every answer is HTTP 200, and `ok` and `error` decide."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Annotated

from pydantic import Field, SecretStr

from delivr_operator.outcome import (
    Caveat,
    Doubt,
    Expired,
    IntegrationType,
    Outcome,
    Rejected,
    Rejection,
    Verified,
)
from delivr_operator.providers.answer import doubtful
from delivr_operator.providers.exchange import (
    Body,
    Endpoints,
    Exchange,
    Headers,
    Request,
    Response,
    authority,
    read,
)
from delivr_operator.providers.provider import Provider, Secrets
from delivr_operator.providers.secret_shapes import Token
from delivr_operator.resource import Frozen

PAGE = 200
PAGES = 20
_ID = re.compile(r"[CG][A-Z0-9]{8,}")
_LONGEST_LIFE = 10 * 365 * 24 * 3600

Channel = Annotated[str, Field(pattern=r"^[^\s#A-Z\x00-\x1f]{1,80}$|^[CG][A-Z0-9]{8,20}$")]
Event = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")]


class SlackConfig(Frozen):
    """Which channels, by name or id, and what they are told of."""

    channels: Annotated[tuple[Channel, ...], Field(min_length=1, max_length=100)]
    notify_on_events: tuple[Event, ...] = ()


class BotToken(Secrets):
    """A bot token of one workspace."""

    bot_token: Token


class _Answer(Body):
    ok: bool
    error: str = ""


class _Identity(Body):
    team_id: str
    expires_in: Annotated[int, Field(ge=0, le=_LONGEST_LIFE)] | None = None


class _Channel(Body):
    id: str
    name: str = ""
    is_archived: bool = False
    is_member: bool | None = None


class _Info(Body):
    channel: _Channel


class _Cursor(Body):
    next_cursor: str = ""


class _Page(Body):
    channels: tuple[_Channel, ...]
    response_metadata: _Cursor = _Cursor()


_CODES: Mapping[str, Rejection | Doubt] = {
    "invalid_auth": Rejection.BAD_CREDENTIALS,
    "not_authed": Rejection.BAD_CREDENTIALS,
    "not_allowed_token_type": Rejection.BAD_CREDENTIALS,
    "token_revoked": Rejection.REVOKED,
    "account_inactive": Rejection.ACCOUNT_DISABLED,
    "missing_scope": Rejection.INSUFFICIENT_PERMISSION,
    "no_permission": Rejection.INSUFFICIENT_PERMISSION,
    "access_denied": Rejection.INSUFFICIENT_PERMISSION,
    "channel_not_found": Rejection.TARGET_NOT_FOUND,
    "ratelimited": Doubt.RATE_LIMITED,
    "internal_error": Doubt.UPSTREAM_ERROR,
    "fatal_error": Doubt.UPSTREAM_ERROR,
    "request_timeout": Doubt.UPSTREAM_ERROR,
    "service_unavailable": Doubt.MAINTENANCE,
    "team_added_to_org": Doubt.MAINTENANCE,
    "org_login_required": Doubt.MAINTENANCE,
    "accesslimited": Doubt.LOGIN_BLOCKED,
    "unknown_method": Doubt.PROBE_OUTDATED,
    "method_deprecated": Doubt.PROBE_OUTDATED,
    "invalid_arguments": Doubt.PROBE_OUTDATED,
}


def judge(response: Response) -> Outcome:
    """Judge any answer of the Web API."""
    if response.status != HTTPStatus.OK:
        return doubtful(response)
    said = read(response, _Answer)
    if said is None:
        return doubtful(response)
    if said.ok:
        return Verified()
    if said.error == "token_expired":
        return Expired(http_status=200, code=said.error)
    known = _CODES.get(said.error)
    if isinstance(known, Rejection):
        return Rejected(known, http_status=200, code=said.error)
    return doubtful(response) if known is None else doubtful(response, known, said.error)


@dataclass(frozen=True, slots=True)
class _Grant:
    """What the token may do; `scopes` None where Slack does not say."""

    scopes: frozenset[str] | None
    expires_at: datetime | None

    def has(self, scope: str) -> bool | None:
        return None if self.scopes is None else scope in self.scopes


def _granted(response: Response) -> _Grant:
    header = response.headers.get("x-oauth-scopes")
    scopes = None if header is None else frozenset(re.split(r"[\s,]+", header.strip()))
    found = read(response, _Identity)
    seconds = found.expires_in if found else None
    expires_at = None if seconds is None else response.received_at + timedelta(seconds=seconds)
    return _Grant(scopes, expires_at)


class _Session:
    """One probe's questions with one bot token."""

    def __init__(self, exchange: Exchange, secrets: BotToken) -> None:
        self._exchange = exchange
        self._bearer = SecretStr(f"Bearer {secrets.bot_token.get_secret_value()}")

    async def ask(self, method: str, arguments: Mapping[str, str]) -> Response:
        headers: Headers = {"Authorization": self._bearer, "Accept": "application/json"}
        url = f"{self._exchange.endpoints.slack}/{method}"
        return await self._exchange.send(Request("POST", url, headers, form=arguments))

    async def by_id(self, channel: str) -> _Channel | Outcome:
        answer = await self.ask("conversations.info", {"channel": channel})
        verdict = judge(answer)
        if not isinstance(verdict, Verified):
            return _named(verdict, channel)
        found = read(answer, _Info)
        return doubtful(answer) if found is None else found.channel

    async def by_name(self, names: frozenset[str], kinds: str) -> Mapping[str, _Channel] | Outcome:
        """Return the channels of these names; one that is still in use wins over an archived one."""
        found: dict[str, _Channel] = {}
        cursor = ""
        for _ in range(PAGES):
            paging = {"limit": str(PAGE), "types": kinds} | ({"cursor": cursor} if cursor else {})
            answer = await self.ask("conversations.list", paging)
            verdict = judge(answer)
            page = read(answer, _Page)
            if not isinstance(verdict, Verified) or page is None:
                return doubtful(answer) if isinstance(verdict, Verified) else verdict
            for channel in page.channels:
                if channel.name in names and (channel.name not in found or not channel.is_archived):
                    found[channel.name] = channel
            cursor = page.response_metadata.next_cursor
            if not cursor or {name for name, one in found.items() if not one.is_archived} == names:
                return found
        detail = "The workspace has more channels than are looked through: declare channels by their ids."
        return replace(doubtful(answer), detail=detail)


def _named(outcome: Outcome, channel: str) -> Outcome:
    if isinstance(outcome, Rejected) and outcome.reason is Rejection.TARGET_NOT_FOUND:
        return replace(outcome, detail=_absent(channel))
    return outcome


def _absent(channel: str) -> str:
    return (
        f"Channel {channel} is absent or hidden: a private one shows only to a bot that was invited "
        "and has the scope groups:read."
    )


def _judge_channel(name: str, channel: _Channel, grant: _Grant) -> Outcome:
    if channel.is_archived:
        return Rejected(Rejection.TARGET_DISABLED, f"Channel {name} is archived.")
    if channel.is_member:
        return Verified()
    if channel.is_member is None or grant.scopes is None:
        return Verified((Caveat.WRITE_UNPROVEN,))
    if grant.has("chat:write.public"):
        return Verified()
    detail = f"The bot is no member of channel {name}: invite it, or grant the scope chat:write.public."
    return Rejected(Rejection.INSUFFICIENT_PERMISSION, detail)


async def _find(session: _Session, config: SlackConfig, grant: _Grant) -> Mapping[str, _Channel] | Outcome:
    """Return every declared channel, or the verdict that stands in the way."""
    found: dict[str, _Channel] = {}
    for channel in config.channels:
        if _ID.fullmatch(channel):
            answer = await session.by_id(channel)
            if not isinstance(answer, _Channel):
                return answer
            found[channel] = answer
    names = frozenset(config.channels) - found.keys()
    if names:
        hidden = grant.has("groups:read") is False
        listed = await session.by_name(
            names, "public_channel" if hidden else "public_channel,private_channel"
        )
        if not isinstance(listed, Mapping):
            return listed
        found.update(listed)
    return found


async def _probe(exchange: Exchange, config: SlackConfig, secrets: BotToken) -> Outcome:
    session = _Session(exchange, secrets)
    who = await session.ask("auth.test", {})
    verdict = judge(who)
    if not isinstance(verdict, Verified):
        return verdict
    if read(who, _Identity) is None:
        return doubtful(who)
    grant = _granted(who)
    if grant.has("chat:write") is False:
        return Rejected(Rejection.INSUFFICIENT_PERMISSION, "The bot token lacks the scope chat:write.")
    found = await _find(session, config, grant)
    if not isinstance(found, Mapping):
        return found
    caveats: set[Caveat] = set() if grant.scopes is not None else {Caveat.WRITE_UNPROVEN}
    for name in config.channels:
        if name not in found:
            return Rejected(Rejection.TARGET_NOT_FOUND, _absent(name))
        outcome = _judge_channel(name, found[name], grant)
        if not isinstance(outcome, Verified):
            return outcome
        caveats.update(outcome.caveats)
    return Verified(tuple(sorted(caveats)), grant.expires_at)


def _hosts(_: SlackConfig, endpoints: Endpoints) -> frozenset[str]:
    return frozenset({authority(endpoints.slack)})


SLACK = Provider(
    type=IntegrationType.SLACK,
    member="slack",
    config=SlackConfig,
    secrets=BotToken,
    sealed=frozenset({"botToken"}),
    permissions=(
        "the bot scopes chat:write, channels:read and groups:read",
        "the bot, invited to every declared channel (or the scope chat:write.public for public ones)",
    ),
    hosts=_hosts,
    probe=_probe,
    judge=judge,
)
