"""Certificates made for one journey, with openssl."""
import ssl
import subprocess
from dataclasses import dataclass
from pathlib import Path


def openssl(*arguments, **more):
    made = subprocess.run(["openssl", *map(str, arguments)], capture_output=True, text=True, **more)
    assert made.returncode == 0, made.stderr
    return made.stdout


@dataclass
class Pair:
    """A certificate (a chain, where there is one) and its key."""
    certificate: Path
    key: Path

    @property
    def listed(self):
        return {"certificate": str(self.certificate), "key": str(self.key)}

    @property
    def serial(self):
        return openssl("x509", "-in", self.certificate, "-noout", "-serial").strip().split("=")[1]

    def put_in_place_of(self, other):
        """Moves this pair over the files of another: what a renewal does."""
        self.key.replace(other.key)
        self.certificate.replace(other.certificate)


class Authority:
    def __init__(self, folder: Path, name="authority"):
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.certificate, self.key = folder / f"{name}.pem", folder / f"{name}.key"
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30",
                "-keyout", self.key, "-out", self.certificate, "-subj", f"/CN={name}",
                "-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign")

    def issue(self, name, names=("DNS:localhost", "IP:127.0.0.1"), *, subject=None, client=False, kind="ec"):
        """A pair `name.pem`, `name.key` for these subject alternative names."""
        pair = Pair(self.folder / f"{name}.pem", self.folder / f"{name}.key")
        request, extensions = self.folder / f"{name}.csr", self.folder / f"{name}.ext"
        what = ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"] if kind == "ec" else [kind]
        openssl("req", "-newkey", *what, "-nodes", "-keyout", pair.key, "-out", request,
                "-subj", subject or f"/CN={name}")
        extensions.write_text(
            f"subjectAltName={','.join(names)}\nextendedKeyUsage={'clientAuth' if client else 'serverAuth'}\n")
        openssl("x509", "-req", "-in", request, "-CA", self.certificate, "-CAkey", self.key, "-days", "30",
                "-extfile", extensions, "-out", pair.certificate)
        pair.key.chmod(0o600)
        return pair

    def client_context(self, pair=None):
        """For Python clients that trust this authority alone."""
        context = ssl.create_default_context(cafile=self.certificate)
        if pair:
            context.load_cert_chain(pair.certificate, pair.key)
        return context

    def server_context(self, pair, *, clients=None):
        """For Python servers; `clients` is the authority whose certificates clients must show."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pair.certificate, pair.key)
        if clients:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(clients.certificate)
        return context


def s_client(port, *arguments, authority=None, sends=""):
    """openssl s_client: its whole output, handshake failed or not."""
    trust = ["-CAfile", str(authority.certificate)] if authority else []
    made = subprocess.run(
        ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", *trust, *map(str, arguments)],
        input=sends.encode(), capture_output=True, timeout=20)
    return (made.stdout + made.stderr).decode(errors="replace")
