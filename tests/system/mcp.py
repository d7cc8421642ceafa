"""An MCP server with authorization, from npm's official SDK. A real process."""

import json
import os
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

from tests.system.issuers import OidcProvider

SERVER = Path(__file__).parent / "mcp_server/server.mjs"


@contextmanager
def mcp_server(issuer: OidcProvider) -> Iterator[str]:
    """A server that takes tokens of `issuer` that are for itself; its URL."""
    process = subprocess.Popen(
        ["node", str(SERVER)],
        env={**os.environ, "ISSUER": issuer.url},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    with process:
        assert process.stdout
        try:
            yield str(json.loads(process.stdout.readline())["url"])
        finally:
            process.terminate()


@contextmanager
def web_site(certificate: Path) -> Iterator[tuple[str, dict[str, bytes]]]:
    """A web site of the person's, with https on loopback: its URL, and its files."""
    files: dict[str, bytes] = {}

    class Site(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path in files else 404)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(files.get(self.path, b""))

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = HTTPServer(("127.0.0.1", 0), Site)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"https://127.0.0.1:{server.server_port}", files
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
