import subprocess
from pathlib import Path

from dev.cluster import DevelopmentCluster, shell_exports
from dev.ports import free_ports
from dev.private_file import write_private
from dev.simulator_server import parse_environment


def test_exports_survive_a_shell_whatever_they_hold() -> None:
    awkward = 'it\'s $HOME `id` "quoted" \\ end'
    script = shell_exports({"VALUE": awkward}) + 'printf %s "$VALUE"'
    assert subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True).stdout == awkward


def test_a_built_program_comes_first_and_once() -> None:
    line = shell_exports({}, Path("/cache/a folder"))
    script = f'PATH=/bin; {line}{line}printf %s "$PATH"'
    answer = subprocess.run(["/bin/sh", "-c", script], capture_output=True, text=True, check=True)
    assert answer.stdout == "/cache/a folder:/bin"


def test_a_private_file_is_readable_by_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "env"
    path.write_text("old")
    path.chmod(0o644)
    write_private(path, "new")
    assert path.read_text() == "new"
    assert path.stat().st_mode & 0o777 == 0o600


def test_the_simulators_variables_are_read() -> None:
    text = (
        "# written by the simulator\nSLACK_API_URL=https://127.0.0.1:1/api?a=b\n\nTRUSTED_HOSTS=127.0.0.1\n"
    )
    assert parse_environment(text) == {
        "SLACK_API_URL": "https://127.0.0.1:1/api?a=b",
        "TRUSTED_HOSTS": "127.0.0.1",
    }


def test_nothing_to_stop_is_no_error(tmp_path: Path) -> None:
    cluster = DevelopmentCluster(tmp_path / "never")
    assert cluster.down() == []
    assert cluster.processes() == []
    assert not (tmp_path / "never").exists()


def test_ports_differ() -> None:
    ports = free_ports(20)
    assert len(set(ports)) == len(ports)
