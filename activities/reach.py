"""Where the engine may connect to when somebody else names the address: public ones, and those that the operator allows.

A subscriber's URL is the caller's word, so it must never become a way into our own network (server-side request forgery). It is judged
when it is given, and again at each connection: every address that the name resolves to is looked at, and the connection goes to an address
that was looked at, so a name that is pointed elsewhere in between (DNS rebinding) gains nothing. Redirects are followed nowhere.
"""

import asyncio
import functools
import ipaddress
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Self
from urllib.parse import urlsplit

import httpcore
import httpx

from schemas.findings import Finding

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Resolve = Callable[[str, int], Awaitable[list[str]]]
"""Host and port to the addresses of the host. Raises OSError."""

URL_LENGTH = 2000
WEB_PORTS = frozenset({80, 443})
FIRST_FREE_PORT = 1024
"""Below it only the web's own ports: a POST to a mail or directory server is no delivery."""
OTHER_WAYS = tuple(
    ipaddress.ip_network(name)
    for name in (
        "64:ff9b::/96", "64:ff9b:1::/48",  # NAT64: an IPv4 address in disguise
        "2002::/16", "2001::/32", "192.88.99.0/24",  # 6to4 and Teredo: the same
        "100.64.0.0/10", "192.0.0.0/24", "198.18.0.0/15", "240.0.0.0/4",
        "2001:db8::/32", "3fff::/20", "5f00::/16", "100::/64",
    )
)  # fmt: skip
"""Beside what the library knows as private: ranges that some of its releases call global."""


_RESOLVERS = ThreadPoolExecutor(16, "resolve")


class Unreachable(Exception):
    """An address to which nothing may be sent. Its text may be shown: it names no address that the caller did not name."""


async def resolve(host: str, port: int) -> list[str]:
    """By the machine's own resolver, in threads of its own: a name server that hangs keeps nobody else waiting."""
    ask = functools.partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
    found = await asyncio.get_running_loop().run_in_executor(_RESOLVERS, ask)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def is_public(address: Address) -> bool:
    """Whether it is an address of the public internet, whatever it is dressed as."""
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    closed = (
        address.is_private, address.is_loopback, address.is_link_local, address.is_multicast, address.is_reserved, address.is_unspecified,
    )  # fmt: skip
    return address.is_global and not any(closed) and not any(address in network for network in OTHER_WAYS)


@dataclass(frozen=True)
class Reach:
    """What may be reached besides public addresses over https: `networks` and `hosts`, where http will do too."""

    networks: tuple[Network, ...] = ()
    hosts: frozenset[str] = frozenset()
    resolve: Resolve = field(default=resolve, compare=False)

    @classmethod
    def of(cls, allowed: str, resolve: Resolve | None = None) -> Self:
        """From the setting: networks (`10.1.0.0/16`, `127.0.0.1`) and host names, separated by commas or spaces. Raises ValueError."""
        networks, hosts = [], set()
        for word in allowed.replace(",", " ").split():
            try:
                networks.append(ipaddress.ip_network(word))
            except ValueError:
                if "/" in word:
                    raise
                hosts.add(word.lower().rstrip("."))
        found = cls(tuple(networks), frozenset(hosts))
        return found if resolve is None else replace(found, resolve=resolve)

    def permits(self, address: Address) -> bool:
        if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        return is_public(address) or any(address in network for network in self.networks)

    def _plain(self, host: str) -> bool:
        """Whether http will do."""
        literal = _literal(host)
        return host in self.hosts or (literal is not None and any(literal in network for network in self.networks))

    def faults(self, url: str) -> list[Finding]:
        """Everything that can be said against a URL without looking its host up."""
        found: list[Finding] = []

        def refuse(rule: str, message: str, next_step: str) -> None:
            found.append(Finding(rule=rule, message=message, path="$.url", source="docs/events-out.md", next_step=next_step))

        try:
            parts = urlsplit(url)
            host, port = (parts.hostname or "").rstrip("."), parts.port
        except ValueError:
            parts, host, port = urlsplit(""), "", None
        if len(url) > URL_LENGTH or not url.isascii() or not url.isprintable() or " " in url or "\\" in url or not host:
            refuse("url_unreadable", "This is no URL of a web server.", "Give one such as https://example.org/pca, in ASCII.")
            return found
        if parts.username is not None or parts.password is not None:
            refuse("url_credentials", "A URL with a user or password is not taken.", "Verify the signature instead.")
        if parts.fragment:
            refuse("url_fragment", "A URL with a fragment is not taken.", "Leave out what follows the #.")
        if parts.scheme != "https" and not (parts.scheme == "http" and self._plain(host)):
            refuse("url_not_https", "Events are sent over https only.", "Give an https URL, or have the operator allow the host.")
        if port is not None and port not in WEB_PORTS and port < FIRST_FREE_PORT:
            refuse("url_port", f"Port {port} belongs to another service.", "Use 443, or one from 1024 on.")
        return found

    async def addresses(self, host: str, port: int) -> list[str]:
        """Where a connection to the host may go: every address of it, if all may be reached. Raises Unreachable."""
        name = host.lower().rstrip(".")
        literal = _literal(name)
        try:
            found = [str(literal)] if literal is not None else await self.resolve(name, port)
        except (OSError, UnicodeError):
            raise Unreachable("the host has no address") from None
        if not found:
            raise Unreachable("the host has no address")
        # one private address among public ones is how a rebinding begins: then none is taken
        if name not in self.hosts and not all(self.permits(ipaddress.ip_address(address.partition("%")[0])) for address in found):
            raise Unreachable("the host is not on the public internet")
        return found

    async def check(self, url: str) -> list[Finding]:
        """Why nothing may be sent to a URL, its host looked up too; none: it may."""
        if found := self.faults(url):
            return found
        parts = urlsplit(url)
        try:
            await self.addresses(parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80))
        except Unreachable as error:
            return [
                Finding(
                    rule="url_unreachable",
                    message=f"Nothing is sent there: {error}.",
                    path="$.url",
                    source="docs/events-out.md",
                    next_step="Give the URL of a public server, or have the operator allow the host.",
                )
            ]
        return []


def _literal(host: str) -> Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


class _Guarded(httpcore.AsyncNetworkBackend):
    """Connects to an address that was looked at, never to a name."""

    def __init__(self, reach: Reach) -> None:
        self._reach = reach
        self._inner = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 (the signature is httpcore's)
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        refused: httpcore.ConnectError | httpcore.ConnectTimeout | None = None
        for address in await self._reach.addresses(host, port):
            try:
                return await self._inner.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                refused = error
        assert refused is not None
        raise refused

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,  # noqa: ASYNC109
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        raise Unreachable("a socket of this machine")

    async def sleep(self, seconds: float) -> None:
        await self._inner.sleep(seconds)


class _Transport(httpx.AsyncHTTPTransport):
    """httpx over connections that are looked at. Certificates are verified against the name, as ever."""

    def __init__(self, reach: Reach, connections: int) -> None:
        super().__init__(trust_env=False)
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=ssl.create_default_context(),
            max_connections=connections,
            max_keepalive_connections=connections,
            keepalive_expiry=15,
            network_backend=_Guarded(reach),
        )


def client(reach: Reach, *, connections: int = 100) -> httpx.AsyncClient:
    """An HTTP client for addresses that others name: guarded, patient for seconds only, without redirects, proxies or cookies."""
    timeout = httpx.Timeout(10, connect=5, pool=5)
    return httpx.AsyncClient(transport=_Transport(reach, connections), timeout=timeout, follow_redirects=False, trust_env=False)
