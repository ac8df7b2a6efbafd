"""`docker-compose.yml` and the Dockerfile name what there is: commands, variables, files."""

import re
import shlex
from typing import Any

import pytest
import yaml
from django.urls import reverse

from collectors.cli import parser as collector_parser
from collectors.config import load as collector_config
from monitor.cli import parser as offhook_parser
from monitor.conf import load
from tests.support.environment import ROOT

SECRETS = {"POSTGRES_PASSWORD": "postgres-secret", "VALKEY_PASSWORD": "valkey-secret", "OFFHOOK_SECRET_KEY": "x" * 50}
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = [name for name, service in SERVICES.items() if service.get("image") == "offhook"]


def interpolated(text: str) -> str:
    """As compose fills in variables: ${NAME}, ${NAME:-default}, ${NAME:?complaint}."""
    return re.sub(r"\$\{(\w+)(?::[-?]([^}]*))?\}", lambda found: SECRETS.get(found[1], found[2] or ""), text)


@pytest.mark.parametrize("name", OURS)
def test_the_commands_of_our_services_exist(name: str) -> None:
    program, *arguments = SERVICES[name]["command"]
    match program:
        case "offhook":
            offhook_parser().parse_args(arguments)
        case "celery":
            assert arguments[:2] == ["--app", "monitor"]
            assert arguments[2] in {"worker", "beat"}
        case _:
            assert program == "offhook-collector"
            collector_parser().parse_args(arguments)


def test_the_processes_are_those_of_offhook_up() -> None:
    assert {*OURS} == {"migrate", "ingest", "overview", "web", "worker", "beat", "collector"}


@pytest.mark.parametrize("name", [name for name in OURS if name != "collector"])
def test_the_environment_is_a_configuration_of_the_server(name: str) -> None:
    environment = {key: interpolated(value) for key, value in SERVICES[name]["environment"].items()}
    config = load({"OFFHOOK_STATE_DIR": "/var/lib/offhook", **environment})
    assert config.database_url == "postgresql://offhook:postgres-secret@postgres/offhook"
    assert config.stream_url == config.bus_url == "redis://:valkey-secret@valkey:6379/0"
    assert set(environment) <= {"OFFHOOK_SMTP_URL"} | {f"OFFHOOK_{name.upper()}" for name in config.__struct_fields__}


def test_the_environment_is_a_configuration_of_the_collector() -> None:
    environment = {key: interpolated(value) for key, value in SERVICES["collector"]["environment"].items()}
    config = collector_config({}, {"OFFHOOK_STATE_DIR": "/var/lib/offhook", **environment})
    assert config.stream_url == "redis://:valkey-secret@127.0.0.1:6379/0"
    assert set(environment) == {"OFFHOOK_STREAM_URL", "OFFHOOK_STATE_DIR"}


@pytest.mark.parametrize("name", SERVICES)
def test_volumes_and_dependencies_are_declared(name: str) -> None:
    service = SERVICES[name]
    assert {volume.split(":")[0] for volume in service["volumes"]} <= set(COMPOSE["volumes"])
    for other, condition in service.get("depends_on", {}).items():
        if condition["condition"] == "service_healthy":
            assert "healthcheck" in SERVICES[other]
        else:
            assert SERVICES[other]["restart"] == "on-failure"


def test_the_web_server_is_well_when_its_login_page_is_there() -> None:
    words = " ".join(SERVICES["web"]["healthcheck"]["test"])
    assert f"http://127.0.0.1:8600{reverse('login')}'" in words


def test_nothing_of_ours_has_more_rights_than_it_needs() -> None:
    for name in OURS:
        assert SERVICES[name]["cap_drop"] == ["ALL"]
        assert SERVICES[name].get("cap_add", []) == (["NET_RAW"] if name == "collector" else [])


def test_a_root_without_capabilities_can_write_its_spool() -> None:
    collector = SERVICES["collector"]
    (volume,) = collector["volumes"]
    state = collector["environment"]["OFFHOOK_STATE_DIR"]
    assert collector["user"] == "0:0"
    assert (collector["working_dir"], volume) == (state, f"collector:{state}")
    # A volume takes the owner of the folder that it covers: this one must be no folder of the image.
    assert state not in (ROOT / "Dockerfile").read_text()


def test_the_store_never_forgets_what_it_was_given() -> None:
    words = shlex.split(interpolated(SERVICES["valkey"]["command"]))
    assert words[words.index("--maxmemory-policy") + 1] == "noeviction"
    assert words[words.index("--save") + 1] == ""


def test_the_image_is_built_from_what_is_in_the_repository() -> None:
    text = (ROOT / "Dockerfile").read_text()
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    for sources in re.findall(r"^COPY (?!--from)(.*) \S+$", text, re.MULTILINE):
        for source in sources.split():
            assert (ROOT / source).exists()
            assert source.split("/")[0] in allowed
    assert re.search(r"^USER offhook$", text, re.MULTILINE)
