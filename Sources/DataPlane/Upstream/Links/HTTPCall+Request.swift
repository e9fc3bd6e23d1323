import NIOCore
import NIOHTTP1
import SluiceFraming
import SluiceVocabulary

/// A command as an HTTP request: `docs/http-link.md`.
enum HTTPCallRequest {
    /// - Parameters:
    ///   - envelope: the client's, in protobuf form.
    ///   - stamp: the sender's identity, see `EnvelopeStamp`.
    ///   - milliseconds: time left.
    static func make(
        _ command: Command, service: ServiceDefinition, address: InstanceAddress,
        envelope: RawSpan, stamp: [UInt8], milliseconds: Int64
    ) throws(EnvelopeError) -> HTTPRequest {
        let view = try ProtobufEnvelope.scan(envelope)
        let sender = try stamp.withBytes { span throws(EnvelopeError) in
            try EnvelopeStamp.read(span)
        }
        let payload = envelope.extracting(view.payload.range)
        let isJSON = view.format == PayloadFormat.json.rawValue
        var headers = HTTPHeaders()
        headers.reserveCapacity(14)
        headers.add(name: "Host", value: address.text)
        headers.add(
            name: "Content-Type", value: isJSON ? "application/json" : "application/octet-stream")
        headers.add(name: "Content-Length", value: String(payload.byteCount))
        func add(_ name: String, _ value: String) {
            if !value.isEmpty { headers.add(name: name, value: HeaderText.escaped(value)) }
        }
        add("Sluice-User", sender.user)
        add("Sluice-Session", sender.session)
        add("Sluice-Device", sender.device)
        add("Sluice-Client", sender.client)
        if view.seq != 0 { headers.add(name: "Sluice-Seq", value: String(view.seq)) }
        headers.add(name: "Sluice-Deadline-Ms", value: String(milliseconds))
        add("Sluice-Topic", ProtobufEnvelope.text(view.topic, in: envelope))
        add("traceparent", ProtobufEnvelope.text(view.trace, in: envelope))
        add("Idempotency-Key", ProtobufEnvelope.text(view.key, in: envelope))
        let head = HTTPRequestHead(
            version: .http1_1, method: .POST,
            uri: (service.http?.basePath ?? "") + "/" + HeaderText.escaped(command.name),
            headers: headers)
        var body = ByteBuffer()
        body.writeBytes(payload)
        return HTTPRequest(head: head, body: .whole(body), isRepeatable: command.isRetrySafe)
    }
}

/// Text in a header's value.
package enum HeaderText {
    /// Visible ASCII stands as it is, everything else and `%` as `%XX` of its UTF-8 (RFC 3986 section
    /// 2.1): what a client invents can neither end a header nor be read in two ways.
    package static func escaped(_ text: String) -> String {
        if text.utf8.allSatisfy(isPlain) { return text }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.utf8.count * 3)
        let digits = Array("0123456789ABCDEF".utf8)
        for byte in text.utf8 {
            if isPlain(byte) {
                bytes.append(byte)
            } else {
                bytes += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    private static func isPlain(_ byte: UInt8) -> Bool {
        (0x21...0x7E).contains(byte) && byte != UInt8(ascii: "%")
    }
}
