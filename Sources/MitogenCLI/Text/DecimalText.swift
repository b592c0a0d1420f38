//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// Numbers with a fixed count of decimals, which the standard library alone does not write.
package enum DecimalText {
    /// The number, rounded; "0" for what is no number, so that JSON stays valid.
    ///
    /// - Parameter digits: How many digits follow the point, 0 to 9.
    package static func text(_ value: Double, digits: Int) -> String {
        let scale = (0..<digits).reduce(1) { product, _ in product * 10 }
        guard let scaled = Int(exactly: (value * Double(scale)).rounded()) else { return "0" }
        let sign = scaled < 0 ? "-" : ""
        let (whole, fraction) = scaled.magnitude.quotientAndRemainder(dividingBy: UInt(scale))
        guard digits > 0 else { return "\(sign)\(whole)" }
        let text = "\(fraction)"
        return "\(sign)\(whole).\(String(repeating: "0", count: digits - text.count))\(text)"
    }
}
