//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import CMitogenPlatform

/// A reference that does not keep its object alive, as a weak one.
///
/// The first weak reference to an object moves its reference counts to another place, and from then on each retain and
/// release of it takes several times as long. What each message passes (the router, its streams) is referred to by this
/// instead: an unowned reference keeps the object's memory, and the runtime's `swift_tryRetain` says whether the object
/// is still alive. The object's memory stays, after its `deinit`, for as long as there is a tether to it.
struct Tether<Object: AnyObject & Sendable>: @unchecked Sendable {
    // Sendable because neither property changes, and the runtime counts atomically.

    /// Only keeps the memory. To read it would be fatal once the object is gone.
    private unowned let reference: Object
    private let address: UnsafeMutableRawPointer

    init(_ object: Object) {
        reference = object
        address = Unmanaged.passUnretained(object).toOpaque()
    }

    /// The object; nil if it is gone, or its `deinit` has begun.
    var object: Object? {
        withExtendedLifetime(self) {
            guard cmitogen_try_retain(address) else { return nil }
            return Unmanaged<Object>.fromOpaque(address).takeRetainedValue()
        }
    }
}
