"""A Slack on this machine: it keeps what is posted to it."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

__all__ = ["SlackReceiver", "slack_receiver"]


class SlackReceiver:
    """``messages`` in the order in which they came; ``url`` is its webhook."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}/services/T0/B0/very-secret"
        self.messages: list[dict[str, Any]] = []

    def titled(self, pattern: str) -> dict[str, Any] | None:
        """The first attachment of Alertmanager's whose title has the pattern in it."""
        attached = [each for message in list(self.messages) for each in message.get("attachments", [])]
        return next((each for each in attached if re.search(pattern, each["title"])), None)


@contextmanager
def slack_receiver() -> Iterator[SlackReceiver]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            receiver.messages.append(json.loads(body))
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"ok")

        def log_message(self, *_: object) -> None:
            """It says nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        receiver = SlackReceiver(server.server_port)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield receiver
        finally:
            server.shutdown()
            thread.join()
