//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Logging
internal import MitogenPickle
internal import MitogenProtocol

extension LogMetadata {
    /// What a record carries: the handler's metadata, then the provider's, then the record's own, which wins.
    static func all(of event: LogEvent, in handler: some LogHandler) -> PickleDictionary {
        var merged = handler.metadata
        if let provided = handler.metadataProvider?.get() { merged.merge(provided) { _, new in new } }
        if let own = event.metadata { merged.merge(own) { _, new in new } }
        if let error = event.error { merged["error"] = "\(error)" }
        return merged.isEmpty ? [:] : dictionary(merged)
    }

    private static func dictionary(_ metadata: Logger.Metadata) -> PickleDictionary {
        var result: PickleDictionary = [:]
        for (key, value) in metadata { result.updateValue(self.value(value), forKey: .string(key)) }
        return result
    }

    private static func value(_ value: Logger.MetadataValue) -> PickleValue {
        switch value {
        case .string(let text): .string(text)
        case .stringConvertible(let value): .string(value.description)
        case .array(let items): .list(items.map(self.value))
        case .dictionary(let items): .dictionary(dictionary(items))
        }
    }

    /// The metadata as swift-log has it.
    static func metadata(_ dictionary: PickleDictionary) -> Logger.Metadata {
        var result: Logger.Metadata = [:]
        for case (.string(let key), let value) in dictionary { result[key] = metadata(value) }
        return result
    }

    private static func metadata(_ value: PickleValue) -> Logger.MetadataValue {
        switch value {
        case .string(let text): .string(text)
        case .list(let items): .array(items.map(metadata))
        case .dictionary(let items): .dictionary(metadata(items))
        default: .string("\(value)")
        }
    }
}
