//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

// Types of all kinds, with which names are resolved that have too many, too few or the wrong arguments.

struct Plain: Hashable {
    struct Inner {}
    class Reference {}
}

enum Names {
    enum NamesNames {}
    struct PlainNames<Item> {}
}

struct Pair<First, Second> {
    struct Inner {}
    struct Generic<Third> {}
    enum Names {}
}

struct Keyed<Key: Hashable, Value: Codable> {}

struct Items<Source: Sequence, Item> where Source.Element == Item {}

class Base<Item> {
    class Inner {}
}

final class Derived: Base<Plain> {}

actor Worker {}

struct Pack<each Item> {
    struct Inner<Other> {}
}

struct Counted<let count: Int, Item> {}

struct Ticket: ~Copyable {}

struct Holder<Item: ~Copyable>: ~Copyable {}

struct Classy<Item: AnyObject> {}

struct Heir<Item: Base<Plain>> {}

protocol Shape {}

struct Shaped<Item: Shape> {}

extension Plain: Shape {}

extension Pair where First == Int {
    struct Constrained {}
}

extension Pair: Shape where First: Shape {}

struct Ünïcode {
    struct Übung {}
}
