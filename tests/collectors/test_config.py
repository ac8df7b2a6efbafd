"""Settings from arguments and variables: typed, whole, and all problems at once."""

from pathlib import Path

import pytest

from collectors.config import OPTIONS, Config, ConfigError, load
from collectors.receivers.carriers import TUNNELS


def problems(arguments: dict[str, str], env: dict[str, str] | None = None) -> list[str]:
    with pytest.raises(ConfigError) as refused:
        load(arguments, env or {})
    return refused.value.problems


def test_without_anything_it_captures_all_interfaces_into_the_servers_own_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("socket.gethostname", lambda: "sbc_1.example.com")
    config = load({}, {})
    assert (config.receiver, config.interface) == ("libpcap", ("any",))
    assert config.ports == ((5060, 5061), (5066, 5066), (7443, 7443), (8088, 8089))
    assert config.stream_url == f"unix://{tmp_path}/var/valkey.sock"
    assert config.id == "sbc-1.example.com"
    assert config.spool == tmp_path / "var" / "spool" / "sbc-1.example.com"
    assert (config.spool_size, config.partitions, config.no_redact) == (1024**3, 8, False)


def test_arguments_come_before_variables() -> None:
    env = {"OFFHOOK_COLLECTOR_ID": "one", "OFFHOOK_COLLECTOR_PORTS": "5070", "OFFHOOK_PARTITIONS": "3"}
    config = load({"id": "two"}, env)
    assert (config.id, config.ports, config.partitions) == ("two", ((5070, 5070),), 3)


def test_an_empty_variable_counts_as_not_set() -> None:
    assert load({}, {"OFFHOOK_COLLECTOR_PACE": " ", "OFFHOOK_LOG_LEVEL": ""}).pace == 1


def test_the_spool_of_each_collector_of_a_machine_is_its_own() -> None:
    one, two = (load({"id": name, "spool": "/var/spool/x"}, {}) for name in ("one", "two"))
    assert (one.spool, two.spool) == (Path("/var/spool/x/one"), Path("/var/spool/x/two"))


def test_a_file_needs_no_receiver_to_be_named() -> None:
    assert load({"file": "x.pcap"}, {}).receiver == "file"
    assert load({"file": "x.pcap", "receiver": "tshark"}, {}).receiver == "tshark"


@pytest.mark.parametrize(
    ("field", "text", "value"),
    [
        ("interface", "eth0, eth1 lo", ("eth0", "eth1", "lo")),
        ("tunnels", "gre, VXLAN", ("gre", "vxlan")),
        ("tunnels", "all", TUNNELS),
        ("ports", "5060,5070-5080 5099-5090", ((5060, 5060), (5070, 5080), (5090, 5099))),
        ("spool_size", "512M", 512 * 1024**2),
        ("spool_size", "2 GiB", 2 * 1024**3),
        ("spool_size", "1048576", 1024**2),
        ("drop_method", "options,notify", ("OPTIONS", "NOTIFY")),
        ("media", "presence", "presence"),
        ("promiscuous", "yes", True),
        ("no_redact", "off", False),
        ("batch_ms", "0", 0),
        ("calls_per_second", "0.5", 0.5),
        ("log_level", "debug", "DEBUG"),
    ],
)
def test_values_are_read(field: str, text: str, value: object) -> None:
    assert getattr(load({field: text}, {}), field) == value


def test_rules_of_tshark_are_read() -> None:
    config = load({"receiver": "tshark", "decode_as": "tcp.port==5063:tls,tls.port==5063:sip"}, {})
    assert config.decode_as == {"tcp.port==5063": "tls", "tls.port==5063": "sip"}


def test_networks_are_read() -> None:
    assert [str(each) for each in load({"drop_address": "192.0.2.7/24 2001:db8::1"}, {}).drop_address] == [
        "192.0.2.0/24",
        "2001:db8::1/128",
    ]


@pytest.mark.parametrize(
    ("field", "text", "problem"),
    [
        ("receiver", "pcap", "'pcap' is none of libpcap, tshark, file, hep, scenario"),
        ("pace", "2", "no number from 0 to 1"),
        ("tunnels", "gre ipsec", "'ipsec' is none of all, vlan"),
        ("ports", "sip", "neither a port nor a range"),
        ("ports", "0", "neither a port nor a range"),
        ("ports", "5060-", "neither a port nor a range"),
        ("spool_size", "10", "a megabyte or more"),
        ("spool_size", "much", "a megabyte or more"),
        ("stream_url", "http://host", "redis://, rediss:// or unix://"),
        ("stream_url", "redis://[", "redis://, rediss:// or unix://"),
        ("stream_url", "redis+cluster://", "a node of the cluster has no name"),
        ("id", "a/b", "no name of letters"),
        ("partitions", "65", "no number from 1 to 64"),
        ("drop_method", "OP TIONS/", "no method"),
        ("drop_address", "example.com", "example.com"),
        ("promiscuous", "maybe", "neither yes nor no"),
        ("calls_per_second", "0", "no number above 0"),
        ("calls_per_second", "fast", "no number above 0"),
        ("log_level", "LOUD", "none of DEBUG"),
        ("output", "paper", "none of redis, console"),
        ("listen", "9060", "like udp:0.0.0.0:9060"),
        ("mirror", "homer:9060", "no mirror like hep:192.0.2.1:9060"),
        ("mirror", "hep:homer", "no mirror like"),
    ],
)
def test_a_wrong_value_is_refused_by_the_name_that_it_was_given_by(field: str, text: str, problem: str) -> None:
    flag = "--" + field.replace("_", "-")
    variable = next(option.variable for option in OPTIONS if option.field == field)
    (as_argument,) = problems({field: text})
    (as_variable,) = problems({}, {variable: text})
    assert as_argument.startswith(f"{flag}: ")
    assert as_variable.startswith(f"{variable}: ")
    assert problem in as_argument
    assert problem in as_variable


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({"receiver": "file"}, "say which, by --file"),
        ({"receiver": "libpcap", "file": "x"}, "the receiver libpcap reads no file"),
        ({"receiver": "tshark", "file": "-"}, "only the receiver file reads standard input"),
        ({"key_log": "x"}, "--key-log: only the receiver tshark or file takes it"),
        ({"decode_as": "tcp.port==1:tls"}, "--decode-as: only the receiver tshark"),
        ({"receiver": "tshark", "decode_as": "5063:tls"}, "no rule like tcp.port==5063:tls"),
        ({"hep_key": "secret"}, "--hep-key: only the receiver hep takes it"),
        ({"allow": "192.0.2.0/24"}, "--allow: only the receiver hep takes it"),
        ({"receiver": "hep", "listen": "tls:0.0.0.0:9061"}, "--listen tls: needs --tls-certificate"),
        ({"receiver": "hep", "hep_key": "=horse"}, "expected KEY, or AGENT=KEY"),
        ({"receiver": "hep", "hep_key": "horse="}, "expected KEY, or AGENT=KEY"),
    ],
)
def test_what_does_not_go_together_is_refused(arguments: dict[str, str], problem: str) -> None:
    (only,) = problems(arguments)
    assert problem in only


def test_all_problems_are_told_at_once() -> None:
    assert len(problems({"pace": "9", "ports": "x", "id": "/"}, {"OFFHOOK_COLLECTOR_SPOOL_SIZE": "1"})) == 4


def test_a_password_is_in_no_problem() -> None:
    assert "horse" not in str(problems({"stream_url": "http://user:horse@host"}))
    assert "horse" not in str(problems({"receiver": "hep", "hep_key": "=horse"}))


def test_what_concerns_hep_is_read() -> None:
    env = {"OFFHOOK_COLLECTOR_HEP_KEY": "common,7=seven sbc=own=er"}
    config = load({"receiver": "hep", "listen": "udp:0.0.0.0:9060,tls:[::]:9061", "tls_certificate": "x.pem"}, env)
    assert [str(each) for each in config.listen] == ["udp:0.0.0.0:9060", "tls:[::]:9061"]
    assert config.hep_key == {"": "common", "7": "seven", "sbc": "own=er"}
    assert load({}, {}).mirror is None
    mirror = load({"mirror": "hep+tcp:[2001:db8::1]:9060"}, {}).mirror
    assert mirror is not None
    assert (mirror.host, mirror.port) == ("2001:db8::1", 9060)


def test_every_option_is_a_field() -> None:
    assert {option.field for option in OPTIONS} == set(Config.__struct_fields__)
