//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

#if ServiceLifecycle
    public import ServiceLifecycle

    extension Router: ServiceLifecycle.Service {
        /// Keeps a service group's place for this router: returns when its Broker has ended.
        ///
        /// A graceful shutdown of the group, or cancelling it, shuts the router down, and with it every context that it
        /// has started. That takes at most ``RouterConfiguration/shutdownTimeout``. A group shuts its services down in
        /// the reverse order, so name the router before the services that use it.
        public func run() async {
            await withTaskCancellationOrGracefulShutdownHandler {
                await join()
            } onCancelOrGracefulShutdown: {
                self.shutdown()
            }
        }
    }
#endif
