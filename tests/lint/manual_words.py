#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What programs print of a closed set, and the bounds that they enforce, stand in the manual: causes of drops, states and events of the
module, reasons and rules of certificates, and the largest number of this and that. Prints TAP.
"""
import os
import re
import sys

top = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(top, "tests/lib"))
import tap  # noqa: E402
from tap import result  # noqa: E402
NAME = r'"([a-z][a-z0-9-]*)"'


def read(path):
    with open(os.path.join(top, path), encoding="utf-8") as file:
        return file.read()


def part(page, begin, end):
    """What stands between two lines of a page, each given by how it begins."""
    text = read("docs/man/" + page)
    found = re.search(rf"^{re.escape(begin)}.*?$(.*?)^{end}", text, re.S | re.M)
    return found[1] if found else ""


def words(text):
    return set(re.findall(r"[a-z][a-z0-9-]*", text))


def named(what, names, text, least):
    result(what, sorted(names - words(text)) + ([f"only {len(names)} were found"] if len(names) < least else []))


def between(path, begin, end):
    """The names in a table or function of a source."""
    return set(re.findall(NAME, re.search(begin + r"(.*?)" + end, read(path), re.S)[1]))


names = "userspace/kernel/names.c"
module = part("certgate.8", ".Ss Why packets are dropped", r"\.Ss States")
states = part("certgate.8", ".Ss States", r"\.Ss ")
cert = part("certgate.8", ".Sh CERTIFICATES", r"\.Sh ")
kernel = part("certgate.8", ".Sh THE KERNEL MODULE", r"\.Sh ")
print("1..8")
named("certgate(8) lists the causes of drops", between(names, r"drop_names\[\] = \{", r"\};"), module, 12)
named("and the states of bindings", between(names, r"cgk_cert_state_name\(", r"\n\}") - {"unknown"}, states, 4)
named("and of SAs, and their deaths",
      (between(names, r"cgk_sa_state_name\(", r"\n\}") | between(names, r"cgk_sa_death_name\(", r"\n\}")) - {"unknown"}, states, 10)
named("and the module's events", between(names, r"cgk_event_name\(", r"\n\}") - {"unknown"},
      part("certgate.8", ".Ss Events", r"\.Ss "), 10)
named("and the algorithms of SAs", between(names, r"encrs\[\] = \{", r"\};") | between(names, r"integs\[\] = \{", r"\};"),
      kernel, 11)
named("and the reasons of a refusal", between("userspace/pki/reason.c", r"names\[_PKI_REASON_MAX\] = \{", r"\};") - {"ok"}, cert, 20)
named("and the rules of cert lint", set(re.findall(r'\[PKI_RULE_\w+\] =\s*\{"([a-z-]+)"', read("userspace/pki/note.c"))), cert, 15)

# Where the bound is defined, and the item of a page that has to tell it.
CONFIG, NETNS = "userspace/config/config.h", "kmod/netns.h"
BOUNDS = [
    (CONFIG, "CG_CONNECTIONS_MAX", "connections"), (CONFIG, "CG_POLICIES_MAX", "policies"), (CONFIG, "CG_LISTEN_MAX", "listen"),
    (CONFIG, "CG_ROLE_MEMBERS_MAX", "roles.administrator"), (CONFIG, "CG_FETCH_NETWORKS_MAX", "fetch.allowed_networks"),
    ("userspace/config/vault_url.h", "CG_VAULT_HOSTS_MAX", "vault.hosts"), (CONFIG, "CG_NAME_MAX", "name"),
    (CONFIG, "CG_ADDRESSES_MAX", "interface.addresses"), (CONFIG, "CG_UNDERLAYS_MAX", "interface.vrf"),
    (CONFIG, "CG_NETWORKS_MAX", "local_networks"), (CONFIG, "CG_NETWORKS_MAX", "remote_networks"), (CONFIG, "CG_CHILDREN_MAX", "children"),
    (CONFIG, "CG_HARDWARE_GROUPS_MAX", "outbound_certificate.key.groups"),
    (CONFIG, "CG_HARDWARE_ENV_MAX", "outbound_certificate.key.environment"),
    (CONFIG, "CG_CHAIN_FILES_MAX", "outbound_certificate.chain"), (CONFIG, "CG_CHAIN_FILES_MAX", "inbound_certificate.chain"),
    (CONFIG, "CG_CRL_FILES_MAX", "inbound_certificate.crls"), (CONFIG, "CG_CONFIG_FILES_MAX", "include"),
    (CONFIG, "CG_CONFIG_INCLUDE_DEPTH", "include"),
    (NETNS, "CG_MAX_BINDINGS", None), (NETNS, "CG_MAX_SAS", None), (NETNS, "CG_MAX_TUNNEL_SAS", None), (NETNS, "CG_MAX_SOCKETS", None),
    (NETNS, "CG_MAX_LARVALS", None), (NETNS, "CG_MAX_TUNNEL_LARVALS", None),
]
wrong = []
for path, bound, item in BOUNDS:
    value = re.search(rf"\b{bound}\b\s*=?\s*(\d+)", read(path))
    text = part("certgate.yaml.5", f".It Ic {item} :", r"\.(?:It|El)") if item else part("certgate.8", ".Ss Bounds", r"\.S[sh] ")
    if not value:
        wrong.append(f"{path} does not define {bound}")
    elif not re.search(rf"(?<!\d){value[1]}(?!\d)", text):
        wrong.append(f"{item or 'the bounds of the module'}: {value[1]} ({bound}) is not told")
result("certgate.yaml(5) tells the bounds of a configuration, certgate(8) those of the module", wrong)
sys.exit(1 if tap.failed else 0)
