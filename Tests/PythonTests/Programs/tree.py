"""A tree that others attach themselves to: tree.py SOCKET. Prints the number of a context; ends with its input.

The master has services: one for files, and a notebook.
"""
import os
import sys

import mitogen.master
import mitogen.service
import mitogen.unix

import sample.parts.calls
import sample.services

broker = mitogen.master.Broker()
router = mitogen.master.Router(broker)
try:
    files = mitogen.service.FileService(router)
    pool = mitogen.service.Pool(router, [files, sample.services.Notebook(router)], size=2)
    context = router.local()
    context.call(os.getpid)
    mitogen.unix.Listener.build_stream(router, path=sys.argv[1])
    print(context.context_id)
    sys.stdout.flush()
    sys.stdin.read()
finally:
    pool.stop()
    broker.shutdown()
    broker.join()
