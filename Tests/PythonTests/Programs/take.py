"""Attaches itself to a Swift tree, and takes what comes until it is killed: take.py SOCKET CONTEXT FILE"""
import os
import sys
import threading
import time

import mitogen.core
import mitogen.parent
import mitogen.service
import mitogen.unix

import checks

path, context_id, file = sys.argv[1:]
router, listener = mitogen.unix.connect(path)
context = mitogen.parent.Context(router, int(context_id))


class Sink(object):
    """A file that takes no more after its first bytes."""
    def __init__(self):
        self.written = threading.Event()

    def write(self, data):
        if self.written.is_set():
            time.sleep(1000)
        self.written.set()


sink = Sink()
thread = threading.Thread(target=lambda: mitogen.service.FileService.get(listener, file, sink))
thread.daemon = True
thread.start()
sink.written.wait()
receiver = mitogen.core.Receiver(router)
call = context.call_async(checks.send_numbers, sender=receiver.to_sender(), count=10**9, closes=True)
receiver.get()
print(os.getpid())
sys.stdout.flush()
for message in receiver:
    pass
