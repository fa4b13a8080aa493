"""The command line: starts the simulator, says where everything is, and stops on SIGTERM."""

import argparse
import asyncio
import os
import signal
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path

from aiohttp import web

from dev.simulator.admin import Admin
from dev.simulator.certificates import listener_context, new_authority
from dev.simulator.faults import Faults
from dev.simulator.listeners import ADDRESS, SHUTDOWN, NoProvider, listen, new_counter
from dev.simulator.providers import PROVIDERS
from dev.simulator.recording import Recording
from dev.simulator.seed import Seed
from dev.simulator.state import World

ENVIRONMENT_FILE = "simulator.env"


async def simulate(directory: Path) -> None:
    """Serve until SIGTERM or SIGINT."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    world, faults, recording, seed = World(), Faults(), Recording(), Seed()
    seed.sow(world)
    async with AsyncExitStack() as stack:
        settings = await _open_providers(stack, directory, world, faults, recording)
        admin = Admin(world, faults, recording, seed, {provider.name: provider for provider in PROVIDERS})
        settings["SIMULATOR_ADMIN_URL"] = await _open_admin(stack, admin)
        settings["TRUSTED_HOSTS"] = f"{ADDRESS}/32,localhost"
        _publish(directory, settings)
        print(f"provider simulator ready: {directory / ENVIRONMENT_FILE}", flush=True)
        await stop.wait()


async def _open_providers(
    stack: AsyncExitStack, directory: Path, world: World, faults: Faults, recording: Recording
) -> dict[str, str]:
    authority = new_authority()
    bundle = directory / "ca.pem"
    bundle.write_bytes(authority.pem())
    settings = {"EXTRA_CA_FILE": str(bundle.resolve())}
    trusted = listener_context(directory, authority)
    for provider in PROVIDERS:
        opened = await listen(new_counter(provider, world, faults, recording), trusted)
        stack.push_async_callback(opened.runner.cleanup)
        settings[provider.setting] = f"https://{ADDRESS}:{opened.port}{provider.path}"
    bad = {
        "SIMULATOR_BAD_TLS_URL": listener_context(directory, None),
        "SIMULATOR_EXPIRED_TLS_URL": listener_context(directory, authority, lifetime=timedelta(hours=-1)),
        "SIMULATOR_WRONG_HOST_TLS_URL": listener_context(directory, authority, host="elsewhere.example"),
    }
    for setting, context in bad.items():
        opened = await listen(new_counter(NoProvider, world, faults, recording), context)
        stack.push_async_callback(opened.runner.cleanup)
        settings[setting] = f"https://{ADDRESS}:{opened.port}"
    return settings


async def _open_admin(stack: AsyncExitStack, admin: Admin) -> str:
    runner = web.AppRunner(admin.application(), access_log=None, shutdown_timeout=SHUTDOWN)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    await web.TCPSite(runner, ADDRESS, 0).start()
    return f"http://{ADDRESS}:{runner.addresses[0][1]}"


def _publish(directory: Path, settings: dict[str, str]) -> None:
    """Write the settings whole or not at all: who waits for the file may read it at once."""
    draft = directory / f".{ENVIRONMENT_FILE}.{os.getpid()}"
    draft.write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
    draft.replace(directory / ENVIRONMENT_FILE)


def main() -> None:
    """Run the simulator from the command line."""
    parser = argparse.ArgumentParser(prog="python -m dev.simulator", description=__doc__)
    parser.add_argument(
        "--directory", type=Path, required=True, help="where simulator.env and ca.pem are written"
    )
    directory: Path = parser.parse_args().directory
    directory.mkdir(parents=True, exist_ok=True)
    asyncio.run(simulate(directory))


if __name__ == "__main__":
    main()
