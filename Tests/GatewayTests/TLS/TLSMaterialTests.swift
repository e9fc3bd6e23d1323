import Foundation
import SluiceDocuments
import SluiceGateway
import SwiftASN1
import Testing
import X509

@Suite("TLS: files")
struct TLSMaterialTests {
    let authority: TestAuthority
    let good: TestAuthority.Pair

    init() throws {
        authority = try TestAuthority()
        good = try authority.issue(["a.example", "*.apps.example"])
        try authority.write("a.pem", good.certificatePEM)
        try authority.write("a.key", good.keyPEM)
        try authority.write("ca.pem", authority.certificate.serializeAsPEM().pemString)
    }

    /// What is said about a listener with these certificates; the folder's name left out.
    private func findings(
        certificate: String = "a.pem", key: String = "a.key", more: String = ""
    ) throws -> String {
        try findings(
            text: """
                listeners:
                  - name: main
                    port: 0
                    tls:
                      certificates: [{certificate: \(certificate), key: \(key)}]
                \(more)
                """)
    }

    private func findings(text: String) throws -> String {
        let configuration = try Configuration.decode(
            text: text, file: "f",
            environment: ["CREDENTIALS_DIRECTORY": authority.folder.path]
        ).configuration
        var found: [Diagnostic]
        do throws(DiagnosticList) {
            found = try TLSMaterial.read(configuration, now: Date.now.timeIntervalSince1970)
                .warnings
        } catch {
            found = error.diagnostics
            #expect(error.hasErrors)
        }
        return found.map(\.text).joined(separator: "\n")
            .replacingOccurrences(of: authority.folder.path + "/", with: "")
    }

    @Test("good files give a context and nothing to say")
    func nothingToSay() throws {
        #expect(try findings(more: "      client_ca: ca.pem") == "")
    }

    @Test("a file that is not there is named, at the key that names it")
    func missing() throws {
        #expect(
            try findings(certificate: "none.pem")
                == "f:5:36: error: none.pem: there is no such file; a relative path is looked up in the working directory"
        )
        #expect(
            try findings(key: "none.key").hasPrefix("f:5:48: error: none.key: there is no such"))
        #expect(try findings(certificate: "/tmp").contains("/tmp: this is a directory"))
    }

    @Test("what is not PEM is told apart: empty, DER, cut short, the other file")
    func notPEM() throws {
        try authority.write("empty.pem", "")
        try authority.write("der.pem", "0\u{01}\u{02}")
        try authority.write("cut.pem", String(good.certificatePEM.dropLast(30)))
        try authority.write("text.pem", "certificate")
        try authority.write(
            "damaged.pem",
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
        #expect(try findings(certificate: "empty.pem").contains("empty.pem: the file is empty"))
        #expect(
            try findings(certificate: "der.pem").contains(
                "der.pem: this is no PEM file; convert it: openssl x509 -inform der"))
        #expect(try findings(certificate: "cut.pem").contains("or its end is missing"))
        #expect(try findings(certificate: "text.pem").contains("this is no PEM file"))
        #expect(try findings(certificate: "damaged.pem").contains("certificate 1 of 1 is damaged"))
        let swapped = try findings(certificate: "a.key", key: "a.pem")
        #expect(swapped.contains("a.key: this file holds a private key and no certificate"))
        #expect(swapped.contains("a.pem: this file holds a certificate and no private key"))
    }

    @Test("a key must belong to the first certificate")
    func mismatch() throws {
        let other = try authority.issue(["b.example"])
        try authority.write("b.key", other.keyPEM)
        #expect(
            try findings(key: "b.key").hasPrefix(
                "f:5:48: error: b.key: the key does not belong to the certificate in a.pem"))
        try authority.write("both.pem", good.certificatePEM + "\n" + other.certificatePEM)
        #expect(
            try findings(certificate: "both.pem", key: "b.key")
                .contains("it belongs to certificate 2 of that file; put that one first"))
    }

    @Test("a key nobody can open, or that is of no known kind, is refused and never quoted")
    func keys() throws {
        let keyText = try good.keyPEM
        let secret = try #require(keyText.split(separator: "\n").dropFirst().first)
        func finding(_ text: String) throws -> String {
            try authority.write("x.key", text)
            let found = try findings(key: "x.key")
            #expect(!found.contains(secret))
            return found
        }
        #expect(
            try finding(keyText.replacingOccurrences(of: "PRIVATE", with: "ENCRYPTED PRIVATE"))
                .contains("the private key is encrypted, and nobody is there"))
        #expect(
            try finding(
                keyText.replacingOccurrences(
                    of: "KEY-----\nM", with: "KEY-----\nProc-Type: 4,ENCRYPTED\n\nM")
            ).contains("the private key is encrypted"))
        #expect(try finding(keyText + "\n" + keyText).contains("2 private keys are in it"))
        #expect(
            try finding(keyText.replacingOccurrences(of: "PRIVATE", with: "DSA PRIVATE"))
                .contains("the private key (DSA PRIVATE KEY) cannot be read"))
    }

    @Test("a key that others may read is a warning")
    func permissions() throws {
        try authority.write("open.key", good.keyPEM, mode: 0o644)
        #expect(
            try findings(key: "open.key")
                == "f:5:48: warning: open.key: every user of this machine can reach the private key; chmod 600 open.key"
        )
    }

    @Test(
        "dates are warnings, never errors",
        arguments: [
            (-20.0, -1.0, "HAS EXPIRED on"), (1.0, 90.0, "is not valid before"),
            (-20.0, 3.0, "expires on"),
        ])
    func dates(from: Double, to: Double, words: String) throws {
        let pair = try authority.issue(["d.example"], days: (from, to))
        try authority.write("d.pem", pair.certificatePEM)
        try authority.write("d.key", pair.keyPEM)
        let found = try findings(certificate: "d.pem", key: "d.key")
        #expect(found.hasPrefix("f:5:36: warning: d.pem: certificate 1 \(words)"), "\(found)")
    }

    @Test("a chain goes from the leaf upwards")
    func order() throws {
        let ca = try authority.certificate.serializeAsPEM().pemString
        try authority.write("chain.pem", good.certificatePEM + "\n" + ca)
        #expect(try findings(certificate: "chain.pem") == "")
        let stranger = try TestAuthority("Somebody else").certificate.serializeAsPEM().pemString
        try authority.write("wrong.pem", good.certificatePEM + "\n" + stranger + "\n" + ca)
        #expect(
            try findings(certificate: "wrong.pem").contains(
                "the chain is out of order: certificate 2 did not sign certificate 1"))
    }

    @Test("a certificate for another purpose is a warning")
    func purpose() throws {
        let pair = try authority.issue(["c.example"], usage: .clientAuth)
        try authority.write("c.pem", pair.certificatePEM)
        try authority.write("c.key", pair.keyPEM)
        #expect(
            try findings(certificate: "c.pem", key: "c.key")
                .contains("warning: c.pem: the certificate is not for servers"))
        #expect(
            try findings(more: "      client_ca: c.pem")
                .contains("warning: c.pem: certificate 1 is no authority's"))
    }

    @Test("two certificates of one listener share no name, and only the first may have none")
    func names() throws {
        let twin = try authority.issue(["b.example", "A.EXAMPLE"])
        let nameless = try authority.issue([])
        for (name, pair) in [("twin", twin), ("nameless", nameless)] {
            try authority.write("\(name).pem", pair.certificatePEM)
            try authority.write("\(name).key", pair.keyPEM)
        }
        func both(_ first: String, _ second: String) throws -> String {
            try findings(
                text: """
                    listeners:
                      - name: main
                        port: 0
                        tls:
                          certificates:
                            - {certificate: \(first).pem, key: \(first).key}
                            - {certificate: \(second).pem, key: \(second).key}
                    """)
        }
        #expect(
            try both("a", "twin").hasPrefix(
                "f:7:25: error: twin.pem: the name `a.example` is in a.pem already"))
        #expect(try both("a", "nameless").contains("the certificate has no DNS name"))
        #expect(try both("nameless", "a") == "")
    }

    @Test("a service's files are checked the same way")
    func services() throws {
        func service(_ tls: String) throws -> String {
            try findings(
                text: "services: [{name: s, instances: [\"h:1\"], tls: {\(tls)}}]")
        }
        #expect(try service("") == "")
        #expect(try service("ca: ca.pem").isEmpty)
        #expect(try service("ca: none.pem").hasPrefix("f:1:52: error: none.pem: there is no such"))
        #expect(
            try service("certificate: a.pem, key: a.key")
                .contains("warning: a.pem: the certificate is not for clients"))
    }

    @Test("the same files again are the same; new content under an old name is a change")
    func fingerprint() throws {
        func read() throws -> TLSMaterial {
            let text = """
                listeners:
                  - {name: main, port: 0, tls: {certificates: [{certificate: a.pem, key: a.key}], client_ca: ca.pem}}
                services: [{name: s, instances: ["h:1"], tls: {ca: ca.pem}}]
                """
            let configuration = try Configuration.decode(
                text: text, file: "f",
                environment: ["CREDENTIALS_DIRECTORY": authority.folder.path]
            ).configuration
            return try TLSMaterial.read(configuration, now: Date.now.timeIntervalSince1970)
        }
        let first = try read()
        #expect(first.fingerprint == (try read()).fingerprint)
        #expect(first.services["s"] == (try read()).services["s"])
        let end = good.certificate.notValidAfter.timeIntervalSince1970
        #expect(
            first.expiries.map { "\($0.side) \($0.name) \($0.seconds)" } == ["listener main \(end)"]
        )

        let next = try authority.issue(["a.example"])
        try authority.write("a.pem", next.certificatePEM)
        try authority.write("a.key", next.keyPEM)
        let second = try read()
        #expect(second.fingerprint != first.fingerprint)
        #expect(second.services["s"] == first.services["s"])

        let ca = try TestAuthority("Another").certificate.serializeAsPEM().pemString
        try authority.write("ca.pem", ca)
        #expect(try read().fingerprint != second.fingerprint)
        #expect(try read().services["s"] != first.services["s"])
    }
}
