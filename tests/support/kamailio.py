"""A real Kamailio that proxies to two servers, and mirrors all that it sees over HEP."""

import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from string import Template

from tests.support.processes import is_bound, spawn, stop, wait_for

MODULES = next(iter(Path("/usr/lib").glob("*/kamailio/modules")), Path("/usr/lib/kamailio/modules"))
AVAILABLE = shutil.which("kamailio") is not None and (MODULES / "siptrace.so").exists()

_CONFIG = Template("""#!KAMAILIO
debug=2
log_stderror=yes
fork=yes
children=2
tcp_children=1
auto_aliases=no
dns=no
rev_dns=no
listen=udp:127.0.0.1:$port
listen=tcp:127.0.0.1:$port
mpath="$modules/"
loadmodule "kex.so"
loadmodule "tm.so"
loadmodule "sl.so"
loadmodule "rr.so"
loadmodule "pv.so"
loadmodule "textops.so"
loadmodule "siputils.so"
loadmodule "siptrace.so"
# Nothing is sent again, however slow the machine is.
modparam("tm", "retr_timer1", 20000)
modparam("tm", "retr_timer2", 20000)
modparam("siptrace", "trace_on", 1)
modparam("siptrace", "trace_mode", 1)
modparam("siptrace", "trace_to_database", 0)
modparam("siptrace", "hep_mode_on", 1)
modparam("siptrace", "hep_version", 3)
modparam("siptrace", "hep_capture_id", 2001)
modparam("siptrace", "auth_key", "$key")
modparam("siptrace", "duplicate_uri", "$homer")
request_route {
    if (is_method("CANCEL")) { if (t_check_trans()) t_relay(); exit; }
    if (is_method("REGISTER")) { $$du = "sip:127.0.0.1:$registrar"; t_relay(); exit; }
    if (has_totag()) {
        if (is_method("ACK") && t_check_trans()) { t_relay(); exit; }
        # The caller of sipp takes no notice of Record-Route.
        if (!loose_route()) $$du = "sip:127.0.0.1:$callee";
        t_relay(); exit;
    }
    t_check_trans();
    if (is_method("INVITE")) record_route();
    $$du = "sip:127.0.0.1:$callee";
    if (!t_relay()) sl_reply_error();
    exit;
}
""")


@contextmanager
def kamailio(folder: Path, *, port: int, callee: int, registrar: int, homer: str, key: str) -> Iterator[None]:
    """Runs on 127.0.0.1:`port`; `homer` is where HEP goes: "sip:127.0.0.1:9060;transport=tcp"."""
    config = folder / "kamailio.cfg"
    config.write_text(
        _CONFIG.substitute(port=port, callee=callee, registrar=registrar, homer=homer, key=key, modules=MODULES)
    )
    run, log = folder / "run", folder / "kamailio.log"
    run.mkdir()
    command = ["kamailio", "-f", str(config), "-DD", "-E", "-m", "64", "-M", "8", "-Y", str(run), "-P", f"{run}/pid"]
    with log.open("wb") as output:
        process = spawn(command, stdout=output, stderr=subprocess.STDOUT)
        try:
            wait_for(lambda: _listens(port, process, log), 60, what="Kamailio")
            yield
        finally:
            stop(process)


def _listens(port: int, process: subprocess.Popen[bytes], log: Path) -> bool:
    if process.poll() is not None:
        raise AssertionError(f"Kamailio ended: {log.read_text()[-4000:]}")
    return all(is_bound(port, kind=kind) for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM))
