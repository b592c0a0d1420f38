//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

import MitogenPickle

/// What the payloads of the wire vectors mean, by the name of the vector: one value for each stream.
enum ExpectedValues {
    static let byName: [String: [PickleValue]] = [
        "allocate_id_reply": [.tuple([2, 1002])],
        "detaching_reply": [nil],
        "call_function_noargs": [.tuple([nil, "posix", nil, "getpid", .tuple([]), .keywordArguments([:])])],
        "call_function_args": [
            .tuple([
                nil, "mymod", "MyClass", "method", .tuple([1, "two", .bytes([0x03])]),
                .keywordArguments(["key": [true, nil]]),
            ])
        ],
        "call_function_pipelined_noreply": [
            .tuple(["host-1-2-3", "mymod", nil, "step", .tuple([]), .keywordArguments([:])])
        ],
        "call_function_forget_chain": [
            .tuple([nil, "mitogen.core", "Dispatcher", "forget_chain", .tuple(["host-1-2-3"]), .keywordArguments([:])])
        ],
        "call_function_proxy_connect": [
            .tuple([
                nil, "mitogen.parent", nil, "_proxy_connect", .tuple([]),
                .keywordArguments([
                    "name": nil, "method_name": "local",
                    "kwargs": .keywordArguments(["debug": false, "profiling": false, "unidirectional": false]),
                ]),
            ])
        ],
        "proxy_connect_reply": [["id": 2, "name": "local.123", "msg": nil]],
        "call_service": [.tuple(["mitogen.service.FileService", "acknowledge", .keywordArguments(["size": 131046])])],
        "load_module_negative": [.tuple(["nope", nil, nil, nil, .tuple([])])],
        "load_module_package": [
            .tuple([
                "pkg", ["a", "b"], "/src/pkg/__init__.py",
                .blob([0x78, 0xDA, 0xAB, 0x50, 0xB0, 0x55, 0x30, 0xE4, 0x02, 0x00, 0x05, 0x36, 0x01, 0x31]), ["pkg.a"],
            ])
        ],
        "get_resource": [.tuple(["pkg", "data.txt"])],
        "load_resource": [.tuple(["pkg", "data.txt"]), .bytes([0x61, 0x62, 0x63])],
        "load_resource_missing": [.tuple(["pkg", "nope"]), nil],
        "none": [nil],
        "true": [true],
        "false": [false],
        "int_0": [0],
        "int_1": [1],
        "int_255": [255],
        "int_256": [256],
        "int_65535": [65535],
        "int_65536": [65536],
        "int_int31max": [2_147_483_647],
        "int_2p31": [2_147_483_648],
        "int_2p32": [4_294_967_296],
        "int_int63max": [9_223_372_036_854_775_807],
        "int_2p63": [.integer(littleEndianTwosComplement: [0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x80, 0x00])],
        "int_2p64": [.integer(littleEndianTwosComplement: [0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01])],
        "int_neg1": [-1],
        "int_neg128": [-128],
        "int_neg32768": [-32768],
        "int_int31min": [-2_147_483_648],
        "int_int31min_minus1": [-2_147_483_649],
        "int_int63min": [-9_223_372_036_854_775_808],
        "int_int63min_minus1": [
            .integer(littleEndianTwosComplement: [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F, 0xFF])
        ],
        "int_2p1000": [.integer(littleEndianTwosComplement: Array(repeating: 0, count: 125) + [0x01])],
        "int_neg2p100": [
            .integer(littleEndianTwosComplement: [
                0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0xF0,
            ])
        ],
        "int_2p2048": [.integer(littleEndianTwosComplement: Array(repeating: 0, count: 256) + [0x01])],
        "float_zero": [0.0],
        "float_1_5": [1.5],
        "float_neg_pi": [-3.141592653589793],
        "float_inf": [.float(.infinity)],
        "float_nan": [.float(.nan)],
        "str_empty": [""],
        "str_ascii": ["hello"],
        "str_bmp": ["hé€"],
        "str_astral": ["\u{1F600}"],
        "str_nul": ["a\u{0}b\u{A}"],
        "bytes_empty_toplevel": [.bytes([])],
        "bytes_toplevel": [.bytes([0x61, 0x62, 0x63, 0x00, 0xFF])],
        "bytes_empty_nested": [[.bytes([])]],
        "bytes_nested": [[.bytes([0x61, 0x62, 0x63])]],
        "bytes_nested_high": [[.bytes([0x00, 0x7F, 0x80, 0xFF])]],
        "bytes_nested_twice": [[.bytes([0x61]), .bytes([0x62])]],
        "tuple_empty": [.tuple([])],
        "tuple_1": [.tuple([1])],
        "tuple_2": [.tuple([1, 2])],
        "tuple_3": [.tuple([1, 2, 3])],
        "tuple_4": [.tuple([1, 2, 3, 4])],
        "list_empty": [[]],
        "list_1": [[1]],
        "list_3": [[1, "b", .bytes([0x63])]],
        "dict_empty": [[:]],
        "dict_1": [["a": 1]],
        "dict_mixed": [[1: 2, "a": 3, .bytes([0x62]): 4, "c": [:], .tuple([1, 2]): nil]],
        "nested": [["a": [1, .tuple([2, ["b": [nil, true]]])], "c": .tuple([.tuple([]), []])]],
        "memo_shared_str": [["shared", "shared", "shared"]],
        "memo_shared_list": [[[1], [1]]],
        "list_1001": [.list(Array(repeating: 7, count: 1001))],
        "many_memo": [.list((0..<300).map { [.int($0 % 2)] })],
        "blob": [.blob([0x64, 0x61, 0x76, 0x65])],
        "blob_empty": [.blob([])],
        "secret": [.secret("pw")],
        "kwargs": [.keywordArguments(["a": 1])],
        "call_error": [.callError("builtins.ValueError: eek\u{A}  File \"x\", line 1, in f\u{A}")],
        "context_named": [.context(id: 1234, name: "k3")],
        "context_unnamed": [.context(id: 1234, name: nil)],
        "context_zero": [.context(id: 0, name: "self")],
        "context_name_100": [.context(id: 1, name: String(repeating: "n", count: 100))],
        "context_name_500": [.context(id: 1, name: String(repeating: "n", count: 500))],
        "sender": [.sender(contextID: 55555, handle: 4444)],
        "sender_first_handle": [.sender(contextID: 55555, handle: 1)],
        "sender_last_handle": [.sender(contextID: 55555, handle: .max)],
        "call_function_sender": [
            .tuple([
                nil, "mymod", nil, "child_main", .tuple([.sender(contextID: 0, handle: 1007), 2.0]),
                .keywordArguments([:]),
            ])
        ],
        "py2_bytes": [.bytes([0x74, 0x65, 0x73, 0x74])],
        "py2_long": [17_592_186_044_415],
        "py2_int64_text": [4_294_967_296],
        "py2_blob": [.blob([0x62, 0x69, 0x67, 0x62, 0x6C, 0x6F, 0x62])],
        "py2_kwargs": [.keywordArguments(["key": 1])],
        "py2_call_error": [.callError("big error")],
        "py2_context": [.context(id: 1234, name: nil)],
        "call_error_by_class_name": [.callError("eek")],
    ]
}
