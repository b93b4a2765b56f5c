"""nginx as a plain proxy: one process, connections to the upstream kept, nothing buffered, each request logged."""

from __future__ import annotations

import shutil
import subprocess

from bench.peers.direct import Direct
from bench.scenario import Place, Scenario

CONFIGURATION = """
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log stderr error;
worker_rlimit_nofile 20000;
events {{ worker_connections 20000; }}
http {{
    access_log /dev/null combined;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    client_body_buffer_size 64k;
    keepalive_requests 1000000000;
    upstream openai {{
        server 127.0.0.1:{upstream};
        keepalive 1024;
        keepalive_requests 1000000000;
    }}
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        location / {{
            proxy_pass http://openai;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_buffering off;
            proxy_read_timeout 600s;
        }}
    }}
}}
"""


class Nginx(Direct):
    """A proxy that does nothing but pass on; it sees no models, so callers use the upstream's names."""

    name = "nginx"

    def lacking(self) -> str:
        """Debian's package has it."""
        return "" if _program() else "nginx is missing: apt-get install nginx-light"

    def version(self) -> str:
        """What it says of itself."""
        said = subprocess.run([_program() or "nginx", "-v"], capture_output=True, text=True, check=True)
        return said.stderr.strip().rpartition("/")[2]

    def configure(self, place: Place, scenario: Scenario) -> list[str]:
        """One location, passed on."""
        del scenario
        file = place.folder / "nginx.conf"
        file.write_text(CONFIGURATION.format(folder=place.folder, port=place.port, upstream=place.upstream))
        return [_program() or "nginx", "-c", str(file), "-e", "stderr", "-p", str(place.folder)]


def _program() -> str | None:
    return shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
