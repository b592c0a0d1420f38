"""A tree that others attach themselves to: tree.py SOCKET. Prints the number of a context; ends with its input."""
import os
import sys

import mitogen.master
import mitogen.unix

import sample.parts.calls

broker = mitogen.master.Broker()
router = mitogen.master.Router(broker)
try:
    context = router.local()
    context.call(os.getpid)
    mitogen.unix.Listener.build_stream(router, path=sys.argv[1])
    print(context.context_id)
    sys.stdout.flush()
    sys.stdin.read()
finally:
    broker.shutdown()
    broker.join()
