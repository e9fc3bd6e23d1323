import Foundation
import SluiceAdmin
package import SluiceDocuments

extension Configuration {
    /// `sun_path` of a Unix socket has 108 bytes, one of them the end (unix(7)).
    package static let maxSocketPathBytes = 107
    private static let maxTokenFileBytes = 4_096

    /// Reads the token that opens admin calls: the file's text without the line end at its end.
    ///
    /// A relative path is looked up in `$CREDENTIALS_DIRECTORY` (systemd's `LoadCredential=`) first.
    /// Nothing of the content ever gets into an error.
    ///
    /// - Returns: nil where no file is configured.
    package func readAdminToken() throws(DiagnosticList) -> [UInt8]? {
        guard !admin.tokenFile.isEmpty else { return nil }
        let path = adminTokenPath
        guard let data = FileManager.default.contents(atPath: path) else {
            throw Self.tokenProblem(
                path, "the admin token cannot be read",
                hint: "make one: (umask 077; head -c 24 /dev/urandom | base64 > \(path))")
        }
        var token = Array(data.prefix(Self.maxTokenFileBytes + 1))
        while let last = token.last, last == 0x0A || last == 0x0D { token.removeLast() }
        guard (AdminAccess.minTokenBytes...Self.maxTokenFileBytes).contains(token.count) else {
            throw Self.tokenProblem(
                path, "the admin token has \(token.count) bytes",
                hint: "it needs \(AdminAccess.minTokenBytes) to \(Self.maxTokenFileBytes)")
        }
        guard token.allSatisfy({ (0x21...0x7E).contains($0) }) else {
            throw Self.tokenProblem(
                path, "the admin token holds what a header cannot carry",
                hint: "use letters, digits and punctuation, without spaces")
        }
        return token
    }

    private var adminTokenPath: String {
        guard !admin.tokenFile.hasPrefix("/"), let directory = credentialsDirectory else {
            return admin.tokenFile
        }
        let credential = directory + "/" + admin.tokenFile
        return FileManager.default.fileExists(atPath: credential) ? credential : admin.tokenFile
    }

    private static func tokenProblem(
        _ path: String, _ message: String, hint: String
    ) -> DiagnosticList {
        DiagnosticList([
            Diagnostic(
                severity: .error, position: SourcePosition(file: path), message: message,
                hint: hint)
        ])
    }
}
