package import SluiceVocabulary

/// One push on its way to clients: immutable, shared by every connection that gets it.
package final class PushMessage: Sendable {
    /// The command id the client sees.
    package let command: UInt32
    package let deliveryClass: DeliveryClass
    /// Envelope format of `payload`: 0 opaque bytes, 1 JSON text.
    package let format: UInt32
    package let payload: [UInt8]
    /// Replaces `payload` (and is JSON) for clients that speak JSON; the gateway's own pushes have
    /// typed payloads in either codec.
    package let payloadForJSON: [UInt8]?

    package init(
        command: UInt32, deliveryClass: DeliveryClass, format: UInt32, payload: [UInt8],
        payloadForJSON: [UInt8]? = nil
    ) {
        self.command = command
        self.deliveryClass = deliveryClass
        self.format = format
        self.payload = payload
        self.payloadForJSON = payloadForJSON
    }
}
