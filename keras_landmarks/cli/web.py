"""`keras-landmarks web`: the page that finds landmarks in the browser."""

import contextlib
import functools
import http.server
import os
import pathlib
import sys
import threading
import webbrowser

from keras_landmarks.names import number

PAGE = pathlib.Path(__file__).resolve().parent.parent / "page"
"""The built page; `make web` writes it."""

TYPES = {
    ".css": "text/css",
    ".html": "text/html; charset=utf-8",
    ".jpg": "image/jpeg",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
    ".wasm": "application/wasm",
    "": "application/octet-stream",
}
"""Of files by their endings, as browsers want them, whatever the system says."""

WORDS = {
    "help": "open a page that finds landmarks in the browser",
    "description": "Serves a page on this machine alone, and opens it. Pictures and cameras are "
    "looked at in the browser: nothing leaves it.",
    "epilog": "example: keras-landmarks web --port 8000 --no-browser",
}


def add_arguments(parser):
    parser.add_argument("--port", type=int, default=0, help="of the address (default: a free one)")
    parser.add_argument("--no-browser", action="store_true", help="open no browser")


class Handler(http.server.SimpleHTTPRequestHandler):
    """Files of the page, said on no console."""

    extensions_map = TYPES

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    """A server that does not complain of browsers that turn away, as at each reload."""

    allow_reuse_address = os.name != "nt"  # where it would take another's port

    def handle_error(self, request, address):
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, address)


def run(options):
    number("--port", options.port, least=0, most=65535, whole=True)
    if not (PAGE / "index.html").is_file():
        raise FileNotFoundError(f"The page is not built (no {PAGE}). In a clone: make web")
    handler = functools.partial(Handler, directory=str(PAGE))
    with Server(("127.0.0.1", options.port), handler) as server:
        address = f"http://127.0.0.1:{server.server_port}/"
        print(f"{address} shows the page; Ctrl-C ends it.", flush=True)
        if not options.no_browser:
            # Beside the server: a browser in the terminal is waited for.
            threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()
        with contextlib.suppress(KeyboardInterrupt):
            server.serve_forever()
