"""The admin API: changes the world, lays faults, reads the record. Plain HTTP on loopback, JSON both ways."""

import dataclasses
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

from aiohttp import web
from aiohttp.typedefs import Handler
from pydantic import TypeAdapter, ValidationError

from dev.simulator.exchange import Json
from dev.simulator.faults import Fault, Faults
from dev.simulator.provider import Provider
from dev.simulator.recording import Filter, Record, Recording
from dev.simulator.seed import Seed
from dev.simulator.state import Credential, World, label

T = TypeVar("T")
LONGEST_WAIT = 60.0


@dataclass
class Admin:
    """The handlers, over what they change."""

    world: World
    faults: Faults
    recording: Recording
    seed: Seed
    providers: Mapping[str, type[Provider]]

    def application(self) -> web.Application:
        """Give the application that serves the admin API."""
        application = web.Application(middlewares=[_explain])
        application.add_routes(
            [
                web.get("/health", self.health),
                web.post("/reset", self.reset),
                web.get("/seed", self.show_seed),
                web.post("/seed", self.sow),
                web.get("/seed/credentials", self.show_seed_credentials),
                web.post("/credentials/{provider}", self.issue),
                web.get("/credentials/{provider}/{id}", self.show_credential),
                web.patch("/credentials/{provider}/{id}", self.change_credential),
                web.delete("/credentials/{provider}/{id}", self.drop_credential),
                web.post("/targets/{provider}/{kind}", self.put_target),
                web.post("/faults", self.lay_fault),
                web.get("/faults", self.show_faults),
                web.delete("/faults", self.lift_faults),
                web.get("/requests", self.show_requests),
                web.delete("/requests", self.forget_requests),
                web.get("/counts", self.show_counts),
            ]
        )
        return application

    async def health(self, _: web.Request) -> web.Response:
        """Say that the simulator is up."""
        return web.json_response({"status": "ok"})

    async def reset(self, _: web.Request) -> web.Response:
        """Leave no credential, target, fault or record."""
        self.world.clear()
        self.faults.lift(None, None, None)
        self.recording.forget(Filter())
        return web.json_response({})

    async def show_seed(self, _: web.Request) -> web.Response:
        """Give the seed's Secrets."""
        return web.json_response(self.seed.secrets())

    async def show_seed_credentials(self, _: web.Request) -> web.Response:
        """Give the seed's credentials by provider, with their ids and labels."""
        found = {provider: _issued(one) for provider, one in self.seed.credentials().items()}
        return web.json_response(found)

    async def sow(self, _: web.Request) -> web.Response:
        """Put the seed into the world again, with the same secrets."""
        self.seed.sow(self.world)
        return web.json_response(self.seed.secrets())

    async def issue(self, request: web.Request) -> web.Response:
        """Make a credential and give its id, label and Secret fields."""
        provider, kind = self._credential_type(request)
        wanted = await _body(request)
        if isinstance(wanted.get("private_key"), str) and wanted["private_key"] == "shared":
            wanted["private_key"] = self._shared_key(kind)
        credential = _checked(kind, {"id": secrets.token_hex(8)} | wanted)
        self.world.put_credential(provider, credential)
        return web.json_response(_issued(credential), status=201)

    async def show_credential(self, request: web.Request) -> web.Response:
        """Give a credential as it is now."""
        return web.json_response(_issued(self._credential(request)))

    async def change_credential(self, request: web.Request) -> web.Response:
        """Change some fields of a credential; what is not named stays."""
        provider, kind = self._credential_type(request)
        current = self._credential(request)
        changed = _checked(kind, dataclasses.asdict(current) | await _body(request) | {"id": current.id})
        self.world.put_credential(provider, changed)
        return web.json_response(_issued(changed))

    async def drop_credential(self, request: web.Request) -> web.Response:
        """Make the provider forget a credential."""
        provider, _ = self._credential_type(request)
        self.world.drop_credential(provider, self._credential(request).id)
        return web.json_response({})

    async def put_target(self, request: web.Request) -> web.Response:
        """Make or change a target; fields that are not named keep what they were."""
        provider = self._provider(request)
        kind = provider.target_types.get(request.match_info["kind"])
        if kind is None:
            raise web.HTTPNotFound(
                text=f"{provider.name} has {', '.join(provider.target_types) or 'no targets'}"
            )
        wanted = await _body(request)
        target = _checked(kind, wanted)
        former = self.world.target(provider.name, kind, target.key, target.group)
        if former is not None:
            target = _checked(kind, dataclasses.asdict(former) | wanted)
        self.world.put_target(provider.name, target)
        return web.json_response(TypeAdapter(kind).dump_python(target, mode="json"), status=201)

    async def lay_fault(self, request: web.Request) -> web.Response:
        """Put a fault in force."""
        fault = _checked(Fault, await _body(request))
        self.faults.active.append(fault)
        return web.json_response({"id": fault.id}, status=201)

    async def show_faults(self, _: web.Request) -> web.Response:
        """Give the faults in force."""
        return web.json_response(TypeAdapter(list[Fault]).dump_python(self.faults.active, mode="json"))

    async def lift_faults(self, request: web.Request) -> web.Response:
        """End faults by id, provider or credential; all of them without a filter."""
        query = request.query
        ended = self.faults.lift(query.get("id"), query.get("provider"), query.get("credential"))
        return web.json_response({"ended": ended})

    async def show_requests(self, request: web.Request) -> web.Response:
        """Give the requests that are meant, if wanted only once there are enough."""
        wanted = _filter(request)
        at_least = int(request.query.get("at_least", "0"))
        seconds = min(LONGEST_WAIT, float(request.query.get("wait", "0")))
        found = await self.recording.wait(wanted, at_least, seconds)
        return web.json_response([_shown(record) for record in found])

    async def forget_requests(self, request: web.Request) -> web.Response:
        """Drop the requests that are meant from record and counts."""
        return web.json_response({"dropped": self.recording.forget(_filter(request))})

    async def show_counts(self, request: web.Request) -> web.Response:
        """Give counts by provider and credential."""
        rows = [
            {"provider": provider, "credential": credential, "write": write, "count": count}
            for provider, credential, write, count in self.recording.totals(_filter(request))
        ]
        return web.json_response(rows)

    def _provider(self, request: web.Request) -> type[Provider]:
        provider = self.providers.get(request.match_info["provider"])
        if provider is None:
            raise web.HTTPNotFound(text=f"the providers are {', '.join(self.providers)}")
        return provider

    def _credential_type(self, request: web.Request) -> tuple[str, type[Credential]]:
        provider = self._provider(request)
        if provider.credential_type is None:
            raise web.HTTPNotFound(text=f"{provider.name} has no credentials of its own")
        return provider.name, provider.credential_type

    def _credential(self, request: web.Request) -> Credential:
        found = self.world.credential_by_id(request.match_info["provider"], request.match_info["id"])
        if found is None:
            raise web.HTTPNotFound(text="no such credential")
        return found

    def _shared_key(self, kind: type[Credential]) -> str:
        """Give the seed's key of this type: making RSA keys by the thousand takes minutes."""
        for credential in (self.seed.app_store_connect, self.seed.play_store):
            if type(credential) is kind:
                return credential.private_key
        return self.seed.play_store.private_key


@web.middleware
async def _explain(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except (ValidationError, ValueError) as error:
        return web.json_response({"error": str(error)}, status=400)


async def _body(request: web.Request) -> dict[str, Json]:
    body = await request.json() if request.can_read_body else {}
    if not isinstance(body, dict):
        raise web.HTTPBadRequest(text="the body has to be an object")
    return body


def _checked(kind: type[T], value: dict[str, Json]) -> T:
    return TypeAdapter(kind).validate_python(value)


def _issued(credential: Credential) -> dict[str, Json]:
    state = TypeAdapter(type(credential)).dump_python(credential, mode="json")
    return {
        "id": credential.id,
        "label": label(credential.lookup),
        "secret": credential.secret,
        "fields": state,
    }


def _filter(request: web.Request) -> Filter:
    return TypeAdapter(Filter).validate_python(
        {name: request.query[name] for name in Filter.__dataclass_fields__ if name in request.query}
    )


def _shown(record: Record) -> dict[str, Json]:
    shown = dataclasses.asdict(record)
    shown["headers"] = [list(pair) for pair in record.headers]
    shown["body"] = record.body.decode("utf-8", "replace")
    shown["answer_headers"] = [list(pair) for pair in record.answer_headers]
    shown["answer_body"] = record.answer_body.decode("utf-8", "replace")
    return shown
