"""Certificates for a journey, made with the openssl program."""
import subprocess


def openssl(*arguments):
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)


class Authority:
    """A certificate authority of one's own in a folder."""

    def __init__(self, folder, name="journeys"):
        self.folder = folder
        folder.mkdir(exist_ok=True)
        self.certificate, self.key = folder / f"{name}-ca.pem", folder / f"{name}-ca.key"
        openssl(
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
            "-subj", f"/CN={name} CA", "-keyout", self.key, "-out", self.certificate,
            "-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign")

    def issue(self, name, *names, client=False):
        """(certificate, key) for these names, IP addresses among them; good for two days."""
        base = self.folder / name.replace("*", "any")
        certificate, key, request = (base.with_suffix(end) for end in (".pem", ".key", ".csr"))
        openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                "-subj", f"/CN={name}", "-keyout", key, "-out", request)
        kinds = [f"IP:{one}" if one.replace(".", "").isdigit() or ":" in one else f"DNS:{one}" for one in names or [name]]
        usage = "clientAuth" if client else "serverAuth"
        extensions = base.with_suffix(".ext")
        extensions.write_text(f"subjectAltName={','.join(kinds)}\nextendedKeyUsage={usage}\nbasicConstraints=CA:FALSE\n")
        openssl("x509", "-req", "-in", request, "-CA", self.certificate, "-CAkey", self.key, "-CAcreateserial",
                "-days", "2", "-extfile", extensions, "-out", certificate)
        return certificate, key
