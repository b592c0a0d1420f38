#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// A bar on standard error that is drawn over itself while the work goes on.
struct ProgressBar {
    let total: Int
    let isShown: Bool
    private(set) var done = 0
    private var percent = -1

    /// A bar is for people: it is shown on a terminal, or if somebody asks for it.
    init(total: Int, isWanted: Bool) {
        self.total = total
        isShown = isWanted || isatty(STDERR_FILENO) == 1
    }

    mutating func advance(by count: Int) {
        done += count
        guard isShown, 100 * done / total > percent else { return }
        percent = 100 * done / total
        let bar = String(repeating: "#", count: percent / 5) + String(repeating: ".", count: 20 - percent / 5)
        show("\r[\(bar)] \(percent) %")
    }

    func end() {
        if isShown { show("\n") }
    }

    private func show(_ text: String) {
        _ = write(STDERR_FILENO, text, text.utf8.count)
    }
}
