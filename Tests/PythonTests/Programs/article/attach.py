import sys

import mitogen.parent
import mitogen.unix
import mitogen_swift

router, _ = mitogen.unix.connect(sys.argv[1])
context = mitogen.parent.Context(router, int(sys.argv[2]))
print(context.call(mitogen_swift.function('inventory.uptime'), 'minutes'))
router.broker.shutdown()
router.broker.join()
