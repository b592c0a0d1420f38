//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

#if Metrics || Tracing
    internal import Synchronization

    extension Mitogen {
        /// Becomes a context if the program was started as one, like ``runChildIfRequested()``, and calls `bootstrap`
        /// in every process of the program: in a context before anything can be called there, otherwise before this
        /// returns.
        ///
        /// - Parameter bootstrap: The place to call `MetricsSystem.bootstrap` and `InstrumentationSystem.bootstrap`. It
        ///   must not bootstrap logging, which contexts forward.
        public static func runChildIfRequested(bootstrapping bootstrap: @escaping @Sendable () -> Void) {
            ChildRuntime.bootstrap.withLock { $0 = bootstrap }
            ChildRuntime.runIfRequested()
            bootstrap()
        }
    }

    extension MitogenProgram {
        public static func bootstrapObservability() {}
    }
#endif
