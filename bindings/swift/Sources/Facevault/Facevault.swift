import CFacevault
import Foundation

/// What went wrong. The message is a sentence; it never holds a name, a photo or a vector.
public struct FacevaultError: Error, CustomStringConvertible {
    /// Who must act: `invalid`, `not_found`, `refused`, `cancelled` and so on.
    public let kind: String
    public let message: String
    /// All of it as JSON, with the broken rules (`details`) and the outcome of each photo (`images`).
    public let json: Data

    public var description: String { message }
}

/// Calls a function that takes an error last, and throws that.
func check(_ call: (UnsafeMutablePointer<OpaquePointer?>) -> facevault_status) throws {
    var error: OpaquePointer?
    guard call(&error) != FACEVAULT_OK else { return }
    defer { facevault_error_free(error) }
    func text(_ pointer: UnsafePointer<CChar>?) -> String { pointer.map { String(cString: $0) } ?? "" }
    throw FacevaultError(
        kind: text(facevault_error_kind(error)),
        message: text(facevault_error_message(error)),
        json: Data(text(facevault_error_json(error)).utf8)
    )
}

/// Calls a function that fills a buffer and takes an error last, and gives the bytes.
func bytes(
    _ call: (UnsafeMutablePointer<facevault_buffer>, UnsafeMutablePointer<OpaquePointer?>) -> facevault_status
) throws -> Data {
    var buffer = facevault_buffer()
    defer { facevault_buffer_free(&buffer) }
    try check { error in call(&buffer, error) }
    guard let data = buffer.data else { return Data() }
    return Data(bytes: data, count: buffer.size)
}

/// Lends the bytes of photos to a call.
func withPhotos<T>(_ photos: [Data], _ call: (UnsafePointer<facevault_bytes>?, Int) throws -> T) throws -> T {
    func lend(_ rest: ArraySlice<Data>, _ lent: [facevault_bytes]) throws -> T {
        guard let photo = rest.first else {
            return try lent.withUnsafeBufferPointer { try call($0.baseAddress, $0.count) }
        }
        return try photo.withUnsafeBytes { raw in
            try lend(rest.dropFirst(), lent + [facevault_bytes(data: raw.baseAddress, size: raw.count)])
        }
    }
    return try lend(photos[...], [])
}

/// Detects faces and computes encodings. Expensive: open one and share it among threads.
public final class Engine: @unchecked Sendable {
    let handle: OpaquePointer?

    /// Options are a JSON object: `pack`, `data_dir`, `threads`, `mode`, `rules`.
    public init(options: String = "{}") throws {
        var handle: OpaquePointer?
        try check { error in facevault_engine_open(options, &handle, error) }
        self.handle = handle
    }

    deinit { facevault_engine_close(handle) }

    /// Any verb of an engine; request and answer are JSON.
    public func call(_ verb: String, _ request: String = "{}", photos: [Data] = []) throws -> Data {
        try withPhotos(photos) { lent, count in
            try bytes { answer, error in
                facevault_engine_call(handle, verb, request, lent, count, nil, nil, answer, error)
            }
        }
    }
}

/// A vault that is open, as one client sees it.
public final class Vault: @unchecked Sendable {
    let handle: OpaquePointer?

    /// A vault at `path`, or in memory where it is `nil`. Options are a JSON object: `mode`, `client`, `actor`, `limits`.
    public init(path: String?, options: String = "{}", engine: Engine? = nil) throws {
        var handle: OpaquePointer?
        try check { error in facevault_vault_open(path, options, engine?.handle, &handle, error) }
        self.handle = handle
    }

    deinit { facevault_vault_close(handle) }

    /// Any verb of a vault, such as `create_person`, `update_person` or `identify`; request and answer are JSON.
    public func call(_ verb: String, _ request: String = "{}", photos: [Data] = []) throws -> Data {
        try withPhotos(photos) { lent, count in
            try bytes { answer, error in
                facevault_vault_call(handle, verb, request, lent, count, nil, nil, answer, error)
            }
        }
    }

    /// A photo as it was handed in.
    public func photo(_ image: String, of person: String) throws -> Data {
        let request = String(decoding: try JSONEncoder().encode(["id": person, "image": image]), as: UTF8.self)
        return try bytes { photo, error in facevault_vault_bytes(handle, "photo", request, photo, error) }
    }
}
