"""Attaches itself to a Swift tree: attach.py SOCKET CONTEXT SIZE..."""
import sys

import mitogen.core
import mitogen.parent
import mitogen.unix

import checks

path, context_id = sys.argv[1], int(sys.argv[2])
router, _ = mitogen.unix.connect(path)
try:
    context = mitogen.parent.Context(router, context_id)
    checks.check_calls(context)
    checks.check_channels(router, context)
    checks.check_services(context)
    checks.check_unreachable(router)
    for size in sys.argv[3:]:
        checks.check_large(context, int(size))
finally:
    router.broker.shutdown()
    router.broker.join()
print('done')
