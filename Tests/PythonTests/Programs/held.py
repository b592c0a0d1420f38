"""A master whose contexts are busy, until it is killed: held.py PROGRAM PYTHON. Prints the numbers of all processes."""
import os
import sys
import time

import mitogen.master
import mitogen_swift

program, python = sys.argv[1:]
broker = mitogen.master.Broker()
router = mitogen.master.Router(broker)
context = router.local(python_path=mitogen_swift.program(program))
processes = context.call(mitogen_swift.function('python.hold'), python=python or None)
beside = router.local()
processes += [os.getpid(), beside.call(os.getpid)]
beside.call_async(time.sleep, 1000)
print(' '.join(map(str, processes)))
sys.stdout.flush()
time.sleep(1000)
