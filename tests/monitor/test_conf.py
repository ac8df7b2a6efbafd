"""The server's configuration: read whole, complained about whole, documented whole."""

import re
from pathlib import Path

import pytest

from collectors.sip.timers import SECOND, Timers
from monitor.conf import Config, ConfigError, Smtp, load, thresholds
from monitor.core.settings import Settings
from monitor.core.thresholds import THRESHOLDS, Threshold, configured
from monitor.setup import database, secret_key
from tests.support.environment import ROOT

# Read by other programs than the server, or by the tests.
OTHERS = {"OFFHOOK_CORPUS", "OFFHOOK_TEST_DATABASE"}


def test_every_variable_has_its_heading_in_the_documentation_and_every_heading_its_variable() -> None:
    documented = re.findall(r"^### (\w+)$", (ROOT / "docs" / "configuration.md").read_text(), re.MULTILINE)
    assert sorted(documented) == sorted(f"OFFHOOK_{field.upper()}" for field in VARIABLES)


# A field of Config is a variable, save that the variable of `smtp` is a URL, and that thresholds, save for texts, have
# a table.
VARIABLES = [
    *(field.replace("smtp", "smtp_url") for field in Config.__struct_fields__ if field != "thresholds"),
    "leg_headers",
    "trusted_peers",
    "home_prefixes",
]


def test_every_documented_default_is_the_default() -> None:
    text = (ROOT / "docs" / "configuration.md").read_text()
    sections = dict(re.findall(r"^### OFFHOOK_(\w+)$(.*?)(?=^#|\Z)", text, re.MULTILINE | re.DOTALL))
    config = load({})
    for name, section in sections.items():
        assert "\nDefault: " in section, name
        if said := re.search(r"^Default: `(\S+)`\.$", section, re.MULTILINE):
            value = getattr(config, name.lower())
            assert said[1] == ({True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)), name


def test_every_variable_that_the_project_names_exists() -> None:
    known = {f"OFFHOOK_{field.upper()}" for field in VARIABLES} | OTHERS
    files = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "Makefile", "Dockerfile", "docker-compose.yml")]
    named = {word for path in files for word in re.findall(r"OFFHOOK_[A-Z_]+[A-Z]", path.read_text())}
    assert named <= known


@pytest.mark.parametrize("threshold", THRESHOLDS, ids=lambda threshold: threshold.variable)
def test_every_threshold_is_a_variable_whose_default_is_that_of_the_settings(threshold: Threshold) -> None:
    assert threshold.least <= threshold.default <= threshold.most
    read = threshold.read(f"{threshold.default:g}")
    assert configured({threshold.field: read}) == Settings() == thresholds({})
    other = thresholds({f"OFFHOOK_{threshold.variable}": f"{threshold.most:.0f}"})
    assert other != Settings()


def test_what_follows_from_the_base_timers_follows_them() -> None:
    settings = load({"OFFHOOK_T1_S": "2", "OFFHOOK_T2_S": "16"}).thresholds
    assert settings.timers == Timers(t1_us=2 * SECOND, t2_us=16 * SECOND)
    assert settings.linger_us == 128 * SECOND


@pytest.mark.parametrize("text", ["soon", "0.2", "nan", "1e9"])
def test_a_threshold_out_of_bounds_is_told(text: str) -> None:
    with pytest.raises(ConfigError, match=r"OFFHOOK_SLOW_SETUP_S: '.*' is no number from 1 to 180 \(seconds\)"):
        load({"OFFHOOK_SLOW_SETUP_S": text})
    with pytest.raises(ConfigError, match=r"OFFHOOK_SUSPECT_SENDS: '2.5' is no number from 2 to 10$"):
        thresholds({"OFFHOOK_SUSPECT_SENDS": "2.5"})


def test_headers_that_carry_an_identifier_through_a_b2bua_are_named_in_any_case() -> None:
    assert load({"OFFHOOK_LEG_HEADERS": " X-Trace, x-leg "}).thresholds.leg_headers == ("x-trace", "x-leg")
    assert thresholds({}).leg_headers == ()
    with pytest.raises(ConfigError, match="OFFHOOK_LEG_HEADERS: 'x:y' is no header name"):
        thresholds({"OFFHOOK_LEG_HEADERS": "x:y"})


def test_trusted_peers_are_networks() -> None:
    trusted = thresholds({"OFFHOOK_TRUSTED_PEERS": "198.51.100.7/24, 2001:db8::1"}).limits.trusted_peers
    assert trusted == ("198.51.100.0/24", "2001:db8::1/128")
    with pytest.raises(ConfigError, match="OFFHOOK_TRUSTED_PEERS: 'trunk' is no network"):
        load({"OFFHOOK_TRUSTED_PEERS": "trunk"})


def test_home_is_named_by_country_codes() -> None:
    assert thresholds({"OFFHOOK_HOME_PREFIXES": "+421, +420"}).limits.home_prefixes == ("+421", "+420")
    with pytest.raises(ConfigError, match="OFFHOOK_HOME_PREFIXES: '421' is no country code"):
        load({"OFFHOOK_HOME_PREFIXES": "421"})


def test_the_empty_environment_is_a_configuration() -> None:
    config = load({"OFFHOOK_STATE_DIR": "/srv/offhook"})
    assert config.stream_url == config.bus_url == "unix:///srv/offhook/valkey.sock"
    assert config.database_url == "sqlite:////srv/offhook/offhook.sqlite3"
    assert config.public_url == "http://127.0.0.1:8600"


def test_streams_may_be_a_cluster_and_the_bus_is_then_a_server_of_its_own() -> None:
    cluster = "redis+cluster://:s3cret@a:7000,b:7001"
    config = load({"OFFHOOK_STATE_DIR": "/srv/offhook", "OFFHOOK_STREAM_URL": cluster})
    assert (config.stream_url, config.bus_url) == (cluster, "unix:///srv/offhook/valkey.sock")
    with pytest.raises(ConfigError, match="OFFHOOK_BUS_URL: the bus can't be a cluster"):
        load({"OFFHOOK_BUS_URL": cluster})
    with pytest.raises(ConfigError, match="OFFHOOK_STREAM_URL: a node of the cluster has no name") as caught:
        load({"OFFHOOK_STREAM_URL": "redis+cluster://:s3cret@a,,b"})
    assert "s3cret" not in str(caught.value)


def test_all_problems_are_told_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        load({"OFFHOOK_PORT": "70000", "OFFHOOK_DEBUG": "maybe", "OFFHOOK_LOG_LEVEL": "loud"})
    assert caught.value.problems == [
        "OFFHOOK_PORT: '70000' is no number from 1 to 65535",
        "OFFHOOK_DEBUG: 'maybe' is neither yes nor no",
        "OFFHOOK_LOG_LEVEL: 'loud' is none of DEBUG, INFO, WARNING, ERROR",
    ]


@pytest.mark.parametrize("name", ["STREAM_URL", "BUS_URL", "DATABASE_URL", "SMTP_URL", "PUBLIC_URL"])
def test_a_wrong_url_is_told_with_an_example_and_without_the_password_in_it(name: str) -> None:
    with pytest.raises(ConfigError, match=rf"OFFHOOK_{name}: expected a URL that begins with .*, like ") as caught:
        load({f"OFFHOOK_{name}": "gopher://user:s3cret@example.com"})
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "smtp"),
    [
        ("smtp://mail", Smtp(host="mail", port=25)),
        ("smtps://joe:p%40ss@mail", Smtp(host="mail", port=465, username="joe", password="p@ss", tls="tls")),
        ("smtp+starttls://mail:2525", Smtp(host="mail", port=2525, tls="starttls")),
    ],
)
def test_a_mail_server_is_a_url(url: str, smtp: Smtp) -> None:
    assert load({"OFFHOOK_SMTP_URL": url}).smtp == smtp


def test_a_mail_server_needs_a_host() -> None:
    with pytest.raises(ConfigError, match="host is missing"):
        load({"OFFHOOK_SMTP_URL": "smtp://"})


@pytest.mark.parametrize(
    ("bind", "shown"), [("0.0.0.0", "127.0.0.1"), ("::", "127.0.0.1"), ("::1", "[::1]"), ("10.0.0.1", "10.0.0.1")]
)
def test_the_public_address_follows_from_where_it_listens(bind: str, shown: str) -> None:
    assert load({"OFFHOOK_BIND": bind, "OFFHOOK_PORT": "80"}).public_url == f"http://{shown}:80"


def test_addresses_and_hosts_are_lists_of_words() -> None:
    config = load({"OFFHOOK_MAIL_TO": "noc@example.com, ops@example.com", "OFFHOOK_ALLOWED_HOSTS": "a b"})
    assert config.mail_to == ("noc@example.com", "ops@example.com")
    assert config.allowed_hosts == ("a", "b")


def test_the_host_of_the_public_address_is_allowed() -> None:
    assert "offhook.example.com" in load({"OFFHOOK_PUBLIC_URL": "https://offhook.example.com/"}).allowed_hosts


def test_sqlite_takes_full_paths() -> None:
    assert database("sqlite:////srv/off%20hook/db.sqlite3")["NAME"] == "/srv/off hook/db.sqlite3"


def test_postgresql_is_reached_by_network_and_by_socket() -> None:
    network = database("postgresql://joe:p%40ss@db.example.com:5433/calls")
    assert [network[key] for key in ("HOST", "PORT", "USER", "PASSWORD", "NAME")] == [
        "db.example.com",
        "5433",
        "joe",
        "p@ss",
        "calls",
    ]
    assert database("postgresql://joe@/calls?host=/run/postgresql")["HOST"] == "/run/postgresql"


def test_the_secret_is_made_once_and_for_its_owner_only(tmp_path: Path) -> None:
    first = secret_key(tmp_path)
    assert len(first) >= 50
    assert secret_key(tmp_path) == first
    assert (tmp_path / "secret-key").stat().st_mode & 0o777 == 0o600
