//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

extension StandardHandle {
    /// The name of a reserved handle in logs, as the wire protocol spells it; nil for any other.
    package static func name(of handle: Handle) -> String? {
        switch handle {
        case getModule: "GET_MODULE"
        case callFunction: "CALL_FUNCTION"
        case forwardLog: "FORWARD_LOG"
        case addRoute: "ADD_ROUTE"
        case deleteRoute: "DEL_ROUTE"
        case allocateID: "ALLOCATE_ID"
        case shutdown: "SHUTDOWN"
        case loadModule: "LOAD_MODULE"
        case forwardModule: "FORWARD_MODULE"
        case detaching: "DETACHING"
        case callService: "CALL_SERVICE"
        case stubCallService: "STUB_CALL_SERVICE"
        case getResource: "GET_RESOURCE"
        case loadResource: "LOAD_RESOURCE"
        case configure: "CONFIGURE"
        case ready: "READY"
        case routeInfo: "ROUTE_INFO"
        case routeLost: "ROUTE_LOST"
        case cancelCall: "CANCEL_CALL"
        case processInput: "PROCESS_INPUT"
        case openChannel: "OPEN_CHANNEL"
        case messagePart: "MESSAGE_PART"
        case blockOwner: "BLOCK_OWNER"
        case keepAlive: "KEEP_ALIVE"
        case attach: "ATTACH"
        case forkServer: "FORK_SERVER"
        case outputCredit: "OUTPUT_CREDIT"
        default: nil
        }
    }
}
