"""The simulator as a process: real TLS, every fault on the wire, the record, and a clean end."""

import json
import signal
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from email.utils import parsedate_to_datetime
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import jwt
import pytest

from dev.simulator.client import Issued, Simulator, await_ready, command, running

HANDSHAKES = ("SIMULATOR_BAD_TLS_URL", "SIMULATOR_EXPIRED_TLS_URL", "SIMULATOR_WRONG_HOST_TLS_URL")


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    with running(tmp_path_factory.mktemp("simulator")) as simulator:
        yield simulator


@pytest.fixture(scope="module")
def http(own: Simulator) -> Iterator[httpx.Client]:
    context = ssl.create_default_context(cafile=own.settings["EXTRA_CA_FILE"])
    with httpx.Client(verify=context, trust_env=False, timeout=20) as client:
        yield client


@pytest.fixture
def token(own: Simulator) -> Issued:
    return own.issue("GITHUB")


def user(own: Simulator, http: httpx.Client, token: Issued, **options: float) -> httpx.Response:
    headers = {"Authorization": f"Bearer {token.secret['accessToken']}"}
    return http.get(f"{own.settings['GITHUB_API_URL']}/user", headers=headers, **options)  # type: ignore[arg-type]


def test_the_seed_passes_at_every_provider(own: Simulator, http: httpx.Client) -> None:
    settings, seed, now = own.settings, own.seed(), int(time.time())
    bearer = {"Authorization": f"Bearer {seed['github']['accessToken']}"}
    workflow = "/repos/acme/mobile-app/actions/workflows/android-build.yml"
    assert http.get(settings["GITHUB_API_URL"] + workflow, headers=bearer).json()["state"] == "active"
    apple = seed["appStoreConnect"]
    claims = {"iss": apple["issuerId"], "iat": now, "exp": now + 600, "aud": "appstoreconnect-v1"}
    key = jwt.encode(claims, apple["privateKey"], "ES256", headers={"kid": apple["apiKeyId"]})
    apps = f"{settings['APP_STORE_CONNECT_API_URL']}/v1/apps?filter[bundleId]=com.acme.app"
    assert http.get(apps, headers={"Authorization": f"Bearer {key}"}).json()["meta"]["paging"]["total"] == 1
    jenkins = (seed["jenkins"]["username"], seed["jenkins"]["apiToken"])
    job = http.get(f"{settings['JENKINS_URL']}/job/folder/job/job/api/json", auth=jenkins)
    assert job.json()["buildable"] is True
    slack = {"Authorization": f"Bearer {seed['slack']['botToken']}"}
    channels = http.get(f"{settings['SLACK_API_URL']}/conversations.list", headers=slack).json()["channels"]
    assert [channel["name"] for channel in channels] == ["releases", "dev-team"]


def test_the_seeded_service_account_reads_releases(own: Simulator, http: httpx.Client) -> None:
    key, now = json.loads(own.seed()["playStore"]["serviceAccountKey"]), int(time.time())
    scope = "https://www.googleapis.com/auth/androidpublisher"
    url = own.settings["GOOGLE_TOKEN_URL"]
    claims = {"iss": key["client_email"], "iat": now, "exp": now + 3600, "aud": url, "scope": scope}
    assertion = jwt.encode(claims, key["private_key"], "RS256", headers={"kid": key["private_key_id"]})
    grant = {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": assertion}
    token = http.post(url, data=grant).json()["access_token"]
    path = "/androidpublisher/v3/applications/com.acme.app/tracks/production/releases"
    answer = http.get(own.settings["PLAY_STORE_API_URL"] + path, headers={"Authorization": f"Bearer {token}"})
    assert answer.json()["releases"][0]["track"] == "production"


def test_a_credential_changes_state_and_is_forgotten(
    own: Simulator, http: httpx.Client, token: Issued
) -> None:
    assert user(own, http, token).status_code == 200
    own.change(token, state="REVOKED")
    assert user(own, http, token).status_code == 401
    own.change(token, state="RATE_LIMITED", rate_limit={"style": "seconds", "seconds": 9})
    assert user(own, http, token).headers["retry-after"] == "9"
    own.change(token, state="VALID")
    assert user(own, http, token).status_code == 200
    own.forget_credential(token)
    assert user(own, http, token).status_code == 401


def test_a_target_keeps_what_is_not_named(own: Simulator) -> None:
    first = own.target("GITHUB", "repository", "kept/app", private=False)
    second = own.target("GITHUB", "repository", "kept/app", state="ARCHIVED")
    assert second == {**first, "state": "ARCHIVED"}


def test_mistakes_in_admin_requests_are_told(own: Simulator) -> None:
    with pytest.raises(ValueError, match="colour"):
        own.issue("GITHUB", colour="red")
    with pytest.raises(ValueError, match="providers are"):
        own.issue("NOBODY")


def test_requests_are_recorded_counted_and_forgotten(
    own: Simulator, http: httpx.Client, token: Issued
) -> None:
    user(own, http, token)
    (record,) = own.requests(credential=token.label)
    assert (record.provider, record.method, record.path) == ("GITHUB", "GET", "/user")
    assert (record.status, record.write) == (200, False)
    assert own.count(credential=token.label) == 1
    assert own.forget_requests(credential=token.label) == 1
    assert own.count(credential=token.label) == 0


def test_writes_stand_out(own: Simulator, http: httpx.Client, token: Issued) -> None:
    url = f"{own.settings['GITHUB_API_URL']}/repos/acme/mobile-app/dispatches"
    answer = http.post(url, headers={"Authorization": f"Bearer {token.secret['accessToken']}"})
    assert answer.status_code == 405
    assert own.count(credential=token.label, write=True) == 1
    assert [record.path for record in own.requests(credential=token.label, write=True)] == [
        "/repos/acme/mobile-app/dispatches"
    ]


def test_a_fault_meets_its_credential_only_and_as_often_as_said(
    own: Simulator, http: httpx.Client, token: Issued
) -> None:
    other = own.issue("GITHUB")
    own.fault("STATUS", provider="GITHUB", credential=token.label, status=502, count=2, path="/us*")
    assert user(own, http, other).status_code == 200
    assert [user(own, http, token).status_code for _ in range(3)] == [502, 502, 200]


def test_a_hanging_answer_never_comes(own: Simulator, http: httpx.Client, token: Issued) -> None:
    fault = own.fault("HANG", provider="GITHUB", credential=token.label)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(user, own, http, token, timeout=1.5)
        (record,) = own.requests(at_least=1, wait=10, credential=token.label)
        assert record.status is None
        with pytest.raises(httpx.ReadTimeout):
            waiting.result()
    assert own.lift(id=fault) == 1


@pytest.mark.parametrize("kind", ["CLOSE", "TRUNCATED"])
def test_answers_that_break_off(own: Simulator, http: httpx.Client, token: Issued, kind: str) -> None:
    own.fault(kind, provider="GITHUB", credential=token.label, count=1)
    with pytest.raises(httpx.RemoteProtocolError):
        user(own, http, token)


def test_a_reset_ends_without_a_goodbye(own: Simulator, token: Issued) -> None:
    own.fault("RESET", provider="GITHUB", credential=token.label, count=1)
    where = urlsplit(own.settings["GITHUB_API_URL"])
    context = ssl.create_default_context(cafile=own.settings["EXTRA_CA_FILE"])
    secret = token.secret["accessToken"]
    request = f"GET /user HTTP/1.1\r\nHost: x\r\nUser-Agent: t\r\nAuthorization: Bearer {secret}\r\n\r\n"
    plain = socket.create_connection((where.hostname or "", where.port or 0))
    with context.wrap_socket(plain, server_hostname="127.0.0.1", suppress_ragged_eofs=False) as wrapped:
        wrapped.sendall(request.encode())
        # A reset, or an end without TLS's goodbye: OpenSSL reports either as an error, after what it read.
        with pytest.raises(OSError, match=r"EOF|reset"):
            all(iter(lambda: wrapped.recv(4096), b""))


def test_answers_that_are_not_what_they_should_be(own: Simulator, http: httpx.Client, token: Issued) -> None:
    def met(kind: str, **fields: object) -> httpx.Response:
        own.fault(kind, provider="GITHUB", credential=token.label, count=1, **fields)
        return user(own, http, token)

    page = met("HTML")
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html;charset=utf-8")
    assert met("CONTENT_TYPE", content_type="text/csv").headers["content-type"] == "text/csv"
    with pytest.raises(json.JSONDecodeError):
        met("INVALID_JSON").json()
    moved = met("REDIRECT", location="https://evil.example/x", status=307)
    assert (moved.status_code, moved.headers["location"]) == (307, "https://evil.example/x")
    assert met("STATUS", status=429, headers={"Retry-After": "5"}).headers["retry-after"] == "5"
    assert met("NONE", headers={"X-Canary": "c4n4ry"}).headers["x-canary"] == "c4n4ry"


def test_delays_and_drips_take_their_time(own: Simulator, http: httpx.Client, token: Issued) -> None:
    own.fault("NONE", provider="GITHUB", credential=token.label, count=1, delay=0.4)
    started = time.monotonic()
    assert user(own, http, token).status_code == 200
    assert time.monotonic() - started >= 0.4
    own.fault("DRIP", provider="GITHUB", credential=token.label, count=1, interval=0.2)
    with pytest.raises(httpx.ReadTimeout):
        user(own, http, token, timeout=0.1)


def test_a_huge_body_is_streamed_for_as_long_as_it_is_read(
    own: Simulator, http: httpx.Client, token: Issued
) -> None:
    own.fault("HUGE", provider="GITHUB", credential=token.label, count=1, size=0)
    headers = {"Authorization": f"Bearer {token.secret['accessToken']}"}
    read = 0
    with http.stream("GET", f"{own.settings['GITHUB_API_URL']}/user", headers=headers) as answer:
        for block in answer.iter_raw():
            read += len(block)
            if read > 8_000_000:
                break
    assert read > 8_000_000


def test_a_compressed_bomb_is_small_on_the_wire(own: Simulator, http: httpx.Client, token: Issued) -> None:
    own.fault("BOMB", provider="GITHUB", credential=token.label, count=1, size=20_000_000)
    answer = user(own, http, token)
    assert len(answer.content) > 20_000_000
    assert int(answer.headers["content-length"]) < 100_000


def test_a_skewed_clock_shows_in_the_date_and_in_what_is_timely(own: Simulator, http: httpx.Client) -> None:
    key, now = own.issue("APP_STORE_CONNECT"), int(time.time())
    claims = {"iss": key.secret["issuerId"], "iat": now, "exp": now + 600, "aud": "appstoreconnect-v1"}
    token = jwt.encode(claims, key.secret["privateKey"], "ES256", headers={"kid": key.secret["apiKeyId"]})
    own.fault("NONE", provider="APP_STORE_CONNECT", credential=key.label, date_skew=7200)
    url = f"{own.settings['APP_STORE_CONNECT_API_URL']}/v1/apps"
    answer = http.get(url, headers={"Authorization": f"Bearer {token}"})
    assert parsedate_to_datetime(answer.headers["date"]).timestamp() > now + 7000
    assert answer.status_code == 401


@pytest.mark.parametrize("setting", HANDSHAKES)
def test_certificates_that_no_client_should_take(own: Simulator, http: httpx.Client, setting: str) -> None:
    with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
        http.get(own.settings[setting])
    assert own.count(provider="BAD_TLS") == 0


def test_localhost_is_in_the_certificate_too(own: Simulator, http: httpx.Client) -> None:
    port = urlsplit(own.settings["GITHUB_API_URL"]).port
    assert http.get(f"https://localhost:{port}/user").status_code == 401


def test_reset_empties_everything_and_the_seed_comes_back_the_same(tmp_path: Path) -> None:
    with running(tmp_path) as simulator:
        context = ssl.create_default_context(cafile=simulator.settings["EXTRA_CA_FILE"])
        headers = {"Authorization": f"Bearer {simulator.seed()['github']['accessToken']}"}
        with httpx.Client(verify=context, trust_env=False, headers=headers) as http:
            url = f"{simulator.settings['GITHUB_API_URL']}/repos/acme/mobile-app"
            simulator.change(simulator.seeded()["GITHUB"], state="REVOKED")
            assert http.get(url).status_code == 401
            simulator.reset()
            assert http.get(url).status_code == 401
            simulator.sow()
            assert http.get(url).status_code == 200
        assert simulator.count(credential=simulator.seeded()["GITHUB"].label) == 2


def test_it_stops_on_sigterm_even_while_an_answer_hangs(tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    with subprocess.Popen(command(tmp_path), cwd=root, stdout=subprocess.PIPE, text=True) as process:
        await_ready(process)
        with Simulator.at(tmp_path) as simulator:
            simulator.fault("HANG")
            context = ssl.create_default_context(cafile=simulator.settings["EXTRA_CA_FILE"])
            with ThreadPoolExecutor(1) as pool:
                url = f"{simulator.settings['GITHUB_API_URL']}/user"
                waiting = pool.submit(httpx.get, url, verify=context, trust_env=False, timeout=20)
                simulator.requests(at_least=1, wait=10)
                process.send_signal(signal.SIGTERM)
                assert process.wait(timeout=20) == 0
                assert isinstance(waiting.exception(), httpx.TransportError)
