"""The cases of `torture`: RFC 4475 section 3, RFC 5118 section 4."""

from typing import Final

from tests.collectors.sip.torture import SDP, Case, message

OPTIONS: Final = "OPTIONS sip:user@example.com SIP/2.0"
INVITE: Final = "INVITE sip:user@example.com SIP/2.0"
REGISTER: Final = "REGISTER sip:example.com SIP/2.0"
OK: Final = "SIP/2.0 200 OK"

VALID: Final = (
    Case(
        "wsinv", "4475 §3.1.1.1", "folding, blanks and compact names wherever they may be", "read it",
        b"INVITE sip:bob@example.com;other SIP/2.0\r\nTO :\r\n sip:bob@example.com ;   tag    = 42t\r\n"
        b'from   : "A \\\\\\""       <sip:alice@example.com>\r\n  ;\r\n  tag = 98f\r\nMaX-fOrWaRdS: 0068\r\n'
        b"Call-ID: ws@192.0.2.9\r\nContent-Length   : 0\r\ncseq: 0009\r\n  INVITE\r\nVia  : SIP  /   2.0\r\n /UDP\r\n"
        b"    192.0.2.9;branch=390\r\ns :\r\nOdd: ;;,,;;,;\r\nRoute:\r\n <sip:r.example.com;lr>\r\n"
        b"v:  SIP  / 2.0  / TCP     t.example.com   ;\r\n  branch  =   z9hG4bK9  ,\r\n SIP  /    2.0   / UDP  192.0.2.8"
        b'   ; branch=\r\n z9hG4bK3\r\nm:"Quoted \\"\\"" <sip:alice@192.0.2.9> ; newparam =\r\n      newvalue ;\r\n'
        b"  second ; q = 0.33\r\n\r\n",
        reads={
            "call_id": "ws@192.0.2.9", "cseq": (9, "INVITE"), "from_tag": "98f", "to_tag": "42t", "branch": "390",
            "via_hosts": ["192.0.2.9", "t.example.com", "192.0.2.8"], "transports": ["UDP", "TCP", "UDP"],
            "from_name": 'A \\"', "max_forwards": "0068",
            "contact_parameters": [{"newparam": "newvalue", "second": "", "q": "0.33"}],
        },
    ),
    Case(
        "intmeth", "4475 §3.1.1.2", "every character that a method, a user, a tag may have", "read it",
        message(
            "!a-Method0_*+`.%d'~ sip:1_~(to-be)&isn't+it$/odd?,/;;*:&it+has=1,w!*pas$wo~d_too.(x)@h.com SIP/2.0",
            "Via: SIP/2.0/TCP h.example.com;branch=z9hG4bK-.!%66*_+`'~",
            'To: "BEL:\\\a NUL:\\\0 DEL:\\\x7f" <sip:1_~(to-be!sure)&isn\'t+it$/crazy?,/;;*@example.com>',
            "From: t1~` t2'+_ t3*%!.- <sip:m@example.com>;p''~+*_!.-%=\"работает\";tag=_t~1'+`*%!-.",
            "Call-ID: w%ZK-!.*_+'@w`~)(><:\\/\"][?}{",
            "Extension-!.%*+_`'~:\ufeff大停電",
        ),
        reads={
            "method": "!a-Method0_*+`.%d'~", "from_tag": "_t~1'+`*%!-.", "branch": "z9hG4bK-.!%66*_+`'~",
            "from_name": "t1~` t2'+_ t3*%!.-", "to_name": "BEL:\a NUL:\0 DEL:\x7f",
        },
    ),
    Case(
        "esc01", "4475 §3.1.1.3", "escapes in URIs", "read it; an escaped letter is that letter",
        message(
            "INVITE sip:sips%3Auser%40example.com@example.net SIP/2.0",
            "To: sip:%75se%72@example.com",
            "From: <sip:I%20have%20spaces@h.net>;tag=938",
            "Contact: <sip:cal%6Cer@192.0.2.9;%6C%72;n%61me=v%61lue%25%34%31>",
        ),
        reads={"to_uri": "sip:%75se%72@example.com", "from_uri": "sip:I%20have%20spaces@h.net", "from_tag": "938"},
    ),
    Case(
        "escnull", "4475 §3.1.1.4", "escaped zero octets in URIs", "read it; they end nothing",
        message(REGISTER, "To: sip:null-%00-null@example.com", "Contact: <sip:%00@h>", "Contact: <sip:%00%00@h>"),
        reads={"to_uri": "sip:null-%00-null@example.com", "contacts": ["sip:%00@h", "sip:%00%00@h"]},
    ),
    Case(
        "esc02", "4475 §3.1.1.5", "percent signs that escape nothing, in a method and a name", "read it",
        message("RE%47IST%45R sip:registrar.example.com SIP/2.0", 'To: "%Z%45" <sip:resource@example.com>'),
        reads={"method": "RE%47IST%45R", "to_name": "%Z%45"},
    ),
    Case(
        "lwsdisp", "4475 §3.1.1.6", "no blank between name and <", "read it",
        message(OPTIONS, "From: caller<sip:caller@example.com>;tag=323"),
        reads={"from_uri": "sip:caller@example.com", "from_name": "caller", "from_tag": "323"},
    ),
    Case(
        "longreq", "4475 §3.1.1.7", "long values in every header", "read it",
        message(
            INVITE,
            f'To: "I have a user name of {"extreme " * 30}proportion" <sip:user@example.com:6000;p={"very" * 60}>',
            f"Call-ID: long{'req' * 90}@192.0.2.9",
            f"Via: {', '.join(f'SIP/2.0/TCP sip{n}.example.com;branch=z9hG4bK{n}' for n in range(34))}",
        ),
        reads={"call_id": f"long{'req' * 90}@192.0.2.9", "vias": 34, "to_uri": "sip:user@example.com:6000"},
    ),
    Case(
        "dblreq", "4475 §3.1.1.8", "octets behind the end that Content-Length names", "read it; drop them on UDP",
        message(REGISTER) + message(INVITE, body=SDP),
        reads={"method": "REGISTER", "parts": []},
    ),
    Case(
        "semiuri", "4475 §3.1.1.9", "a semicolon in the user of the Request-URI", "read it; it is no URI parameter",
        message("OPTIONS sip:user;par=u%40example.net@example.com SIP/2.0", "To: sip:j_user@example.com"),
        reads={"method": "OPTIONS", "to_uri": "sip:j_user@example.com"},
    ),
    Case(
        "transports", "4475 §3.1.1.10", "transports that nobody knows in Via", "read it",
        message(OPTIONS, *(f"Via: SIP/2.0/{name} h.example.com;branch=z9hG4bK1" for name in ("UDP", "SCTP", "ODD"))),
        reads={"transports": ["UDP", "SCTP", "ODD"], "vias": 3},
    ),
    Case(
        "mpart01", "4475 §3.1.1.11", "a multipart body, one part of it binary", "read it",
        message(
            "MESSAGE sip:k@example.org SIP/2.0", "Content-Type: multipart/mixed;boundary=7a9",
            body="--7a9\r\nContent-Type: text/plain\r\n\r\nHi\r\n"
            "--7a9\r\nContent-Type: application/octet-stream\r\n\r\n\udcff\udc80\udc90\r\n--7a9--",
        ),
        reads={"parts": ["multipart/mixed", "text/plain", "application/octet-stream"]},
    ),
    Case(
        "unreason", "4475 §3.1.1.12", "a reason phrase in UTF-8", "read it",
        message("SIP/2.0 200 = 2**3 * 5**2 но сто девяносто девять - простое"),
        reads={"status": 200, "first": "SIP/2.0 200 = 2**3 * 5**2 но сто девяносто девять - простое"},
    ),
    Case(
        "noreason", "4475 §3.1.1.13", "no reason phrase", "read it",
        message("SIP/2.0 100 "), reads={"status": 100},
    ),
)  # fmt: skip

INVALID: Final = (
    Case(
        "badinv01", "4475 §3.1.2.1", "separators with nothing between them", "400",
        message(INVITE, "Via: SIP/2.0/UDP 192.0.2.9;;,;,,", 'Contact: "Joe" <sip:joe@example.org>;;;;'),
        ("bad-via", "bad-contact"),
    ),
    Case(
        "clerr", "4475 §3.1.2.2", "Content-Length promises more than there is", "400, on UDP",
        message(INVITE, "Content-Length: 9999", body=SDP), ("truncated-body",),
    ),
    Case(
        "ncl", "4475 §3.1.2.3", "a negative Content-Length", "400",
        message(INVITE, "Content-Length: -999", body=SDP), ("bad-content-length",),
    ),
    Case(
        "scalar02", "4475 §3.1.2.4", "numbers of a request that are far too large", "400",
        message(REGISTER, "CSeq: 36893488147419103232 REGISTER", "Max-Forwards: 300", "Expires: 10000000000000"),
        ("bad-cseq", "bad-max-forwards", "bad-expires"),
    ),
    Case(
        "scalarlg", "4475 §3.1.2.5", "numbers of a response that are far too large", "drop it",
        message(
            "SIP/2.0 503 Service Unavailable", "CSeq: 9292394834772304023312 OPTIONS",
            "Retry-After: 949302838503028349304023988", 'Warning: 1812 overture "In Progress"',
        ),
        ("bad-cseq", "bad-warning"),
    ),
    Case(
        "quotbal", "4475 §3.1.2.6", "a quotation mark that is never closed", "400, or guess its end with care",
        message(INVITE, 'To: "Mr. J. User <sip:j.user@example.com>'), ("bad-to",),
        {"to_uri": "sip:j.user@example.com"},
    ),
    Case(
        "ltgtruri", "4475 §3.1.2.7", "a Request-URI in angle brackets", "400, or take it",
        message("INVITE <sip:user@example.com> SIP/2.0"), ("bad-request-uri",),
    ),
    Case(
        "lwsruri", "4475 §3.1.2.8", "a blank within the Request-URI", "400, or take it",
        message("INVITE sip:user@example.com; lr SIP/2.0"), ("bad-request-uri",),
    ),
    Case(
        "lwsstart", "4475 §3.1.2.9", "several blanks between the fields of the first line", "400, or take it",
        message("INVITE  sip:user@example.com  SIP/2.0"), ("start-line-blanks",), {"method": "INVITE"},
    ),
    Case(
        "trws", "4475 §3.1.2.10", "blanks at the end of the first line", "400, or take it",
        message("OPTIONS sip:remote@example.com SIP/2.0  "), ("start-line-blanks",), {"method": "OPTIONS"},
    ),
    Case(
        "escruri", "4475 §3.1.2.11", "headers in the Request-URI", "400, or ignore them",
        message("INVITE sip:user@example.com?Route=%3Csip:example.com%3E SIP/2.0"), ("bad-request-uri",),
    ),
    Case(
        "baddate", "4475 §3.1.2.12", "a Date that is not in GMT", "400, or ignore it",
        message(INVITE, "Date: Fri, 01 Jan 2010 16:00:00 EST"), ("bad-date",),
    ),
    Case(
        "regbadct", "4475 §3.1.2.13", "a Contact with headers in its URI and no angle brackets", "400",
        message(REGISTER, "Contact: sip:user@example.com?Route=%3Csip:sip.example.com%3E"), ("bad-contact",),
    ),
    Case(
        "badaspec", "4475 §3.1.2.14", "blanks within the angle brackets", "400, or take it",
        message(OPTIONS, 'To: "Watson, Thomas" < sip:t.watson@example.org >'), ("bad-to",),
        {"to_uri": "sip:t.watson@example.org", "to_name": "Watson, Thomas"},
    ),
    Case(
        "baddn", "4475 §3.1.2.15", "a comma in a name without quotation marks", "400, or take it",
        message(OPTIONS, "From: Bell, Alexander <sip:a.g.bell@example.com>;tag=43"), ("bad-from",),
        {"from_uri": "sip:a.g.bell@example.com", "from_tag": "43"},
    ),
    Case(
        "badvers", "4475 §3.1.2.16", "another version of SIP", "505",
        message("OPTIONS sip:t.watson@example.org SIP/7.0", "Via: SIP/7.0/UDP c.example.com;branch=z9hG4bKk"),
        ("bad-version",), {"method": "OPTIONS"},
    ),
    Case(
        "mismatch01", "4475 §3.1.2.17", "CSeq names another method", "400",
        message(OPTIONS, "CSeq: 8 INVITE"), ("cseq-mismatch",), {"method": "OPTIONS", "cseq": (8, "INVITE")},
    ),
    Case(
        "mismatch02", "4475 §3.1.2.18", "the same, and nobody knows the method", "501, or 400",
        message("NEWMETHOD sip:user@example.com SIP/2.0", "CSeq: 8 INVITE"), ("cseq-mismatch",),
        {"method": "NEWMETHOD"},
    ),
    Case(
        "bigcode", "4475 §3.1.2.19", "a status that is far too large", "drop it",
        message("SIP/2.0 4294967301 better not break the receiver"), ("bad-status",), {"status": 0},
    ),
    Case(
        "badbranch", "4475 §3.2.1", "a branch that is the magic cookie alone", "treat it as one of RFC 2543",
        message(OPTIONS, "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK"), ("bad-branch",), {"branch": "z9hG4bK"},
    ),
)  # fmt: skip

APPLICATION: Final = (
    Case(
        "insuf", "4475 §3.3.1", "no Call-ID, From, To, Max-Forwards", "400",
        message(INVITE, drop=("call-id", "from", "to", "max-forwards")),
        ("no-call-id", "no-from", "no-to", "no-max-forwards"), {"cseq": (7, "INVITE")},
    ),
    Case(
        "unkscm", "4475 §3.3.2", "a Request-URI of a scheme that nobody knows", "416",
        message("OPTIONS nobodyKnowsThisScheme:totallyopaquecontent SIP/2.0"), reads={"method": "OPTIONS"},
    ),
    Case(
        "novelsc", "4475 §3.3.3", "a Request-URI of another protocol", "416",
        message("OPTIONS soap.beep://192.0.2.103:3002 SIP/2.0"), reads={"method": "OPTIONS"},
    ),
    Case(
        "unksm2", "4475 §3.3.4", "other schemes in To, From and Contact", "a 200 or 404, as for any To",
        message(REGISTER, "To: isbn:2983792873", "From: <http://www.example.com>;tag=3", "Contact: <name:John_Smith>"),
        reads={"to_uri": "isbn:2983792873", "from_uri": "http://www.example.com", "contact": "name:John_Smith"},
    ),
    Case(
        "bext01", "4475 §3.3.5", "extensions that nobody supports in Require", "420 with Unsupported",
        message(OPTIONS, "Require: nothingSupportsThis, norThis", "Proxy-Require: noProxiesSupportThis"),
        reads={"require": "nothingSupportsThis, norThis"},
    ),
    Case(
        "invut", "4475 §3.3.6", "a body of a type that nobody knows", "415",
        message(INVITE, "Content-Type: application/unknownformat", body="<audio/>\r\n"),
        reads={"parts": ["application/unknownformat"]},
    ),
    Case(
        "regaut01", "4475 §3.3.7", "credentials of a scheme that nobody knows", "401, or ignore them",
        message(REGISTER, "Authorization: NoOneKnowsThisScheme opaque-data=here"), reads={"method": "REGISTER"},
    ),
    Case(
        "multi01", "4475 §3.3.8", "several values of what may come once", "400, or take the first",
        message(INVITE, "CSeq: 5 INVITE", "Call-ID: one@192.0.2.1", "CSeq: 59 INVITE", "Call-ID: two@192.0.2.2"),
        ("repeated-header",), {"cseq": (5, "INVITE"), "call_id": "one@192.0.2.1"},
    ),
    Case(
        "mcl01", "4475 §3.3.9", "several values of Content-Length", "400",
        message(OPTIONS, "Content-Length: 13", "Content-Length: 5", body="There is no way to know how much.\r\n"),
        ("repeated-header",),
    ),
    Case(
        "bcast", "4475 §3.3.10", "a response to a broadcast address in Via", "drop it, never send it there",
        message(OK, "Via: SIP/2.0/UDP 192.0.2.198;branch=z9hG4bK1", "Via: SIP/2.0/UDP 255.255.255.255;branch=z9hG4bK2"),
        reads={"via_hosts": ["192.0.2.198", "255.255.255.255"]},
    ),
    Case(
        "zeromf", "4475 §3.3.11", "Max-Forwards is 0", "answer it, or 483",
        message(OPTIONS, "Max-Forwards: 0"), reads={"max_forwards": "0"},
    ),
    Case(
        "cparam01", "4475 §3.3.12", "a Contact without angle brackets, with a parameter", "it is the header's",
        message(REGISTER, "Contact: sip:+19725552222@gw1.example.net;unknownparam"),
        reads={"contacts": ["sip:+19725552222@gw1.example.net"], "contact_parameters": [{"unknownparam": ""}]},
    ),
    Case(
        "cparam02", "4475 §3.3.13", "a Contact with a parameter within its angle brackets", "it is the URI's",
        message(REGISTER, "Contact: <sip:+19725552222@gw1.example.net;unknownparam>"),
        reads={"contact_parameters": [{}], "uri_parameters": [{"unknownparam": ""}]},
    ),
    Case(
        "regescrt", "4475 §3.3.14", "a Contact with an escaped Route", "keep it with the binding",
        message(REGISTER, "Contact: <sip:user@example.com?Route=%3Csip:sip.example.com%3E>"),
        reads={"contacts": ["sip:user@example.com?Route=%3Csip:sip.example.com%3E"]},
    ),
    Case(
        "sdp01", "4475 §3.3.15", "an Accept without application/sdp", "406",
        message(INVITE, "Accept: text/nobodyKnowsThis", body=SDP), reads={"parts": ["application/sdp"]},
    ),
    Case(
        "inv2543", "4475 §3.4.1", "an INVITE of RFC 2543: no branch, tag, Max-Forwards, Contact", "accept it",
        message(
            INVITE, "Via: SIP/2.0/UDP iftgw.example.com", "From: <sip:+13035551111@ift.example.net;user=phone>",
            body=SDP, drop=("max-forwards", "contact", "content-length"),
        ),
        ("no-max-forwards", "no-contact"), {"branch": "", "from_tag": "", "content": [SDP.encode()]},
    ),
)  # fmt: skip

V6: Final = "Via: SIP/2.0/UDP [2001:db8::9:1];branch=z9hG4bKas3"

IPV6: Final = (
    Case(
        "ipv6-good", "5118 §4.1", "an IPv6 address in every place", "read it",
        message("REGISTER sip:[2001:db8::10] SIP/2.0", V6, 'Contact: "Caller" <sip:caller@[2001:db8::1]>'),
        reads={"via_hosts": ["[2001:db8::9:1]"], "contact_hosts": ["[2001:db8::1]"], "contact_names": ["Caller"]},
    ),
    Case(
        "ipv6-bad", "5118 §4.2", "an IPv6 address without brackets in the Request-URI", "400",
        message("REGISTER sip:2001:db8::10 SIP/2.0", V6), ("bad-request-uri",),
    ),
    Case(
        "port-ambiguous", "5118 §4.3", "the port within the brackets", "it is part of the address",
        message("REGISTER sip:[2001:db8::10:5070] SIP/2.0", V6, "Contact: <sip:c@[2001:db8::10:5070]>"),
        reads={"contact_hosts": ["[2001:db8::10:5070]"]},
    ),
    Case(
        "port-unambiguous", "5118 §4.4", "the port behind the brackets", "it is the port",
        message("REGISTER sip:[2001:db8::10]:5070 SIP/2.0", "Via: SIP/2.0/UDP [2001:db8::9:1]:5070;branch=z9hG4bKa"),
        reads={"via_hosts": ["[2001:db8::9:1]"], "via_ports": [5070]},
    ),
    Case(
        "via-received-param-with-delim", "5118 §4.5", "brackets in received", "read it",
        message(OPTIONS, "Via: SIP/2.0/UDP [2001:db8::9:1];received=[2001:db8::9:255];branch=z9hG4bKas3"),
        reads={"received": ["2001:db8::9:255"], "branch": "z9hG4bKas3"},
    ),
    Case(
        "via-received-param-no-delim", "5118 §4.5", "no brackets in received", "read it",
        message(OPTIONS, "Via: SIP/2.0/UDP [2001:db8::9:1];received=2001:db8::9:255;branch=z9hG4bKas3"),
        reads={"received": ["2001:db8::9:255"], "branch": "z9hG4bKas3"},
    ),
    Case(
        "ipv6-in-sdp", "5118 §4.6", "IPv6 addresses in SDP", "read it",
        message(INVITE, V6, body="v=0\r\no=a 9 0 IN IP6 2001:db8::20\r\ns=-\r\nc=IN IP6 2001:db8::20\r\nt=0 0\r\n"),
        reads={"parts": ["application/sdp"]},
    ),
    Case(
        "mult-ip-in-header", "5118 §4.7", "IPv4 and IPv6 in one Via list", "read it",
        message(
            "BYE sip:user@host.example.net SIP/2.0", "Via: SIP/2.0/UDP [2001:db8::9:1]:6050;branch=z9hG4bKa",
            "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKb",
            "Via: SIP/2.0/TCP [2001:db8::9:255];branch=z9hG4bKc;received=192.0.2.200",
        ),
        reads={
            "via_hosts": ["[2001:db8::9:1]", "192.0.2.1", "[2001:db8::9:255]"], "received": ["", "", "192.0.2.200"],
            "via_ports": [6050, None, None],
        },
    ),
    Case(
        "mult-ip-in-sdp", "5118 §4.8", "IPv4 and IPv6 in one SDP", "read it",
        message(
            INVITE, V6,
            body="v=0\r\no=b 2 2 IN IP4 h.example.com\r\ns=-\r\nt=0 0\r\nm=audio 22334 RTP/AVP 0\r\n"
            "c=IN IP4 192.0.2.1\r\nm=video 6024 RTP/AVP 107\r\nc=IN IP6 2001:db8::1\r\n",
        ),
        reads={"parts": ["application/sdp"]},
    ),
    Case(
        "ipv4-mapped-ipv6", "5118 §4.9", "IPv4 addresses mapped into IPv6", "read it",
        message(
            INVITE, "Via: SIP/2.0/UDP [::ffff:192.0.2.10]:19823;branch=z9hG4bKbh", "Contact: <sip:t@[::ffff:192.0.2.2]>"
        ),
        reads={"via_hosts": ["[::ffff:192.0.2.10]"], "via_ports": [19823], "contact_hosts": ["[::ffff:192.0.2.2]"]},
    ),
    Case(
        "ipv6-bug-abnf-3-colons", "5118 §4.10", "three colons, by a slip of RFC 3261's grammar", "read them as two",
        message("OPTIONS sip:user@[2001:db8:::192.0.2.1] SIP/2.0", "To: sip:user@[2001:db8:::192.0.2.1]"),
        reads={"to_uri": "sip:user@[2001:db8:::192.0.2.1]"},
    ),
    Case(
        "ipv6-correct-abnf-2-colons", "5118 §4.10", "two colons before an IPv4 address", "read it",
        message("OPTIONS sip:user@[2001:db8::192.0.2.1] SIP/2.0", "To: sip:user@[2001:db8::192.0.2.1]"),
        reads={"to_uri": "sip:user@[2001:db8::192.0.2.1]"},
    ),
)  # fmt: skip

CASES: Final = (*VALID, *INVALID, *APPLICATION, *IPV6)
