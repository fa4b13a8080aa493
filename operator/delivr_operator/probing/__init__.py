"""EDGE: the one way in which providers are asked, with deadlines, budgets and guarded addresses."""

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from importlib.metadata import version
from typing import Self

import httpx

from delivr_operator.outcome import Doubt, IntegrationType, Outcome, Rejected, Rejection, Unknown
from delivr_operator.probing.address_guard import AddressGuard, Host, system_resolver
from delivr_operator.probing.budgets import Budget, Budgets, Monotonic
from delivr_operator.probing.carrier import Carrier
from delivr_operator.probing.conversation import Conversation, Route
from delivr_operator.probing.kept_answers import KeptAnswers, Recall
from delivr_operator.probing.limits import Limits
from delivr_operator.probing.quotas import PROVIDERS_OWN, TENANTS_CHOICE, Quotas
from delivr_operator.providers.declaration import Credential
from delivr_operator.providers.exchange import Unreachable, authority
from delivr_operator.resource import ALLOWED_HOSTS_ANNOTATION
from delivr_operator.settings import ProbeSettings

_RESOLVER_THREADS = 8
_GOOD_BYE_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Wiring:
    """The pieces of a prober that hold something open."""

    trust: ssl.SSLContext
    transport: httpx.AsyncBaseTransport
    threads: ThreadPoolExecutor
    guard: AddressGuard
    reader: ThreadPoolExecutor
    """One thread for what keeps a processor busy, so that it takes no more than its share."""


class Prober:
    """Asks providers about credentials."""

    def __init__(
        self, settings: ProbeSettings, wiring: Wiring, limits: Limits, monotonic: Monotonic = time.monotonic
    ) -> None:
        self._settings = settings
        self._wiring = wiring
        self._limits = limits
        self._monotonic = monotonic
        self._budgets = Budgets(monotonic)
        self.quotas = Quotas(monotonic)
        self._kept = KeptAnswers()
        self._user_agent = f"delivr-operator/{version('delivr-operator')}"

    @classmethod
    def open(
        cls, settings: ProbeSettings, limits: Limits | None = None, monotonic: Monotonic = time.monotonic
    ) -> Self:
        """Return a prober that is ready to ask; `aclose` ends it."""
        bounds = limits or Limits()
        trust = _trust(settings.extra_ca_file)
        threads = ThreadPoolExecutor(_RESOLVER_THREADS, thread_name_prefix="resolver")
        guard = AddressGuard(
            settings.trusted_names, settings.trusted_networks, system_resolver(threads), bounds.connect
        )
        reader = ThreadPoolExecutor(1, thread_name_prefix="reader")
        return cls(settings, Wiring(trust, Carrier(trust), threads, guard, reader), bounds, monotonic)

    async def aclose(self) -> None:
        """Close every connection."""
        await self._wiring.transport.aclose()
        # One that was broken off still says good-bye by TLS, and nothing tells when it has.
        await asyncio.sleep(_GOOD_BYE_SECONDS)
        for threads in (self._wiring.threads, self._wiring.reader):
            threads.shutdown(wait=False, cancel_futures=True)

    async def prove(
        self, credential: Credential, allowed_hosts: frozenset[str], now: datetime, *, fresh: bool = False
    ) -> Outcome:
        """Return the provider's verdict on `credential`; an outage is a verdict too.

        An answer is shared with everybody who asks the same with the same credential shortly after.

        Args:
            credential: what to prove.
            allowed_hosts: the hosts that the Secret itself may be sent to, where a tenant chooses them.
            now: the time.
            fresh: whether a person asks, who wants no shared answer.
        """
        refusal = self._binding_refusal(credential, allowed_hosts)
        if refusal is not None:
            return refusal
        budget = self._budget(credential)
        if credential.declaration.provider.local:
            # It costs nobody a request, and another time is another verdict.
            return await self._ask(credential, budget, now)
        try:
            async with budget.turn(self._limits.overall):
                target = credential.target_key()
                shared = None if fresh else budget.answers.about(target)
                if shared is not None:
                    return shared
                outcome = await self._ask(credential, budget, now)
                budget.answers.note(target, outcome)
        except Unreachable as fault:
            outcome = fault.outcome
        if isinstance(outcome, Unknown) and outcome.reason is Doubt.RATE_LIMITED and outcome.retry_after:
            budget.hold(outcome.retry_after)
        return outcome

    def leave_alone(self, credential: Credential, pause: timedelta) -> None:
        """Ask nothing with `credential`, whoever shares it, before `pause` is over."""
        self._budget(credential).hold(pause)

    def _binding_refusal(self, credential: Credential, allowed_hosts: frozenset[str]) -> Rejected | None:
        """Refuse to send a Secret to a host that neither its keeper nor the operator named."""
        host = _chosen_host(credential)
        if host is None or host.written & allowed_hosts or self._wiring.guard.trusts(host):
            return None
        secret = credential.declaration.secret_ref.name
        detail = f"Write {host} into the annotation {ALLOWED_HOSTS_ANNOTATION} of Secret {secret}."
        return Rejected(Rejection.HOST_NOT_ALLOWED, detail, certain=True)

    def _budget(self, credential: Credential) -> Budget:
        endpoints = self._settings.endpoints
        declaration = credential.declaration
        hosts = declaration.provider.hosts(declaration.config, endpoints)
        at_github = authority(endpoints.github) in hosts
        hourly = self._settings.github_api_rate_limit if at_github else None
        return self._budgets.of(credential.budget_key(endpoints), hourly)

    async def _ask(self, credential: Credential, budget: Budget, now: datetime) -> Outcome:
        declaration = credential.declaration
        key = credential.budget_key(self._settings.endpoints)
        started = self._monotonic()
        try:
            async with (
                asyncio.timeout(self._limits.overall.total_seconds()),
                self._route(credential) as route,
            ):
                if not isinstance(route, Route):
                    return route
                conversation = Conversation(
                    endpoints=self._settings.endpoints,
                    now=now,
                    route=route,
                    budget=budget,
                    recall=Recall(self._kept, key),
                    limits=self._limits_of(credential.type),
                    user_agent=self._user_agent,
                    elapsed=lambda: timedelta(seconds=self._monotonic() - started),
                    told=self._quota_of(credential, key),
                    reader=self._wiring.reader,
                )
                return await declaration.provider.probe(conversation, declaration.config, credential.secrets)
        except TimeoutError:
            return Unknown(Doubt.TIMED_OUT)

    def _quota_of(self, credential: Credential, key: str) -> Callable[[Mapping[str, str]], None]:
        whose = TENANTS_CHOICE if _chosen_host(credential) else PROVIDERS_OWN
        return partial(self.quotas.note, (credential.type, whose), key)

    @asynccontextmanager
    async def _route(self, credential: Credential) -> AsyncIterator[Route | Rejected | Unknown]:
        declaration = credential.declaration
        hosts = declaration.provider.hosts(declaration.config, self._settings.endpoints)
        host = _chosen_host(credential)
        if host is None:
            yield Route(self._wiring.transport, hosts)
            return
        addresses = await self._wiring.guard.addresses(host)
        if not isinstance(addresses, tuple):
            yield addresses
            return
        # A transport of its own: a connection that was checked for one name must not serve another.
        async with Carrier(self._wiring.trust) as transport:
            yield Route(transport, hosts, addresses)

    def _limits_of(self, kind: IntegrationType) -> Limits:
        reads = {
            IntegrationType.APP_STORE_CONNECT: self._settings.appstore_connect_timeout,
            IntegrationType.PLAY_STORE: self._settings.playstore_api_timeout,
            IntegrationType.FIREBASE: self._settings.playstore_api_timeout,
        }
        return replace(self._limits, read=reads.get(kind, self._limits.read))


def _chosen_host(credential: Credential) -> Host | None:
    declaration = credential.declaration
    chosen = declaration.provider.tenant_chosen_host(declaration.config)
    return None if chosen is None else Host.parse(chosen)


def _trust(extra_ca_file: str | None) -> ssl.SSLContext:
    trust = ssl.create_default_context()
    if extra_ca_file is not None:
        trust.load_verify_locations(cafile=extra_ca_file)
    return trust
